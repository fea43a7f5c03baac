"""The nodes that choose one model for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from orchestra.settings.base import Spec
from orchestra.settings.nodes.when import When

if TYPE_CHECKING:
    from orchestra.settings.nodes import NodeSpec

SpecStrategy = Literal["task_based", "cost_optimized", "speed_optimized", "quality_optimized"]
StrategyName = Literal[SpecStrategy, "balanced", "learned", "adaptive"]


def _one(value: Any) -> Any:
    return (value,) if isinstance(value, (str, dict, Spec)) else value


class RuleSpec(Spec):
    """One rule of a route: `use` the first of its models that can serve; when none can, the next rule that holds."""

    name: str | None = None
    when: When = When()
    use: Annotated[tuple[NodeSpec, ...], BeforeValidator(_one), Field(min_length=1)]
    reason: str | None = None


class ClassifierSpec(Spec):
    """Ask a model what kind of task a request is, where nothing else tells; booked like any call."""

    model: NodeSpec


OPTIONS: dict[str, tuple[StrategyName, ...]] = {
    "quality_bar": ("cost_optimized",),
    "usd_per_quality_point": ("balanced", "adaptive"),
    "trained": ("learned",),
    "strong_share": ("learned",),
    "quality": ("learned",),
    "observe": ("learned", "adaptive"),
    "explore": ("adaptive",),
    "explore_limit_usd": ("adaptive",),
    "half_life": ("adaptive",),
}
"""Whose an option is."""


class RouteSpec(Spec):
    """Choose one model for each request, and fall back on others when it fails."""

    kind: Literal["route"] = "route"
    strategy: StrategyName = "task_based"
    classifier: bool | ClassifierSpec = True
    """Tell the kind of task from the text where the caller does not say; with a model, ask it where that is unsure."""
    rules: tuple[RuleSpec, ...] = ()
    models: tuple[NodeSpec, ...] = ()
    """The candidates of every strategy but `task_based`; for `learned` from the cheapest to the strongest."""
    otherwise: NodeSpec | None = None
    fallback: tuple[NodeSpec, ...] = ()
    quality_bar: float | None = Field(default=None, ge=0, le=1)
    """What a model must be expected to score, to be the cheapest."""
    usd_per_quality_point: float | None = Field(default=None, gt=0)
    """What a hundredth of quality is worth in a request."""
    trained: str | None = None
    """The file that `orchestra learn` writes; until it is there, requests go to the strongest, their traits noted."""
    strong_share: float | None = Field(default=None, ge=0, le=1)
    """The share of requests that may go to the strongest."""
    quality: str | None = Field(default=None, pattern=r"^strong( - \d+(\.\d+)?pt)?$")
    """`strong - 1pt`: how many hundredths of quality may be lost against asking the strongest always."""
    observe: bool = False
    """Only note what would be chosen: the strongest, or the first, is asked."""
    explore: float = Field(default=0.02, ge=0, le=1)
    """The share of requests of which every model gets its part, however it does."""
    explore_limit_usd: float | None = Field(default=None, ge=0)
    """What trying others may cost in a day more than the best would have."""
    half_life: int = Field(default=200, ge=1)
    """After so many newer ones of its task, a score counts half."""

    @model_validator(mode="after")
    def _whole(self) -> RouteSpec:
        if self.strategy == "task_based" and self.otherwise is None:
            raise ValueError("a route by rules needs 'otherwise': the model for what no rule takes")
        if self.strategy == "task_based" and self.models:
            raise ValueError("'models' are the candidates of the optimized strategies; a route by rules has 'rules'")
        if self.strategy != "task_based" and not self.models:
            raise ValueError(f"strategy {self.strategy!r} needs 'models': its candidates")
        for option, strategies in OPTIONS.items():
            if option in self.model_fields_set and self.strategy not in strategies:
                raise ValueError(f"{option!r} is for strategy {' or '.join(strategies)}, not for {self.strategy}")
        if self.strategy == "balanced" and self.usd_per_quality_point is None:
            raise ValueError("strategy 'balanced' needs 'usd_per_quality_point': what a hundredth of quality is worth")
        if self.strategy == "learned" and (self.strong_share is None) == (self.quality is None):
            raise ValueError("strategy 'learned' needs 'strong_share' or 'quality', one of the two")
        return self
