"""What can be done to the ledger, and what comes of it: plain values that travel to the writer and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestra.errors import LedgerError
from orchestra.ledger.budget import Budget
from orchestra.types import NOTHING, Attempt


@dataclass(frozen=True, slots=True)
class Claim:
    """One window that a hold counts in; `ceiling` is what this hold may take it to, in nano-USD."""

    budget: Budget
    scope: str
    ceiling: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A hold of `amount` nano-USD for the attempt `id`, in all the windows of `claims`."""

    id: str
    amount: int
    claims: tuple[Claim, ...]
    request: str = ""
    model: str = ""
    provider: str = ""
    tags: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Reserve:
    """Hold all of `asks` or none."""

    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Give back holds whose calls were never made."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """Settle the hold of `attempt`, or enter a call that had none.

    `cost` is in nano-USD, `None` when it is not known; `bound` is then what a call without a hold is entered at.
    `claims` are the windows of a call without a hold. `price` is the fingerprint of the prices.
    """

    attempt: Attempt
    cost: int | None
    bound: int | None = None
    claims: tuple[Claim, ...] = ()
    price: str = ""


@dataclass(frozen=True, slots=True)
class Append:
    """Add an event; the second of the same kind and key changes nothing."""

    kind: str
    key: str
    payload: str


@dataclass(frozen=True, slots=True)
class Beat:
    """Say that this process lives, and charge the holds of those that no longer do."""


@dataclass(frozen=True, slots=True)
class Peek:
    """Look at windows without changing anything."""

    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class RepairClock:
    """Let the ledger's time go back to the clock of this machine."""


@dataclass(frozen=True, slots=True)
class Purge:
    """Remove the entries of calls made before `before` (seconds since the epoch) and the windows that are over."""

    before: float


Op = Reserve | Release | Book | Append | Beat | Peek | RepairClock | Purge


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One window of one budget, in nano-USD and seconds since the epoch; `ends` is `None` for one that never does.

    `rule` is the fingerprint of what the budget counts.
    """

    budget: str
    rule: str
    scope: str
    starts: int
    ends: int | None
    limit: int
    spent: int
    held: int
    overrun: int = 0

    @property
    def free(self) -> int:
        return max(0, self.limit - self.spent - self.held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A window's spending has reached `threshold` nano-USD; told once in the life of a window."""

    standing: Standing
    threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """A call came to `amount` nano-USD more than was held for it."""

    attempt: str
    model: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The ledger can't be written; `waiting` settlements are kept and tried again."""

    error: str
    waiting: int


Notice = Alert | Overrun | Outage


@dataclass(frozen=True, slots=True)
class Granted:
    """The holds are committed; `fresh` is False when they were before."""

    ids: tuple[str, ...]
    fresh: bool = True
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was held: `needed` does not fit; `busy` when only money held by others is in the way."""

    standing: Standing
    timezone: str
    needed: int
    busy: bool


@dataclass(frozen=True, slots=True)
class Done:
    """It is committed; `fresh` is False when it was before, or when there was nothing to do."""

    fresh: bool = True
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """The windows that were looked at, at the ledger's time `at`."""

    standings: tuple[Standing, ...]
    at: float


Result = Granted | Refused | Done | Seen | LedgerError
