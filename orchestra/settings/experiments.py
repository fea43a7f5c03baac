"""Experiments, as they are declared."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from orchestra.settings.base import Spec
from orchestra.settings.nodes import NodeSpec

Assignment = Literal["sticky", "random", "round_robin", "top_two"]


class GuardrailSpec(Spec):
    """How much worse than the first arm a winner may be, which has to be shown; `None`: as much as it likes.

    `cost` and `latency` are shares of the first arm's mean for each request (0.1: 10 % more), `errors` is in points of
    the rate of requests that failed (0.01: one more in a hundred).
    """

    cost: float | None = Field(default=None, ge=0)
    latency: float | None = Field(default=None, ge=0)
    errors: float | None = Field(default=None, ge=0, le=1)


class ExperimentSpec(Spec):
    """Which arm is better; the first one is what there was before, and answers where the experiment does not run.

    `arms` are nodes by name (a model, a policy, a version of a prompt), or mere names where your own code serves them.
    """

    arms: dict[str, NodeSpec | None] = Field(min_length=2)
    weights: dict[str, float] = Field(default_factory=dict)
    """How many units each arm gets in proportion to the others; unset: all the same."""
    by: str | None = None
    """The tag whose value is the unit; unset: every request is one."""
    share: float = Field(default=1.0, ge=0, le=1)
    """Of the units, how many take part; it can grow while the experiment runs, and moves nobody."""
    assign: Assignment = "sticky"
    """By the unit, by chance, in turn, or (`top_two`) more often the arms that may be the best."""
    metric: str = "quality"
    """The scores that count: those given with `score(…, metric=)`."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """How often a winner may be called where there is none, however often one looks."""
    min_run_s: float = Field(default=86_400.0, ge=0)
    """Seconds before which no winner is called: a day, so that every hour of it counts."""
    guardrails: GuardrailSpec = GuardrailSpec()
    on_winner: Literal["report", "stop", "promote"] = "report"
    """What is done by itself: nothing; the first arm answers again; the winner answers everybody."""
    on_harm: Literal["report", "rollback"] = "report"
    """What is done when an arm breaks a guardrail or is worse than the first: nothing; the first answers again."""

    @field_validator("arms", mode="before")
    @classmethod
    def _names(cls, arms: Any) -> Any:
        if isinstance(arms, dict):
            return {str(arm): node for arm, node in arms.items()}
        if isinstance(arms, (list, tuple)):
            names = [str(arm) for arm in arms]
            if len(set(names)) < len(names):
                raise ValueError("two arms have the same name")
            return dict.fromkeys(names)
        return arms

    @model_validator(mode="after")
    def _whole(self) -> ExperimentSpec:
        for arm in self.arms:
            if "," in arm or not arm:
                raise ValueError(f"{arm!r} is no name of an arm: it is empty or has a comma")
        check_weights(self.weights, list(self.arms))
        if self.by is not None and self.assign != "sticky":
            raise ValueError(f"'by' goes with 'assign: sticky'; with {self.assign!r} every request is a unit")
        if self.assign == "top_two" and len(self.arms) < 3:
            raise ValueError("'assign: top_two' is for three arms and more; of two, each gets half")
        if self.assign in ("round_robin", "top_two") and self.weights:
            raise ValueError(f"'assign: {self.assign}' has no 'weights'")
        return self

    @property
    def control(self) -> str:
        """The first arm: what there was before."""
        return next(iter(self.arms))

    @property
    def shares(self) -> dict[str, float]:
        """Of the units that take part, how many each arm gets; they add up to 1."""
        return shares_of(self.weights, list(self.arms))

    @property
    def automatic(self) -> bool:
        """It may stop by itself."""
        return self.on_winner != "report" or self.on_harm != "report"


def check_weights(weights: dict[str, float], arms: list[str]) -> None:
    """Raise `ValueError` for weights that are not one positive number for each arm, or none at all."""
    if weights and (set(weights) != set(arms) or not all(0 < weight < 1e9 for weight in weights.values())):
        raise ValueError(f"'weights' are a positive number for each arm: {', '.join(arms)}")


def shares_of(weights: dict[str, float], arms: list[str]) -> dict[str, float]:
    """Weights as shares of 1; without any, all the same."""
    whole = sum(weights.values())
    return {arm: weights[arm] / whole if weights else 1 / len(arms) for arm in arms}
