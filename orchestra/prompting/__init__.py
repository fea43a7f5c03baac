"""Prompts and the experiments between them, between models, and between whole policies."""

from orchestra.prompting.analysis import Analysis
from orchestra.prompting.experiment import Experiment

__all__ = ["Analysis", "Experiment"]
