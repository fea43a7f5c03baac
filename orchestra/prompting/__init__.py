"""Prompts as files, versions that never change, and the experiments between them, between models and whole policies."""

from orchestra.prompting.analysis import Analysis
from orchestra.prompting.experiment import Experiment
from orchestra.prompting.library import Library
from orchestra.prompting.prompted import Prompted, rendered
from orchestra.prompting.template import Template

__all__ = ["Analysis", "Experiment", "Library", "Prompted", "Template", "rendered"]
