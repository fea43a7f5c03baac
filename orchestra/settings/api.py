"""The settings as the spec names them, and the tree form beside them: two ways to write one thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from orchestra.settings.base import Spec
from orchestra.settings.experiments import ExperimentSpec
from orchestra.settings.money import BudgetSpec, LedgerSpec
from orchestra.settings.nodes import ModelSpec, NodeSpec, SpecStrategy
from orchestra.settings.provider import ProviderConfig

TASK_TYPES = (
    "reasoning",
    "extraction",
    "classification",
    "long_context",
    "vision",
    "web_search",
    "code",
    "translation",
    "summary",
    "chat",
)

ROUTING_RULES = {
    "reasoning_high_priority": "gpt-4-turbo",
    "reasoning_budget": "gemini-1.5-flash",
    "extraction_fast": "groq/llama-3.1-70b",
    "extraction_accurate": "claude-3-5-sonnet",
    "long_context": "gemini-1.5-pro",
    "vision": "gpt-4o",
}

FALLBACK_ORDER = ("claude-3-5-sonnet", "gpt-4o-mini", "gemini-1.5-flash", "groq/llama-3.1-70b")

EnsembleStrategy = Literal["voting", "ranking", "fusion", "verification"]
ENSEMBLE_SPELLINGS = {"vote": "voting", "rank": "ranking", "fuse": "fusion", "verify": "verification"}


class RouterConfig(Spec):
    """How a model is chosen when none is named.

    `routing_rules` replaces the model of a row of the shipped rule table (`config/classic.yaml`), by the row's name.
    `max_retries` counts the retries of one request over all models; unset, `APISettings.max_retries` counts.
    """

    enabled: bool = True
    strategy: SpecStrategy = "task_based"
    routing_rules: dict[str, str] = Field(default_factory=lambda: dict(ROUTING_RULES))
    fallback_order: list[str] = Field(default_factory=lambda: list(FALLBACK_ORDER))
    auto_retry: bool = True
    max_retries: int = Field(default=3, ge=0)


class EnsembleConfig(Spec):
    """How several models are combined; off unless `enabled`, because it costs more."""

    enabled: bool = False
    strategy: EnsembleStrategy = "voting"
    models: list[str] = Field(default_factory=list)
    """The members; none: the router picks them."""
    min_agreement: float = Field(default=0.67, ge=0, le=1)
    quality_metric: Literal["coherence", "accuracy", "completeness"] = "accuracy"
    generator_model: str | None = None
    validator_model: str | None = None

    @field_validator("strategy", mode="before")
    @classmethod
    def _our_spelling(cls, value: Any) -> Any:
        return ENSEMBLE_SPELLINGS.get(value, value) if isinstance(value, str) else value


class APISettings(Spec):
    """Everything that can be set. `APISettings()` has the spec's values; in a file, what is not named is off.

    The flat fields of the spec and the tree (`models`, `policies`) say the same things in two ways; naming one thing
    in both is an error.
    """

    version: Literal[1] = 1
    providers: dict[str, ProviderConfig] = Field(default_factory=dict)
    models: dict[str, ModelSpec] = Field(default_factory=dict)
    policies: dict[str, NodeSpec] = Field(default_factory=dict)
    experiments: dict[str, ExperimentSpec] = Field(default_factory=dict)
    task_types: list[str] = Field(default_factory=list)
    """Task types of your own, beside the built-in ones."""

    default_model: str | None = "gpt-4o-mini"
    router: RouterConfig | None = Field(default_factory=lambda: RouterConfig())
    ensemble: EnsembleConfig | None = Field(default_factory=lambda: EnsembleConfig())
    daily_budget_usd: float | None = Field(default=20.00, ge=0)
    alert_threshold: float = Field(default=0.8, gt=0, le=1)
    max_requests_per_minute: int | None = Field(default=60, ge=1)
    max_retries: int = Field(default=3, ge=0)
    retry_delay_seconds: float = Field(default=2, ge=0)
    budgets: dict[str, BudgetSpec] = Field(default_factory=dict)
    ledger: LedgerSpec = LedgerSpec()
    default_max_tokens: int = Field(default=4096, ge=1)
    """The longest answer of a call under a budget that does not say how long its answer may be."""
    prompt_templates: dict[str, str] = Field(default_factory=dict)
    """Prompts by name: version 1 of each."""
    prompt_folder: Path = Path("prompts")
    """Where your own prompts are: `NAME/v1.j2` and so on, beside those that ship."""

    deadline_s: float | None = Field(default=120.0, gt=0)
    """Seconds that one request may take in all, retries and fallbacks included; `None`: no end."""
    on_retired: Literal["try", "successor", "refuse"] = "try"
    """A retired model: ask for it and fall back on its successor, ask the successor at once, or refuse."""
    drop_params: bool = False
    """Drop a caller's parameter that the chosen model refuses, instead of passing the model over."""
    price_map: Path | None = None
    """A newer copy of LiteLLM's price map; unset: the one in the installed LiteLLM."""

    @property
    def retries(self) -> int:
        """Retries of one request over all models."""
        if self.router is None:
            return self.max_retries
        if not self.router.auto_retry:
            return 0
        return self.router.max_retries if "max_retries" in self.router.model_fields_set else self.max_retries


OFF: dict[str, Any] = {
    "default_model": None,
    "router": None,
    "ensemble": None,
    "daily_budget_usd": None,
    "max_requests_per_minute": None,
    "max_retries": 0,
}
"""What a flat field that a file does not name stands for."""
