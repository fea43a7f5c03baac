"""The node that shares requests out between several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from orchestra.settings.base import Spec

if TYPE_CHECKING:
    from orchestra.settings.nodes import NodeSpec


class SplitSpec(Spec):
    """Send every unit to one of several models or policies, always to the same one.

    Either `arms` of its own, or those of an `experiment`, which also says what comes of them.
    """

    kind: Literal["split"] = "split"
    experiment: str | None = None
    arms: dict[str, NodeSpec] = Field(default_factory=dict)
    weights: dict[str, float] = Field(default_factory=dict)
    """How many units each arm gets in proportion to the others; unset: all the same. An arm that grows loses nobody."""
    by: str | None = None
    """The tag whose value is the unit; unset: every request is one."""

    @model_validator(mode="after")
    def _whole(self) -> SplitSpec:
        if (self.experiment is None) == (not self.arms):
            raise ValueError("a split has 'arms', or the name of an 'experiment' that has them; give one of the two")
        if self.experiment is not None and (self.weights or self.by):
            raise ValueError("'weights' and 'by' of an experiment are declared with it, under 'experiments:'")
        if len(self.arms) == 1:
            raise ValueError("a split has two arms or more")
        named = set(self.weights) == set(self.arms) and min(self.weights.values(), default=1) >= 0
        if self.weights and not (named and 0 < sum(self.weights.values()) < float("inf")):
            raise ValueError(f"'weights' are a number for each arm, one above 0: {', '.join(self.arms)}")
        return self
