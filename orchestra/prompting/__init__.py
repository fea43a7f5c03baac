"""Prompts as files: versions that never change, rendered in a sandbox."""

from orchestra.prompting.library import Library
from orchestra.prompting.template import Template

__all__ = ["Library", "Template"]
