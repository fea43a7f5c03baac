"""The words: what travels down the tree (`Request`), what travels up (`Response`), and the three roles."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, Protocol, Self

from orchestra.errors import OrchestraError

Message = Mapping[str, Any]
"""One message as LiteLLM takes it: `{"role": "user", "content": …}`."""

Priority = Literal["high", "normal", "budget", "speed"]
"""What matters most in this call: the best answer, nothing special, the price, or the time."""

Basis = Literal["usage", "counted", "estimated", "reserved", "void"]
"""How an attempt's cost is known: the provider's count, our count of what came, a guess, its upper bound; or nothing
was generated (`void`)."""

Call = Literal["chat", "embedding", "rerank"]
"""What is asked of a model."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return {}  # not NOTHING: a response can be copied and pickled


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of one call, or the sum of several.

    `input_tokens` includes `cached_tokens`, `output_tokens` includes `reasoning_tokens`. `cost` is in USD, `None` when
    the price is not known, which is not zero. `upper_bound` is the part of `cost` that is booked at its bound because
    the true figure can't be known.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost: Decimal | None = None
    upper_bound: Decimal = Decimal(0)

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def prompt_tokens(self) -> int:
        """LiteLLM's word for `input_tokens`."""
        return self.input_tokens

    @property
    def completion_tokens(self) -> int:
        """LiteLLM's word for `output_tokens`."""
        return self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        known = self.cost is not None and other.cost is not None
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            (self.cost or Decimal(0)) + (other.cost or Decimal(0)) if known else None,
            self.upper_bound + other.upper_bound,
        )

    @classmethod
    def total(cls, parts: Iterable[Usage]) -> Usage:
        """The sum; of nothing it is nothing, at a cost of zero."""
        return sum(parts, cls(cost=Decimal(0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call that left, or was about to leave, for a provider: the row of the journal, the log and the ledger.

    `request` is the id of the request that it was made for, `path` the way from the root of the tree to the leaf,
    `retry` counts from 0, `name` is what the user calls the model, `model` the LiteLLM id that was asked and `served`
    the name that the provider gave. `labels` say what else it belongs to: `prompt`, `prompt_version`, `experiment`,
    `arm`. `saved` is what a cached answer did not cost, in USD. `error` is the class name of the failure, `None` on
    success. `started_at` is in seconds since the epoch.
    """

    id: str
    request: str = ""
    path: tuple[str, ...]
    call: Call
    name: str
    model: str
    provider: str
    served: str | None = None
    retry: int = 0
    usage: Usage = Usage()
    basis: Basis = "usage"
    started_at: float = 0.0
    latency_s: float = 0.0
    first_token_s: float | None = None
    error: str | None = None
    status: int | None = None
    task_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=_nothing)
    labels: Mapping[str, str] = field(default_factory=_nothing)
    saved: Decimal = Decimal(0)

    @property
    def success(self) -> bool:
        return self.error is None


class Hold(Protocol):
    """Money set aside for one attempt."""

    def book(self, attempt: Attempt) -> Attempt:
        """Settle the hold with what the attempt came to (`void` returns all of it); never blocks, called once.

        Returns the attempt as it was booked: a budget may put another basis on what is not known.
        """
        ...

    def release(self) -> None:
        """Return the money of an attempt that was never made; never blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What one attempt may cost at the most, in USD; `None` when its price is unknown.

    `id` is the attempt's, `request` the request's; `deadline` is on the clock of `time.monotonic`.
    """

    id: str
    request: str
    model: str
    provider: str
    most_usd: Decimal | None
    free: bool = False
    tags: Mapping[str, str] = field(default_factory=_nothing)
    deadline: float | None = None


class Budgets(Protocol):
    """Where a leaf asks for money before it calls."""

    @property
    def bounded(self) -> bool:
        """What an attempt may cost is bounded: every call then says how long its answer may be."""
        ...

    async def reserve(self, wants: Sequence[Want]) -> Sequence[Hold]:
        """Hold money for all of `wants` or for none of them; returns when the holds are committed."""
        ...

    def note(self, attempt: Attempt) -> None:
        """Book an attempt that needed no money (a cached answer); never blocks."""
        ...


class _Unheld:
    def book(self, attempt: Attempt) -> Attempt:
        """Nothing was held."""
        return attempt

    def release(self) -> None:
        """Nothing was held."""


@dataclass(frozen=True, slots=True)
class Unlimited:
    """No budget: every want is granted and nothing is kept."""

    bounded: bool = False

    async def reserve(self, wants: Sequence[Want]) -> Sequence[Hold]:
        return [_Unheld() for _ in wants]

    def note(self, attempt: Attempt) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer; `raw` is LiteLLM's own chunk."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[Any, ...] = ()
    finish_reason: str | None = None
    raw: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Access:
    """A caller's own key and address; they go to models of `provider` and to nobody else."""

    provider: str
    api_key: str | None = field(default=None, repr=False)
    api_base: str | None = None


class Sink(Protocol):
    """Where a leaf pushes chunks as they come."""

    @property
    def started(self) -> bool:
        """A chunk was pushed: from here on no other model can take over unseen."""
        ...

    async def push(self, chunk: Chunk) -> None:
        """Hand a chunk to the reader; waits while the reader is behind."""


def new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked. It travels down the tree and is never changed, only `replace()`d.

    `messages` and `params` are LiteLLM's own, untouched. `deadline` is on the clock of `time.monotonic`, `None` for
    no end. `journal` is the one thing that is written to: every leaf appends an `Attempt`, on every exit.
    """

    messages: tuple[Message, ...] = ()
    model: str | None = None
    """The model or policy that was asked for; `None`: the policy `default`."""
    params: Mapping[str, Any] = field(default_factory=_nothing)
    call: Call = "chat"
    task_type: str | None = None
    priority: Priority = "normal"
    tags: Mapping[str, str] = field(default_factory=_nothing)
    labels: Mapping[str, str] = field(default_factory=_nothing)
    """What else its calls belong to: `prompt`, `prompt_version`, `experiment`, `arm`."""
    preferred_model: str | None = None
    input_tokens: int | None = None
    id: str = field(default_factory=new_id)
    path: tuple[str, ...] = ()
    retry: int = 0
    retries: int | None = None
    """How many retries the caller allows this request over all models; `None`: as the settings say."""
    alternatives: int = 0
    """How many other models can still be asked if this one fails."""
    sample: int = 0
    """Which of several answers to the same request this is."""
    deadline: float | None = None
    budgets: Budgets = field(default=Unlimited(), repr=False, compare=False)
    sink: Sink | None = field(default=None, repr=False, compare=False)
    journal: list[Attempt] = field(default_factory=list, repr=False, compare=False)
    on_member: OnMember | None = field(default=None, repr=False, compare=False)
    """Told what became of each member of an ensemble, as it comes."""
    access: Access | None = field(default=None, repr=False)
    reported: bool = False
    """LiteLLM's callbacks hear of the whole request from another call, and of its own calls nothing."""

    def tell(self, name: str, outcome: Response | Failure) -> None:
        """Say what became of a member, to whoever asked to be told."""
        if self.on_member is not None:
            self.on_member((*self.path, name), outcome)

    def at(self, name: str) -> Self:
        """The same request one step further down the tree."""
        return replace(self, path=(*self.path, name))

    @property
    def started(self) -> bool:
        """A part of the answer has already reached the reader of the stream."""
        return self.sink is not None and self.sink.started


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
    features: Mapping[str, Any] = field(default_factory=_nothing)
    chain: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=_nothing, repr=False, compare=False)


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
    details: Mapping[str, Any] = field(default_factory=_nothing, hash=False)
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


OnMember = Callable[[tuple[str, ...], Response | Failure], None]
"""Is told the path of a member and what became of it; must not block, and may be called from another thread."""

Model = Callable[[Request], Awaitable[Response]]
"""Answers a request: a leaf, or a tree built of models. A plain `async def` is one too."""

Strategy = Callable[[Request], Awaitable[Choice]]
"""Chooses an arm before the call."""

Judge = Callable[[Request, Sequence[Response]], Awaitable[Sequence[Verdict]]]
"""Scores answers after the call, one verdict for each response, in their order."""
