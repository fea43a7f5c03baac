"""The spec's own class names, as thin faces over the tree."""

from orchestra.classic.cost import BudgetEnforcer, CostTracker
from orchestra.classic.ensembles import FusionEnsemble, RankingEnsemble, VerificationEnsemble, VotingEnsemble
from orchestra.classic.experiments import PromptABTest
from orchestra.classic.prompts import PromptManager, PromptTemplate
from orchestra.classic.router import ModelRouter, Task

__all__ = [
    "BudgetEnforcer",
    "CostTracker",
    "FusionEnsemble",
    "ModelRouter",
    "PromptABTest",
    "PromptManager",
    "PromptTemplate",
    "RankingEnsemble",
    "Task",
    "VerificationEnsemble",
    "VotingEnsemble",
]
