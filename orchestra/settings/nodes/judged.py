"""The ensembles whose answer somebody judges: ranked, fused, verified."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from orchestra.settings.base import Spec
from orchestra.settings.nodes.ensembles import AnswerKind

if TYPE_CHECKING:
    from orchestra.settings.nodes import NodeSpec

Merge = Literal["vote", "median", "union", "longest"]
"""How the values of a field become one: the heaviest; the middle number; the items that enough members have; the
longest text that agrees with most."""


class CheckSpec(Spec):
    """A judge that needs no model; an answer must pass all that is named."""

    json_schema: Any = None
    """The answer is JSON that fits it: a JSON schema, in Python a pydantic class too."""
    pattern: str | None = None
    """A regular expression that is found in the answer."""
    reference: str | None = None
    """The answer is the same as this one."""
    arithmetic: bool = False
    """Every equation that the answer writes out holds."""
    python: bool = False
    """Its Python parses; it is not run."""

    @model_validator(mode="after")
    def _says_something(self) -> CheckSpec:
        if not self.model_fields_set:
            raise ValueError("a check is one of json_schema, pattern, reference, arithmetic and python")
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return self


class RankSpec(Spec):
    """Ask several, and give the answer that a judge puts first."""

    kind: Literal["rank"] = "rank"
    models: tuple[NodeSpec, ...] = ()
    """The members; none: the router picks them for each request, as many as the budget has room for."""
    judge: NodeSpec | None = None
    """Unset: the strongest model with a key that is of another family than the members; `null`: the checks alone."""
    metric: str = "accuracy"
    """`coherence`, `accuracy`, `completeness`, or what counts in words of your own."""
    method: Literal["pairwise", "pointwise"] = "pairwise"
    order: Literal["copeland", "bradley_terry"] = "copeland"
    whole: bool = False
    """Compare until the whole order is known, not only the winner."""
    length_control: float = Field(default=0.25, ge=0, le=0.5)
    checks: tuple[CheckSpec, ...] = ()

    @model_validator(mode="after")
    def _judged(self) -> RankSpec:
        _several(self.models)
        if "judge" in self.model_fields_set and self.judge is None and not self.checks:
            raise ValueError("without a judge there must be 'checks' to rank by")
        return self


class FieldSpec(Spec):
    """How a field of a record, or every field of a type, is merged."""

    kind: AnswerKind = "auto"
    """What its values are, which says when two of them are the same."""
    merge: Merge | None = None
    """Unset: lists by `union`, everything else by `vote`."""
    key: str | None = None
    """The field that tells the items of a list apart; unset: an identifier that all have, else they are paired by best
    match."""
    min_support: float | None = Field(default=None, ge=0, le=1)
    """The share of the members below which it is left out; unset, 0.5 for the items of a list."""
    weights: dict[str, int] | None = None
    """The members' reliabilities for this field, in place of those of the whole."""


class FuseSpec(Spec):
    """Ask several, and make one answer of what they say: records field by field, texts by an aggregator."""

    kind: Literal["fuse"] = "fuse"
    models: tuple[NodeSpec, ...] = ()
    """The members; none: the router picks them for each request, as many as the budget has room for."""
    json_schema: Any = None
    """What a record must look like, and the members are told: a JSON schema, in Python a pydantic class too."""
    fields: dict[str, FieldSpec] = Field(default_factory=dict)
    """By path (`items.price`) or by type (`string`, `number`, `boolean`, `list`)."""
    weights: Literal["equal", "learned"] | dict[str, int] = "equal"
    """The members' reliabilities: `learned` for each field from past fusions in the ledger, or an integer for each
    member by name, 1 for one that is not named."""
    min_agreement: float = Field(default=0.67, ge=0, le=1)
    """Fields with less go to the arbiter."""
    arbiter: NodeSpec | None = None
    aggregator: NodeSpec | None = None
    """Who writes one text of several; unset: the strongest model with a key."""

    @model_validator(mode="after")
    def _fused(self) -> FuseSpec:
        _several(self.models)
        return self


class VerifySpec(Spec):
    """Have one model answer and another check it, until the answer stands."""

    kind: Literal["verify"] = "verify"
    generator: NodeSpec | None = None
    """Unset: a fast model that has a key."""
    validator: NodeSpec | None = None
    """Unset: the strongest model with a key that is of another family than the generator; `null`: the checks alone."""
    checks: tuple[CheckSpec, ...] = ()
    max_rounds: int = Field(default=1, ge=0)
    """How often what is found wrong goes back to its author."""
    otherwise: NodeSpec | None = None
    """Who is asked when it stays wrong."""

    @model_validator(mode="after")
    def _checked(self) -> VerifySpec:
        if "validator" in self.model_fields_set and self.validator is None and not self.checks:
            raise ValueError("without a validator there must be 'checks' to verify by")
        return self


def _several(models: tuple[NodeSpec, ...]) -> None:
    if len(models) == 1:
        raise ValueError("an ensemble has two members or more")
