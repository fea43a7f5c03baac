"""The nodes of a policy as they are written: a closed set, told apart by `kind`, nesting freely."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag

from orchestra.settings.base import Spec
from orchestra.settings.nodes.keeping import CachedSpec, FallbackSpec, LimitedSpec, RetrySpec
from orchestra.settings.nodes.models import ModelSpec, NameSpec
from orchestra.settings.nodes.prompts import PromptedSpec
from orchestra.settings.nodes.routes import ClassifierSpec, RouteSpec, RuleSpec, SpecStrategy, StrategyName
from orchestra.settings.nodes.when import Bounds, When, Words

__all__ = [
    "Bounds",
    "CachedSpec",
    "ClassifierSpec",
    "FallbackSpec",
    "LimitedSpec",
    "ModelSpec",
    "NameSpec",
    "NodeSpec",
    "PromptedSpec",
    "RetrySpec",
    "RouteSpec",
    "RuleSpec",
    "SpecStrategy",
    "StrategyName",
    "When",
    "Words",
]


def _named(value: Any) -> Any:
    return {"kind": "name", "name": value} if isinstance(value, str) else value


def _kind(value: Any) -> str | None:
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)


NodeSpec = Annotated[
    Annotated[
        Annotated[NameSpec, Tag("name")]
        | Annotated[RouteSpec, Tag("route")]
        | Annotated[FallbackSpec, Tag("fallback")]
        | Annotated[RetrySpec, Tag("retry")]
        | Annotated[LimitedSpec, Tag("limited")]
        | Annotated[CachedSpec, Tag("cached")]
        | Annotated[PromptedSpec, Tag("prompted")],
        Discriminator(_kind),
    ],
    BeforeValidator(_named),
]

_nesting: tuple[type[Spec], ...] = (
    RuleSpec,
    ClassifierSpec,
    RouteSpec,
    FallbackSpec,
    RetrySpec,
    LimitedSpec,
    CachedSpec,
    PromptedSpec,
)
for _spec in _nesting:
    _spec.model_rebuild(_types_namespace={"NodeSpec": NodeSpec})
