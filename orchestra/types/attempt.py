"""What one call came to, and the money that is held for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from orchestra.types.words import Basis, Call, nothing


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
    tags: Mapping[str, str] = field(default_factory=nothing)
    labels: Mapping[str, str] = field(default_factory=nothing)
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
    tags: Mapping[str, str] = field(default_factory=nothing)
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
