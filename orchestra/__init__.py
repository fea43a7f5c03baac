"""Orchestra: routing, ensembles, budgets and prompts in front of LiteLLM."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestra.api import MultiModelAPI
    from orchestra.classic import (
        BudgetEnforcer,
        CostTracker,
        FusionEnsemble,
        ModelRouter,
        PromptABTest,
        PromptManager,
        PromptTemplate,
        RankingEnsemble,
        Task,
        VerificationEnsemble,
        VotingEnsemble,
    )
    from orchestra.dropin import install, uninstall
    from orchestra.ensemble import Answers, Cascade, Fuse, Rank, Verify, Vote
    from orchestra.errors import (
        AllFailed,
        Blocked,
        BudgetBusy,
        BudgetExceeded,
        ConfigError,
        Cut,
        DeadlineExceeded,
        Denied,
        LedgerClock,
        LedgerError,
        LedgerUnavailable,
        ModelError,
        NoModelAvailable,
        NotFound,
        OrchestraError,
        PriceUnknown,
        PromptError,
        RateLimited,
        Refused,
        TimedOut,
        TooLong,
        Transient,
        Unavailable,
    )
    from orchestra.ledger import Ledger
    from orchestra.llm import Leaf
    from orchestra.model_config import ModelConfig
    from orchestra.prompting import Experiment, Library, Prompted
    from orchestra.resilience import Cached, Cooled, Downgrade, Fallback, Limited, Retired, Retry
    from orchestra.routing import Route, Split
    from orchestra.runtime import Runtime
    from orchestra.settings import APISettings, EnsembleConfig, ProviderConfig, RouterConfig
    from orchestra.stream import Stream, SyncStream
    from orchestra.tree import RetiredModelWarning
    from orchestra.types import (
        Attempt,
        Choice,
        Chunk,
        Citation,
        Failure,
        Judge,
        Model,
        Request,
        Response,
        Strategy,
        Usage,
        Verdict,
    )
    from orchestra.types import Request as ModelRequest
    from orchestra.types import Response as ModelResponse

_PLACES = {
    "orchestra.api": ("MultiModelAPI",),
    "orchestra.classic": (
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
    ),
    "orchestra.dropin": (
        "install",
        "uninstall",
    ),
    "orchestra.ensemble": ("Answers", "Cascade", "Fuse", "Rank", "Verify", "Vote"),
    "orchestra.errors": (
        "AllFailed",
        "Blocked",
        "BudgetBusy",
        "BudgetExceeded",
        "ConfigError",
        "Cut",
        "DeadlineExceeded",
        "Denied",
        "LedgerClock",
        "LedgerError",
        "LedgerUnavailable",
        "ModelError",
        "NoModelAvailable",
        "NotFound",
        "OrchestraError",
        "PriceUnknown",
        "PromptError",
        "RateLimited",
        "Refused",
        "TimedOut",
        "TooLong",
        "Transient",
        "Unavailable",
    ),
    "orchestra.ledger": ("Ledger",),
    "orchestra.llm": ("Leaf",),
    "orchestra.model_config": ("ModelConfig",),
    "orchestra.prompting": (
        "Experiment",
        "Library",
        "Prompted",
    ),
    "orchestra.resilience": ("Cached", "Cooled", "Downgrade", "Fallback", "Limited", "Retired", "Retry"),
    "orchestra.routing": ("Route", "Split"),
    "orchestra.runtime": ("Runtime",),
    "orchestra.settings": ("APISettings", "EnsembleConfig", "ProviderConfig", "RouterConfig"),
    "orchestra.stream": ("Stream", "SyncStream"),
    "orchestra.tree": ("RetiredModelWarning",),
    "orchestra.types": (
        "Attempt",
        "Choice",
        "Chunk",
        "Citation",
        "Failure",
        "Judge",
        "Model",
        "Request",
        "Response",
        "Strategy",
        "Usage",
        "Verdict",
    ),
}
_PLACE_OF = {name: (place, name) for place, names in _PLACES.items() for name in names} | {
    "ModelRequest": ("orchestra.types", "Request"),
    "ModelResponse": ("orchestra.types", "Response"),
}

__all__ = [
    "APISettings",
    "AllFailed",
    "Answers",
    "Attempt",
    "Blocked",
    "BudgetBusy",
    "BudgetEnforcer",
    "BudgetExceeded",
    "Cached",
    "Cascade",
    "Choice",
    "Chunk",
    "Citation",
    "ConfigError",
    "Cooled",
    "CostTracker",
    "Cut",
    "DeadlineExceeded",
    "Denied",
    "Downgrade",
    "EnsembleConfig",
    "Experiment",
    "Failure",
    "Fallback",
    "Fuse",
    "FusionEnsemble",
    "Judge",
    "Leaf",
    "Ledger",
    "LedgerClock",
    "LedgerError",
    "LedgerUnavailable",
    "Library",
    "Limited",
    "Model",
    "ModelConfig",
    "ModelError",
    "ModelRequest",
    "ModelResponse",
    "ModelRouter",
    "MultiModelAPI",
    "NoModelAvailable",
    "NotFound",
    "OrchestraError",
    "PriceUnknown",
    "PromptABTest",
    "PromptError",
    "PromptManager",
    "PromptTemplate",
    "Prompted",
    "ProviderConfig",
    "Rank",
    "RankingEnsemble",
    "RateLimited",
    "Refused",
    "Request",
    "Response",
    "Retired",
    "RetiredModelWarning",
    "Retry",
    "Route",
    "RouterConfig",
    "Runtime",
    "Split",
    "Strategy",
    "Stream",
    "SyncStream",
    "Task",
    "TimedOut",
    "TooLong",
    "Transient",
    "Unavailable",
    "Usage",
    "Verdict",
    "VerificationEnsemble",
    "Verify",
    "Vote",
    "VotingEnsemble",
    "install",
    "uninstall",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACE_OF:
        raise AttributeError(f"module 'orchestra' has no attribute {name!r}")
    place, attribute = _PLACE_OF[name]
    value = getattr(import_module(place), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
