"""From the tables to the books and back: a batch is a handful of statements, however many operations it has."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestra.ledger.books import Books, EventRow, notice_of
from orchestra.ledger.entry import COLUMNS, clean
from orchestra.ledger.ops import Append, Beat, Book, Claim, Notice, Op, Peek, Release, Reserve, Result
from orchestra.ledger.state import HoldState, WindowState, window_id
from orchestra.ledger.tables import (
    EVENT_COLUMNS,
    HOLD_COLUMNS,
    WINDOW_COLUMNS,
    Row,
    hold_of,
    hold_row,
    window_of,
    window_row,
)

LEASE_S = 60.0
"""An owner that was silent for so long is dead, and its holds are charged."""

CHUNK = 500
"""Rows in one statement: every engine takes as many values."""

ALIVE = """INSERT INTO owner (id, host, pid, beat, newest) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET beat = excluded.beat, newest = excluded.newest"""

UPDATE = """UPDATE budget_window SET limit_nano = ?, cap = ?, alert = ?, alerted = ?,
  spent = spent + ?, reserved = reserved + ?, overrun = overrun + ? WHERE id = ?"""


class Session(Protocol):
    """A connection inside a transaction that keeps every other writer out. Placeholders are `?`."""

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows of a query."""
        ...

    def write(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Run statements in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Store:
    """Applies batches for one owner (a ledger in a process) inside transactions that an engine opens.

    `wall` is in seconds since the epoch.
    """

    owner: str
    wall: Callable[[], float]
    pid: int = field(default_factory=os.getpid)

    def apply(self, session: Session, ops: Sequence[Op], *, again: bool = False) -> tuple[list[Result], bool]:
        """What came of each operation, and whether there is something to commit.

        With `again` the outcome of an earlier try is not known: what it did is found, not done twice.
        """
        books = self._load(session, ops, again)
        results = [books.apply(op) for op in ops]
        statements = list(self._changes(books))
        if statements:
            session.write(statements)
        return results, bool(statements)

    def _load(self, session: Session, ops: Sequence[Op], again: bool) -> Books:
        wall = self.wall()
        newest = newest_of(session)
        at = max(wall, newest)
        books = Books(owner=self.owner, at=at, behind_s=newest - wall, again=again)
        asked = [ask for op in ops if isinstance(op, Reserve) for ask in op.asks]
        booked = [op for op in ops if isinstance(op, Book)]
        released = [id for op in ops if isinstance(op, Release) for id in op.ids]
        ids = {ask.id for ask in asked} | {op.attempt.id for op in booked} | set(released)
        books.holds = _holds(session, "id IN {}", ids)
        if any(isinstance(op, Beat) for op in ops):
            dead = "state = 'held' AND owner <> ? AND owner NOT IN (SELECT id FROM owner WHERE beat >= ?)"
            found = {
                hold.id: hold
                for hold in map(hold_of, _select(session, "hold", HOLD_COLUMNS, dead, (self.owner, at - LEASE_S)))
            }
            books.dead = list(found)
            books.holds = found | books.holds
        linked = _linked(session, books.holds)
        books.windows = {
            window.id: window
            for window in map(window_of, _some(session, "budget_window", WINDOW_COLUMNS, "id IN {}", linked))
        }
        claims = [claim for ask in asked for claim in ask.claims]
        claims += [claim for op in ops if isinstance(op, Book | Peek) for claim in op.claims]
        self._open(session, books, claims)
        unheld = {op.attempt.id for op in booked} - books.holds.keys()
        books.entered = {id for (id,) in _some(session, "entry", ("id",), "id IN {}", unheld)}
        keys = {op.key for op in ops if isinstance(op, Append)}
        known = _some(session, "event", ("kind", "key", "owner"), "key IN {}", keys)
        books.happened = {(kind, key): owner for kind, key, owner in known}
        if again:
            books.told = _told(session, ids | set(books.dead))
        return books

    def _open(self, session: Session, books: Books, claims: Iterable[Claim]) -> None:
        """Load the windows that claims fall in now; one that is not there yet starts at what was spent before."""
        wanted: dict[int, Claim] = {}
        for claim in claims:
            budget = claim.budget
            starts = budget.window(books.at).starts
            wanted.setdefault(window_id(budget.name, budget.rule, claim.scope, starts), claim)
        missing = wanted.keys() - books.windows.keys()
        for row in _some(session, "budget_window", WINDOW_COLUMNS, "id IN {}", missing):
            books.windows[row[0]] = window_of(row)
        for id in sorted(missing - books.windows.keys()):
            books.windows[id] = _opened(session, books, id, wanted[id])

    def _changes(self, books: Books) -> Iterator[tuple[str, Sequence[Any]]]:
        windows = sorted((w for w in books.windows.values() if w.touched), key=lambda window: window.id)
        holds = [hold for hold in books.holds.values() if hold.loaded != hold.state]
        fresh = [hold for hold in holds if hold.loaded is None]
        yield from _inserts("budget_window", WINDOW_COLUMNS, [window_row(w) for w in windows if w.new])
        for window in windows:
            if not window.new:
                yield _update(window)
        yield from _inserts("hold", HOLD_COLUMNS, [hold_row(hold) for hold in fresh])
        for state in ("posted", "void", "expired"):
            ids = [hold.id for hold in holds if hold.loaded is not None and hold.state == state]
            for some in _chunks(ids):
                yield f"UPDATE hold SET state = '{state}' WHERE id IN {_marks(some)}", some
        links = [(hold.id, window) for hold in fresh for window in hold.windows]
        links += [(hold, window.id) for window in windows if window.new for hold in window.attached]
        yield from _inserts("hold_window", ("hold", "window_id"), links)
        yield from _inserts("entry", COLUMNS, [entry.values() for entry in books.entries])
        for sql, values in _inserts("event", EVENT_COLUMNS, [self._event_row(e, books.at) for e in books.events]):
            yield f"{sql} ON CONFLICT DO NOTHING", values
        if windows or holds or books.entries or books.events or books.beaten:
            yield self.sign_of_life(books.at)
        if books.beaten:
            idle = (
                "id NOT IN (SELECT owner FROM hold WHERE state = 'held') AND newest < (SELECT MAX(newest) FROM owner)"
            )
            yield f"DELETE FROM owner WHERE beat < ? AND {idle}", (books.at - LEASE_S,)

    def sign_of_life(self, at: float) -> tuple[str, Sequence[Any]]:
        """The owner's row; `newest` over all owners is the time of the newest commit."""
        return ALIVE, (self.owner, socket.gethostname(), self.pid, at, at)

    def _event_row(self, event: EventRow, at: float) -> Row:
        return clean(event.kind), clean(event.key), clean(event.payload), clean(event.cause), self.owner, at


def newest_of(session: Session) -> float:
    """The time of the newest commit, in seconds since the epoch; 0 when there is none."""
    ((newest,),) = session.read("SELECT MAX(newest) FROM owner")
    return newest or 0.0


def _opened(session: Session, books: Books, id: int, claim: Claim) -> WindowState:
    """A window that no call has counted in yet, with the matching calls of its time, settled and in flight."""
    budget, scope = claim.budget, claim.scope
    time = budget.window(books.at)
    until = float("inf") if time.ends is None else float(time.ends)
    ((first,),) = session.read(
        "SELECT MIN(made) FROM budget_window WHERE budget = ? AND rule = ?", (budget.name, budget.rule)
    )
    opening = 0
    if first is None or first > time.starts or budget.per == "request":
        # Since the budget's first window every matching call has opened its own: only what came before is unknown.
        end = until if first is None or budget.per == "request" else min(until, first)
        where, values = "made >= ? AND made < ?", [float(time.starts), min(end, 1e18)]
        if budget.per == "request":
            where, values = "request = ?", [scope.partition("=")[2]]
        spent = session.read(
            f"SELECT model, provider, tags, request, CAST(SUM(amount) AS BIGINT) FROM entry WHERE {where} "
            "GROUP BY model, provider, tags, request",
            values,
        )
        opening = sum(
            amount
            for model, provider, tags, request, amount in spent
            if _counts(claim, model, provider, json.loads(tags), request)
        )
    live = [
        hold
        for hold in _holds(session, "state = 'held'").values()
        if _counts(claim, hold.model, hold.provider, hold.tags, hold.request) and time.starts <= hold.made < until
    ]
    for hold in live:
        if hold.id in books.holds:
            books.holds[hold.id].windows.append(id)
    window = WindowState(
        id=id,
        budget=budget.name,
        rule=budget.rule,
        scope=scope,
        starts=time.starts,
        ends=time.ends,
        limit=0,
        cap=0,
        alert=None,
        made=books.at,
        opening=opening,
        spent=opening,
        reserved=sum(hold.amount for hold in live),
        new=True,
        attached=tuple(hold.id for hold in live),
    )
    window.follow(claim)
    window.touched = False
    return window


def _counts(claim: Claim, model: str, provider: str, tags: Mapping[str, str], request: str) -> bool:
    budget = claim.budget
    return budget.matches(model, provider, tags) and clean(budget.scope(tags, request)) == claim.scope


def _holds(session: Session, where: str, ids: Iterable[str] | None = None) -> dict[str, HoldState]:
    rows = (
        _select(session, "hold", HOLD_COLUMNS, where)
        if ids is None
        else _some(session, "hold", HOLD_COLUMNS, where, ids)
    )
    return {hold.id: hold for hold in map(hold_of, rows)}


def _linked(session: Session, holds: Mapping[str, HoldState]) -> set[int]:
    """Give each hold its windows, and name them all."""
    linked = set()
    for hold, window in _some(session, "hold_window", ("hold", "window_id"), "hold IN {}", holds):
        holds[hold].windows.append(window)
        linked.add(window)
    return linked


def _told(session: Session, causes: Iterable[str]) -> dict[str, list[Notice]]:
    told: dict[str, list[Notice]] = {}
    for kind, cause, payload in _some(session, "event", ("kind", "cause", "payload"), "cause IN {}", causes):
        told.setdefault(cause, []).append(notice_of(kind, cause, payload))
    return told


def _update(w: WindowState) -> tuple[str, Row]:
    """Amounts are added, not set: what another writer did in between would still add up."""
    spent, reserved, overrun = w.loaded
    changed = (w.spent - spent, w.reserved - reserved, w.overrun - overrun)
    return UPDATE, (w.limit, w.cap, w.alert, w.alerted, *changed, w.id)


def _select(session: Session, table: str, columns: Sequence[str], where: str, values: Sequence[Any] = ()) -> list[Row]:
    return session.read(f"SELECT {', '.join(columns)} FROM {table} WHERE {where}", values)


def _some(session: Session, table: str, columns: Sequence[str], where: str, values: Iterable[Any]) -> list[Row]:
    """The rows whose key is among `values`; no statement at all when there are none."""
    return [
        row
        for some in _chunks(list(values))
        for row in _select(session, table, columns, where.format(_marks(some)), some)
    ]


def _inserts(table: str, columns: Sequence[str], rows: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
    for some in _chunks(rows):
        marks = ", ".join([_marks(columns)] * len(some))
        yield f"INSERT INTO {table} ({', '.join(columns)}) VALUES {marks}", [value for row in some for value in row]


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[n : n + CHUNK] for n in range(0, len(rows), CHUNK))


def _marks(values: Sequence[Any]) -> str:
    return f"({', '.join('?' * len(values))})"
