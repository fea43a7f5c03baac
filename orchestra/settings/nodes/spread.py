"""The node that spreads requests over models that are as good as each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from orchestra.settings.base import Spec

if TYPE_CHECKING:
    from orchestra.settings.nodes import NodeSpec


class SpreadSpec(Spec):
    """Draw one of several at random for each request, and the next when it fails: keys, regions, servers of one model.

    `weights` are the shares of the models, in their order; unset, all have the same.
    """

    kind: Literal["spread"] = "spread"
    models: tuple[NodeSpec, ...] = Field(min_length=1)
    weights: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> SpreadSpec:
        if self.weights and len(self.weights) != len(self.models):
            raise ValueError(f"{len(self.models)} models have {len(self.weights)} weights; give each one, or none any")
        if self.weights and not any(self.weights):
            raise ValueError("one of the weights must be above 0")
        return self
