"""The spec's own class names, as thin faces over the tree."""

from orchestra.classic.cost import BudgetEnforcer, CostTracker
from orchestra.classic.prompts import PromptManager, PromptTemplate
from orchestra.classic.router import ModelRouter, Task

__all__ = ["BudgetEnforcer", "CostTracker", "ModelRouter", "PromptManager", "PromptTemplate", "Task"]
