"""Prompts as files: versions that never change, rendered in a sandbox."""

from orchestra.prompting.library import Library
from orchestra.prompting.prompted import Prompted, rendered
from orchestra.prompting.template import Template

__all__ = ["Library", "Prompted", "Template", "rendered"]
