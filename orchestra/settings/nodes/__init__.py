"""The nodes of a policy as they are written: a closed set, told apart by `kind`, nesting freely."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag

from orchestra.settings.base import Spec
from orchestra.settings.nodes.ensembles import AnswersSpec, CascadeSpec, VoteSpec
from orchestra.settings.nodes.judged import CheckSpec, FieldSpec, FuseSpec, RankSpec, VerifySpec
from orchestra.settings.nodes.keeping import CachedSpec, FallbackSpec, LimitedSpec, RetrySpec
from orchestra.settings.nodes.models import ModelSpec, NameSpec
from orchestra.settings.nodes.prompts import PromptedSpec
from orchestra.settings.nodes.routes import ClassifierSpec, RouteSpec, RuleSpec, SpecStrategy, StrategyName
from orchestra.settings.nodes.splits import SplitSpec
from orchestra.settings.nodes.spread import SpreadSpec
from orchestra.settings.nodes.when import Bounds, When, Words

__all__ = [
    "AnswersSpec",
    "Bounds",
    "CachedSpec",
    "CascadeSpec",
    "CheckSpec",
    "ClassifierSpec",
    "FallbackSpec",
    "FieldSpec",
    "FuseSpec",
    "LimitedSpec",
    "ModelSpec",
    "NameSpec",
    "NodeSpec",
    "PromptedSpec",
    "RankSpec",
    "RetrySpec",
    "RouteSpec",
    "RuleSpec",
    "SpecStrategy",
    "SplitSpec",
    "SpreadSpec",
    "StrategyName",
    "VerifySpec",
    "VoteSpec",
    "When",
    "Words",
]


SPELLINGS = {"voting": "vote", "ranking": "rank", "fusion": "fuse", "verification": "verify"}
"""The spec's words for kinds of nodes."""


def _named(value: Any) -> Any:
    if isinstance(value, dict) and value.get("kind") in SPELLINGS:
        return {**value, "kind": SPELLINGS[value["kind"]]}
    return {"kind": "name", "name": value} if isinstance(value, str) else value


def _kind(value: Any) -> str | None:
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)


NodeSpec = Annotated[
    Annotated[
        Annotated[NameSpec, Tag("name")]
        | Annotated[RouteSpec, Tag("route")]
        | Annotated[SplitSpec, Tag("split")]
        | Annotated[SpreadSpec, Tag("spread")]
        | Annotated[FallbackSpec, Tag("fallback")]
        | Annotated[RetrySpec, Tag("retry")]
        | Annotated[LimitedSpec, Tag("limited")]
        | Annotated[CachedSpec, Tag("cached")]
        | Annotated[VoteSpec, Tag("vote")]
        | Annotated[CascadeSpec, Tag("cascade")]
        | Annotated[RankSpec, Tag("rank")]
        | Annotated[FuseSpec, Tag("fuse")]
        | Annotated[VerifySpec, Tag("verify")]
        | Annotated[PromptedSpec, Tag("prompted")],
        Discriminator(_kind),
    ],
    BeforeValidator(_named),
]

_nesting: tuple[type[Spec], ...] = (
    *(RuleSpec, ClassifierSpec, RouteSpec, SplitSpec, SpreadSpec, FallbackSpec, RetrySpec, LimitedSpec, CachedSpec),
    *(VoteSpec, CascadeSpec, RankSpec, FuseSpec, VerifySpec, PromptedSpec),
)
for _spec in _nesting:
    _spec.model_rebuild(_types_namespace={"NodeSpec": NodeSpec})
