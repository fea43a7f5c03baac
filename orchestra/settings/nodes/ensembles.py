"""The nodes that ask several models: a vote, and a cascade from cheap to strong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from orchestra.settings.base import Spec

if TYPE_CHECKING:
    from orchestra.settings.nodes import NodeSpec

AnswerKind = Literal["auto", "number", "choice", "label", "boolean", "date", "json", "code", "text"]


class AnswersSpec(Spec):
    """What is taken from a response, and what two answers are compared by; a word alone is the `kind`."""

    kind: AnswerKind = "auto"
    field: str | None = None
    """The field of a JSON answer, dots for deeper ones."""
    pattern: str | None = None
    """A regular expression: its first group, at its last match."""
    fenced: bool = False
    """The last fenced block."""
    labels: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _word(cls, data: Any) -> Any:
        return {"kind": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _whole(self) -> AnswersSpec:
        if self.kind == "label" and not self.labels:
            raise ValueError("answers of kind 'label' need their 'labels'")
        if sum((self.field is not None, self.pattern is not None, self.fenced)) > 1:
            raise ValueError("name one of 'field', 'pattern' and 'fenced'")
        return self

    @field_validator("pattern")
    @classmethod
    def _expression(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return pattern


class VoteSpec(Spec):
    """Ask several models for the same, and take what most of them say."""

    kind: Literal["vote"] = "vote"
    models: tuple[NodeSpec, ...] = ()
    """The members; none: the router picks them for each request, as many as the budget has room for."""
    samples: int = Field(default=1, ge=1)
    """How often each model is asked."""
    answers: AnswersSpec = AnswersSpec()
    min_agreement: float = Field(default=0.67, ge=0, le=1)
    """The share of the members named that the winner needs, compared rounded to two decimals."""
    otherwise: Literal["abstain", "best"] | NodeSpec | None = Field(default=None, union_mode="left_to_right")
    """Who answers where they do not agree enough; unset: the plurality, marked as not agreed."""
    stop: Literal["all", "decided"] = "all"
    """`decided` closes the vote once its outcome can't change."""
    launch: Literal["all", "staged"] | None = None
    """`staged`, the default under `stop: decided`, asks only as many as can decide, and more when they differ."""
    weights: Literal["equal", "learned"] | dict[str, int] = "equal"
    """`learned` from the votes in the ledger; or an integer for each member by name, 1 for one that is not named.

    What is learned only breaks ties, but where scored votes under `stop: all` have shown that it beats the plain vote.
    """

    @model_validator(mode="after")
    def _whole(self) -> VoteSpec:
        if self.models and len(self.models) * self.samples < 2:
            raise ValueError("a vote needs at least 2 voters: name more 'models', or 'samples' of one")
        if self.launch == "staged" and self.stop == "all":
            raise ValueError("'launch: staged' asks only as many as decide; it needs 'stop: decided'")
        if isinstance(self.weights, dict) and min(self.weights.values(), default=0) < 0:
            raise ValueError("weights are integers from 0 up")
        if self.weights == "learned" and self.samples > 1:
            raise ValueError(
                "'weights: learned' tells members apart, and samples of one are alike: drop one of the two"
            )
        return self


class CascadeSpec(Spec):
    """Ask the cheap first; where its answer is not accepted, the next."""

    kind: Literal["cascade"] = "cascade"
    models: tuple[NodeSpec, ...] = Field(min_length=2)
    """From cheap to strong: models, or nodes such as a vote. The answer of the last is always taken."""
    accept: Literal["agreement", "judge", "schema"] = "agreement"
    """`agreement` of the votes of a step, a `judge`'s score, or only that the answer is whole and fits its schema."""
    threshold: float = Field(default=0.67, ge=0, le=1)
    """The least agreement or score; `orchestra calibrate` finds it."""
    judge: NodeSpec | None = None

    @model_validator(mode="after")
    def _whole(self) -> CascadeSpec:
        if (self.accept == "judge") != (self.judge is not None):
            raise ValueError("'accept: judge' needs a 'judge', and nothing else has one")
        return self
