"""What travels up the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from orchestra.errors import OrchestraError
from orchestra.types.attempt import Attempt, Usage
from orchestra.types.words import nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a strategy chose, and why.

    `passed_over` names each candidate that was not taken, with the reason, in the order in which they were looked at.
    `features` are the facts worth showing, `record` is all that the decision was made from, as plain data: it can be
    made again from it.
    """

    arm: str
    reason: str
    rule: str | None = None
    passed_over: tuple[tuple[str, str], ...] = ()
    features: Mapping[str, Any] = field(default_factory=nothing)
    chain: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=nothing, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge found of one response: `score` in [0, 1], and why.

    `consistency` is the share of its comparisons in which the judge said the same when it was asked again; `None`
    where nothing was asked twice.
    """

    score: float
    reason: str = ""
    consistency: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A child that did not answer; it stays in the tree, because it explains and may have cost money."""

    name: str
    error: OrchestraError
    latency_s: float = 0.0

    def __repr__(self) -> str:
        return f"Failure({self.name!r}, {type(self.error).__name__}: {self.error})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A source that the model named; `span` is (start, end) in characters of the text, `None` when not given."""

    url: str | None = None
    title: str | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came of a request. It travels up the tree.

    `model` is the LiteLLM id that answered, `name` what the user calls it, `raw` LiteLLM's own response. `usage` is
    that of the answer; `cost_usd` and `total` are of all attempts made for it, losers and failures
    included. `result` is a strategy's own value where it has one, else the text. `success` is False when the answer was
    cut, unagreed or unverified; `score` is `None` until somebody scored it. `sources` are the responses and failures
    that it was made from. `details` are plain data that a strategy has to say beside its
    result: confidence, conflicts, rounds.
    """

    text: str
    model: str
    name: str = ""
    raw: Any = field(default=None, compare=False)
    usage: Usage = Usage()
    latency_s: float = 0.0
    note: str = ""
    choice: Choice | None = None
    sources: tuple[Response | Failure, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    id: str = ""
    result: Any = None
    details: Mapping[str, Any] = field(default_factory=nothing, hash=False)
    success: bool = True
    score: float | None = None
    parsed: Any = None
    tool_calls: tuple[Any, ...] = ()
    citations: tuple[Citation, ...] = ()
    reasoning: str = ""
    finish_reason: str | None = None

    @property
    def total(self) -> Usage:
        """Tokens and money of every attempt made for this answer."""
        return Usage.total(a.usage for a in self.attempts) if self.attempts else self.usage

    @property
    def cost_usd(self) -> Decimal | None:
        """What the whole request cost, in USD; `None` when the price of a part of it is not known."""
        return self.total.cost

    @property
    def latency_ms(self) -> float:
        return self.latency_s * 1000

    def trace(self) -> str:
        """The tree as text: what was chosen, why, what failed, what each part cost."""
        from orchestra.trace import render

        return render(self)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 60 else f"{self.text[:57]}…"
        cost = "unknown price" if self.cost_usd is None else f"${self.cost_usd:f}"
        return (
            f"Response({text!r}, model={self.model!r}, {self.total.input_tokens}+{self.total.output_tokens} tokens, "
            f"{cost}, {self.latency_s:.2f} s)"
        )
