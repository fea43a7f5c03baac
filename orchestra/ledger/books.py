"""The rules of the ledger: what an operation does to windows and holds. No database, no clock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from orchestra.errors import LedgerClock, LedgerError
from orchestra.ledger.entry import Kind, line
from orchestra.ledger.ops import (
    Alert,
    Append,
    Ask,
    Beat,
    Book,
    Claim,
    Done,
    Granted,
    Notice,
    Op,
    Overrun,
    Peek,
    Refused,
    Release,
    Reserve,
    Result,
    Seen,
    Standing,
)
from orchestra.ledger.state import HoldState, State, WindowState, window_id
from orchestra.types import Attempt, Basis

BEHIND_S = 3600.0
"""How far the wall clock may be behind the newest entry."""

ALERT = "budget.alert"
OVERRUN = "budget.overrun"
KIND_OF: Mapping[State, Kind] = {"posted": "post", "void": "void", "expired": "expire"}


@dataclass(frozen=True, slots=True)
class EventRow:
    kind: str
    key: str
    payload: str
    cause: str = ""


class Due(NamedTuple):
    """What a call is booked at, in nano-USD, on what basis, and whether that is its price."""

    amount: int
    basis: Basis
    priced: bool = True

    @property
    def state(self) -> State:
        return "void" if self.basis == "void" else "posted"


@dataclass(slots=True, kw_only=True)
class Books:
    """One batch: the part of the ledger that it touches, changed in memory, to be written at once.

    `at` is the ledger's time, which never goes back; `behind_s` is how far the wall clock is behind it. `again` says
    that the outcome of an earlier try is not known: what is found done may be its doing, and `told` are the notices
    that were given then, by the id of what caused them. `happened` has the owner of each event.
    """

    owner: str
    at: float
    behind_s: float = 0.0
    ids: dict[tuple[str, str, str], int] = field(default_factory=dict)
    windows: dict[int, WindowState] = field(default_factory=dict)
    holds: dict[str, HoldState] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)
    happened: dict[tuple[str, str], str] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    again: bool = False
    told: Mapping[str, Sequence[Notice]] = field(default_factory=dict)
    entries: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    beaten: bool = False

    def apply(self, op: Op) -> Result:
        match op:
            case Reserve():
                return self.reserve(op)
            case Book():
                return self.book(op)
            case Release():
                return self.release(op)
            case Append():
                return Done(self.append(EventRow(op.kind, op.key, op.payload)))
            case Beat():
                return self.sweep()
            case Peek():
                return Seen(tuple(_seen(self._now(claim), claim) for claim in op.claims), self.at)
            case _:
                raise TypeError(f"{type(op).__name__} is not done in a batch")

    def window(self, claim: Claim) -> WindowState:
        """The window that `claim` falls in now, with the limit as the policy has it now."""
        window = self._now(claim)
        window.opened = True
        window.follow(claim)
        return window

    def reserve(self, op: Reserve) -> Result:
        """Hold all or nothing: a hold fits when what is spent and held, with it, stays within the ceiling."""
        ids = tuple(ask.id for ask in op.asks)
        if len(set(ids)) < len(ids) or any(id in self.holds for id in ids):
            return self._again(op)
        for claim in (claim for ask in op.asks for claim in ask.claims):
            self._now(claim).opened = True
        if self.behind_s > BEHIND_S:
            return clock_error(self.behind_s)
        wanted: dict[int, int] = {}
        refusals: list[Refused] = []
        for ask, claim, window in self._claims(op.asks):
            needed = wanted[window.id] = wanted.get(window.id, 0) + ask.amount
            if window.spent + window.reserved + needed > claim.ceiling:
                busy = window.spent + needed <= claim.ceiling
                refusals.append(Refused(_seen(window, claim), claim.budget.timezone, needed, busy))
        if refusals:
            return next((refused for refused in refusals if not refused.busy), refusals[0])
        notices: list[Notice] = []
        for ask in op.asks:
            hold = self._hold(ask)
            self._link(hold, ask.claims)
            for id in hold.windows:
                self.windows[id].change(reserved=ask.amount)
                notices += self._crossed(self.windows[id], ask.id)
        return Granted(ids, notices=tuple(notices))

    def book(self, op: Book) -> Result:
        """Settle once: the second booking of an attempt changes nothing, a late one corrects a charged hold."""
        attempt = op.attempt
        hold = self.holds.get(attempt.id)
        if hold is None:
            return self._unheld(op)
        if hold.state in ("posted", "void"):
            return Done(self.again, tuple(self.told.get(attempt.id, ())))
        return Done(notices=self._settle(hold, attempt, due(op, hold.amount), op.price))

    def release(self, op: Release) -> Result:
        for id in op.ids:
            hold = self.holds.get(id)
            if hold is None or hold.state in ("posted", "void"):
                continue
            if hold.state == "expired":
                self._settle(hold, _unsent(hold), Due(0, "void"))
                continue
            for window in hold.windows:
                self.windows[window].change(reserved=-hold.amount)
            hold.state = "void"
        return Done()

    def sweep(self) -> Result:
        """Charge the holds of silent processes in full: the provider may have billed their calls."""
        self.beaten = True
        notices: list[Notice] = []
        for id in self.dead:
            hold = self.holds[id]
            if hold.state == "held":
                lost = replace(_unsent(hold), error="Expired")
                notices += self._settle(hold, lost, Due(hold.amount, "reserved", hold.amount > 0), state="expired")
        return Done(bool(self.dead), tuple(notices))

    def append(self, event: EventRow) -> bool:
        known = self.happened.get((event.kind, event.key))
        if known is not None:
            return self.again and known == self.owner
        self.happened[event.kind, event.key] = self.owner
        self.events.append(event)
        return True

    def id_of(self, claim: Claim) -> int:
        """The number of the window that `claim` falls in now."""
        budget = claim.budget
        key = (budget.name, budget.rule, claim.scope)
        if key not in self.ids:
            self.ids[key] = window_id(*key, budget.window(self.at).starts)
        return self.ids[key]

    def _now(self, claim: Claim) -> WindowState:
        return self.windows[self.id_of(claim)]

    def _again(self, op: Reserve) -> Result:
        held = [self.holds.get(ask.id) for ask in op.asks]
        distinct = len({ask.id for ask in op.asks}) == len(op.asks)
        if distinct and all(hold and hold.granted(ask) for hold, ask in zip(held, op.asks, strict=True)):
            notices = [notice for ask in op.asks for notice in self.told.get(ask.id, ())]
            return Granted(tuple(ask.id for ask in op.asks), fresh=self.again, notices=tuple(notices))
        return LedgerError(f"the id of an attempt was used for two different ones: {[ask.id for ask in op.asks]}")

    def _claims(self, asks: Sequence[Ask]) -> Iterator[tuple[Ask, Claim, WindowState]]:
        for ask in asks:
            for claim in ask.claims:
                yield ask, claim, self.window(claim)

    def _hold(self, ask: Ask) -> HoldState:
        hold = self.holds[ask.id] = HoldState(
            id=ask.id,
            request=ask.request,
            model=ask.model,
            provider=ask.provider,
            tags=ask.tags,
            amount=ask.amount,
            owner=self.owner,
            made=self.at,
        )
        return hold

    def _link(self, hold: HoldState, claims: Sequence[Claim]) -> None:
        hold.windows = list(dict.fromkeys(self.window(claim).id for claim in claims))

    def _unheld(self, op: Book) -> Result:
        attempt = op.attempt
        if attempt.id in self.entered:
            return Done(self.again, tuple(self.told.get(attempt.id, ())))
        self.entered.add(attempt.id)
        owed = due(op, op.bound or 0)
        if op.claims:
            ask = Ask(id=attempt.id, amount=0, claims=op.claims, request=attempt.request, model=attempt.model)
            hold = self._hold(ask)
            hold.provider, hold.tags = attempt.provider, attempt.tags
            self._link(hold, op.claims)
            return Done(notices=self._settle(hold, attempt, owed, op.price))
        kind = KIND_OF[owed.state]
        self.entries.append(line(attempt, kind=kind, made=self.at, at=self.at, price=op.price, **owed._asdict()))
        return Done()

    def _settle(
        self, hold: HoldState, attempt: Attempt, owed: Due, price: str = "", state: State | None = None
    ) -> tuple[Notice, ...]:
        """Write the entry and move the money; of a hold that was charged before, only the difference."""
        late = hold.state == "expired"
        state = state or owed.state
        amount = owed.amount - (hold.amount if late else 0)
        over = max(0, owed.amount - hold.amount) if hold.windows else 0
        self.entries.append(
            line(
                attempt,
                kind="correct" if late else KIND_OF[state],
                amount=amount,
                basis=owed.basis,
                priced=owed.priced,
                made=hold.made,
                at=self.at,
                held=hold.amount,
                overrun=over,
                price=price,
            )
        )
        hold.state = state
        notices: list[Notice] = []
        for id in hold.windows:
            window = self.windows[id]
            window.change(spent=amount, reserved=0 if late else -hold.amount, overrun=over)
            notices += self._crossed(window, hold.id)
        if over and hold.amount:
            notices.append(Overrun(attempt=hold.id, model=hold.model, amount=over))
            self.append(EventRow(OVERRUN, hold.id, json.dumps({"model": hold.model, "amount": over}), hold.id))
        return tuple(notices)

    def _crossed(self, window: WindowState, cause: str) -> Iterator[Notice]:
        """The alerts that this spending is the first to set off."""
        if not window.kept:
            return
        thresholds = {2: window.limit}
        if window.alert is not None and window.alert < window.limit:
            thresholds = {1: window.alert, **thresholds}
        for bit, threshold in thresholds.items():
            if window.spent and window.spent >= threshold and not window.alerted & bit:
                window.alerted |= bit
                window.touched = True
                alert = Alert(standing=window.standing(), threshold=threshold)
                if self.append(EventRow(ALERT, f"{window.id}:{bit}", json.dumps(asdict(alert)), cause)):
                    yield alert


def due(op: Book, held: int) -> Due:
    """What an attempt is booked at; what is not known is not free."""
    basis = op.attempt.basis
    if basis == "void":
        return Due(0, basis)
    if held and (op.cost is None or basis == "reserved"):
        return Due(held, "reserved")
    if held and op.cost is not None and basis == "estimated":
        return Due(min(op.cost, held), basis)
    return Due(op.cost or 0, basis, op.cost is not None)


def clock_error(behind_s: float) -> LedgerClock:
    return LedgerClock(
        f"this machine's clock is {behind_s / 60:.0f} minutes behind the newest entry of the ledger: set the clock; "
        "if it is right and the ledger was written under a wrong one, run `orchestra ledger repair-clock`"
    )


def undone(error: Exception) -> LedgerError:
    """What an operation comes to that the database refuses: the books would not balance, or can't hold what it says."""
    refused = LedgerError(f"the ledger can't do this, and has not: {type(error).__name__}: {error}")
    refused.__cause__ = error
    return refused


def notice_of(kind: str, cause: str, payload: str) -> Notice:
    """The notice that an event was written for."""
    said = json.loads(payload)
    if kind == ALERT:
        return Alert(standing=Standing(**said["standing"]), threshold=said["threshold"])
    return Overrun(attempt=cause, model=said["model"], amount=said["amount"])


def _seen(window: WindowState, claim: Claim) -> Standing:
    return replace(window.standing(), limit=claim.ceiling)


def _unsent(hold: HoldState) -> Attempt:
    """All that is known of a call from its hold."""
    return Attempt(
        id=hold.id,
        request=hold.request,
        path=(),
        call="",  # type: ignore[arg-type]  # only the process that held the money knew
        name="",
        model=hold.model,
        provider=hold.provider,
        tags=hold.tags,
        started_at=hold.made,
    )
