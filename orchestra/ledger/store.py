"""From the tables to the books and back: a batch is a handful of statements, however many operations it has."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestra.ledger.books import Books, EventRow, notice_of
from orchestra.ledger.entry import COLUMNS, clean
from orchestra.ledger.opening import Opening, claims_of, together
from orchestra.ledger.ops import Append, Beat, Book, Notice, Op, Release, Reserve, Result
from orchestra.ledger.query import Session, among, chunks, inserts, live_holds, marks, newest_of
from orchestra.ledger.state import HoldState, WindowState
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

SILENT = "owner <> ? AND owner NOT IN (SELECT id FROM owner WHERE beat >= ?)"
FORGOTTEN = """DELETE FROM owner WHERE beat < ? AND newest < (SELECT MAX(newest) FROM owner)
  AND id NOT IN (SELECT owner FROM hold WHERE state = 'held')"""
ALIVE = """INSERT INTO owner (id, host, pid, beat, newest) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET beat = excluded.beat, newest = excluded.newest"""

UPDATE = """UPDATE budget_window SET limit_nano = ?, cap = ?, alert = ?, alerted = ?,
  spent = spent + ?, reserved = reserved + ?, overrun = overrun + ? WHERE id = ?"""


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
        results: list[Result] = []
        dirty = False
        while len(results) < len(ops):
            rest = ops[len(results) :]
            books = self._load(session, rest, again)
            results += [books.apply(op) for op in rest[: together(rest, books)]]
            statements = list(self._changes(books))
            if statements:
                session.write(statements)
                dirty = True
        return results, dirty

    def _load(self, session: Session, ops: Sequence[Op], again: bool) -> Books:
        wall = self.wall()
        newest = newest_of(session)
        at = max(wall, newest)
        books = Books(owner=self.owner, at=at, behind_s=newest - wall, again=again)
        asked = [ask for op in ops if isinstance(op, Reserve) for ask in op.asks]
        booked = [op for op in ops if isinstance(op, Book)]
        released = [id for op in ops if isinstance(op, Release) for id in op.ids]
        ids = {ask.id for ask in asked} | {op.attempt.id for op in booked} | set(released)
        books.holds = {row[0]: hold_of(row) for row in among(session, "hold", HOLD_COLUMNS, "id", ids)}
        if any(isinstance(op, Beat) for op in ops):
            dead = live_holds(session, SILENT, (self.owner, at - LEASE_S))
            books.dead = [hold.id for hold in dead]
            books.holds = {hold.id: hold for hold in dead} | books.holds
        books.windows = _windows(session, _linked(session, books.holds))
        wanted = {books.id_of(claim): claim for op in ops for claim in claims_of(op)}
        missing = wanted.keys() - books.windows.keys()
        books.windows |= _windows(session, missing)
        opening = Opening(session, books)
        for id in sorted(missing - books.windows.keys()):
            books.windows[id] = opening.window(id, wanted[id])
        unheld = {op.attempt.id for op in booked} - books.holds.keys()
        books.entered = {id for (id,) in among(session, "entry", ("id",), "id", unheld)}
        keys = {op.key for op in ops if isinstance(op, Append)}
        known = among(session, "event", ("kind", "key", "owner"), "key", keys)
        books.happened = {(kind, key): owner for kind, key, owner in known}
        if again:
            books.told = _told(session, ids | set(books.dead))
        return books

    def _changes(self, books: Books) -> Iterator[tuple[str, Sequence[Any]]]:
        windows = sorted(
            (w for w in books.windows.values() if w.kept and (w.touched or w.new)), key=lambda window: window.id
        )
        holds = [hold for hold in books.holds.values() if hold.loaded != hold.state]
        fresh = [hold for hold in holds if hold.loaded is None]
        yield from inserts("budget_window", WINDOW_COLUMNS, [window_row(w) for w in windows if w.new])
        for window in windows:
            if not window.new:
                yield _update(window)
        yield from inserts("hold", HOLD_COLUMNS, [hold_row(hold) for hold in fresh])
        for state in ("posted", "void", "expired"):
            ids = [hold.id for hold in holds if hold.loaded is not None and hold.state == state]
            for some in chunks(ids):
                yield f"UPDATE hold SET state = '{state}' WHERE id IN {marks(some)}", some
        links = [(hold.id, window) for hold in fresh for window in hold.windows]
        links += [(hold, window.id) for window in windows if window.new for hold in window.attached]
        yield from inserts("hold_window", ("hold", "window_id"), links)
        yield from inserts("entry", COLUMNS, books.entries)
        for sql, values in inserts("event", EVENT_COLUMNS, [self._event_row(e, books.at) for e in books.events]):
            yield f"{sql} ON CONFLICT DO NOTHING", values
        if windows or holds or books.entries or books.events or books.beaten:
            yield self.sign_of_life(books.at)
        if books.beaten:
            yield FORGOTTEN, (books.at - LEASE_S,)

    def sign_of_life(self, at: float) -> tuple[str, Sequence[Any]]:
        """The owner's row; `newest` over all owners is the time of the newest commit."""
        return ALIVE, (self.owner, socket.gethostname(), self.pid, at, at)

    def _event_row(self, event: EventRow, at: float) -> Row:
        return clean(event.kind), clean(event.key), clean(event.payload), clean(event.cause), self.owner, at


def _windows(session: Session, ids: Iterable[int]) -> dict[int, WindowState]:
    return {row[0]: window_of(row) for row in among(session, "budget_window", WINDOW_COLUMNS, "id", ids)}


def _linked(session: Session, holds: Mapping[str, HoldState]) -> set[int]:
    """Give each hold its windows, and name them all."""
    linked = set()
    for hold, window in among(session, "hold_window", ("hold", "window_id"), "hold", holds):
        holds[hold].windows.append(window)
        linked.add(window)
    return linked


def _told(session: Session, causes: Iterable[str]) -> dict[str, list[Notice]]:
    told: dict[str, list[Notice]] = {}
    for kind, cause, payload in among(session, "event", ("kind", "cause", "payload"), "cause", causes):
        told.setdefault(cause, []).append(notice_of(kind, cause, payload))
    return told


def _update(w: WindowState) -> tuple[str, Row]:
    """Amounts are added, not set: what another writer did in between would still add up."""
    spent, reserved, overrun = w.loaded
    changed = (w.spent - spent, w.reserved - reserved, w.overrun - overrun)
    return UPDATE, (w.limit, w.cap, w.alert, w.alerted, *changed, w.id)
