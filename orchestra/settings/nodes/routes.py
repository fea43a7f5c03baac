"""The nodes that choose one model for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from orchestra.settings.base import Spec
from orchestra.settings.nodes.when import When

if TYPE_CHECKING:
    from orchestra.settings.nodes import NodeSpec

StrategyName = Literal["task_based", "cost_optimized", "speed_optimized", "quality_optimized"]


def _one(value: Any) -> Any:
    return (value,) if isinstance(value, (str, dict, Spec)) else value


class RuleSpec(Spec):
    """One rule of a route: `use` the first of its models that can serve; when none can, the next rule that holds."""

    name: str | None = None
    when: When = When()
    use: Annotated[tuple[NodeSpec, ...], BeforeValidator(_one), Field(min_length=1)]
    reason: str | None = None


class RouteSpec(Spec):
    """Choose one model for each request, and fall back on others when it fails."""

    kind: Literal["route"] = "route"
    strategy: StrategyName = "task_based"
    rules: tuple[RuleSpec, ...] = ()
    models: tuple[NodeSpec, ...] = ()
    """The candidates of `cost_optimized`, `speed_optimized` and `quality_optimized`."""
    otherwise: NodeSpec | None = None
    fallback: tuple[NodeSpec, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> RouteSpec:
        if self.strategy == "task_based" and self.otherwise is None:
            raise ValueError("a route by rules needs 'otherwise': the model for what no rule takes")
        if self.strategy == "task_based" and self.models:
            raise ValueError("'models' are the candidates of the optimized strategies; a route by rules has 'rules'")
        if self.strategy != "task_based" and not self.models:
            raise ValueError(f"strategy {self.strategy!r} needs 'models': its candidates")
        return self
