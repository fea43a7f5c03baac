"""What the ledger can be asked; every answer is of one moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from orchestra.ledger.entry import COLUMNS, Entry
from orchestra.ledger.money import shown
from orchestra.ledger.ops import Standing
from orchestra.ledger.query import Session, marks
from orchestra.ledger.tables import HOLD_COLUMNS
from orchestra.types import NOTHING

FOREVER = 1e18


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """Money of a call in flight, in nano-USD; `made` in seconds since the epoch."""

    id: str
    request: str
    model: str
    provider: str
    tags: Mapping[str, str]
    amount: int
    owner: str
    made: float


@dataclass(frozen=True, slots=True)
class Place:
    """How far the books were read: the number of the last event and of the last entry."""

    event: int = 0
    entry: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that was noted; `at` in seconds since the epoch."""

    kind: str
    key: str
    payload: Any
    at: float


def entries(
    session: Session,
    since: float | None = None,
    until: float | None = None,
    *,
    request: str | None = None,
    id: str | None = None,
) -> list[Entry]:
    """Every line of the books made in [since, until), oldest first."""
    where, values = (
        "made >= ? AND made < ?",
        [-FOREVER if since is None else since, FOREVER if until is None else until],
    )
    for column, wanted in (("request", request), ("id", id)):
        if wanted is not None:
            where, values = f"{where} AND {column} = ?", [*values, wanted]  # type: ignore[list-item]
    return [
        Entry.read(row)
        for row in session.read(f"SELECT {', '.join(COLUMNS)} FROM entry WHERE {where} ORDER BY seq", values)
    ]


def calls(lines: Iterable[Entry]) -> list[Entry]:
    """One line for each call: a charge and its correction are one."""
    found: dict[str, Entry] = {}
    for line in lines:
        before = found.get(line.id)
        if before is not None:
            line = replace(line, amount=before.amount + line.amount, overrun=before.overrun + line.overrun)
        found[line.id] = line
    return list(found.values())


def windows(session: Session, at: float | None = None) -> list[Standing]:
    """The windows that have been counted in, newest first; with `at` those that are open then."""
    columns = [{"limit": "limit_nano", "held": "reserved"}.get(f.name, f.name) for f in fields(Standing)]
    where, values = ("1 = 1", []) if at is None else ("starts <= ? AND (ends IS NULL OR ends > ?)", [at, at])
    rows = session.read(
        f"SELECT {', '.join(columns)} FROM budget_window WHERE {where} ORDER BY starts DESC, budget, scope", values
    )
    return [Standing(**dict(zip([f.name for f in fields(Standing)], row, strict=True))) for row in rows]


def holds(session: Session) -> list[HeldRow]:
    """The money that is held now, oldest first."""
    rows = session.read(f"SELECT {', '.join(HOLD_COLUMNS[:-1])} FROM hold WHERE state = 'held' ORDER BY made")
    found = [dict(zip(HOLD_COLUMNS[:-1], row, strict=True)) for row in rows]
    return [HeldRow(**{**hold, "tags": json.loads(hold["tags"]) or NOTHING}) for hold in found]


def events(session: Session, kind: str | None = None, under: str | None = None) -> list[Event]:
    """What was noted, oldest first; with `under` what has that key, or one that begins with it and a slash."""
    where, values = ("1 = 1", []) if kind is None else ("kind = ?", [kind])
    if under is not None:
        where, values = f"{where} AND (key = ? OR key LIKE ?)", [*values, under, f"{under}/%"]
    rows = session.read(f"SELECT kind, key, payload, at FROM event WHERE {where} ORDER BY seq", values)
    return [Event(kind=kind, key=key, payload=json.loads(payload), at=at) for kind, key, payload, at in rows]


def news(
    session: Session, after: Place, kinds: Sequence[str], *, entries: bool = False
) -> tuple[list[Event], list[Entry], Place]:
    """The events of `kinds`, and the entries if asked for, that came after a place; and how far that is.

    One transaction writes at a time, so that numbers are given in the order of the commits and none is missed.
    """
    noted = (
        session.read(
            f"SELECT seq, kind, key, payload, at FROM event WHERE seq > ? AND kind IN {marks(kinds)} ORDER BY seq",
            [after.event, *kinds],
        )
        if kinds
        else []
    )
    booked = (
        session.read(f"SELECT seq, {', '.join(COLUMNS)} FROM entry WHERE seq > ? ORDER BY seq", [after.entry])
        if entries
        else []
    )
    return (
        [Event(kind=kind, key=key, payload=json.loads(payload), at=at) for _, kind, key, payload, at in noted],
        [Entry.read(row[1:]) for row in booked],
        Place(noted[-1][0] if noted else after.event, booked[-1][0] if booked else after.entry),
    )


_SUMS = (
    "SELECT w.budget, w.scope, w.starts, w.{kept}, CAST(w.{opening} + COALESCE(SUM(e.{summed}), 0) AS BIGINT) "
    "FROM budget_window w LEFT JOIN hold_window l ON l.window_id = w.id LEFT JOIN entry e ON e.id = l.hold "
    "GROUP BY w.id, w.budget, w.scope, w.starts, w.{kept}, w.{opening} "
    "HAVING w.{kept} <> w.{opening} + COALESCE(SUM(e.{summed}), 0)"
)
_HELD = (
    "SELECT w.budget, w.scope, w.starts, w.reserved, CAST(COALESCE(SUM(h.amount), 0) AS BIGINT) "
    "FROM budget_window w LEFT JOIN hold_window l ON l.window_id = w.id "
    "LEFT JOIN hold h ON h.id = l.hold AND h.state = 'held' "
    "GROUP BY w.id, w.budget, w.scope, w.starts, w.reserved "
    "HAVING w.reserved <> COALESCE(SUM(h.amount), 0)"
)
_OVER = (
    "SELECT budget, scope, starts, spent + reserved, cap + overrun FROM budget_window "
    "WHERE spent + reserved > cap + overrun"
)
_WINDOW_FAULTS = {
    "spent is {} but its entries add up to {}": _SUMS.format(kept="spent", opening="opening", summed="amount"),
    "overrun is {} but its entries add up to {}": _SUMS.format(
        kept="overrun", opening="opening_overrun", summed="overrun"
    ),
    "{} is held but its holds add up to {}": _HELD,
    "{} is spent and held above its cap of {}": _OVER,
}
_COUNTS = (
    "SELECT h.id FROM hold h LEFT JOIN entry e ON e.id = h.id "
    "GROUP BY h.id, h.state, h.amount HAVING NOT CASE h.state "
    "WHEN 'held' THEN COUNT(e.id) = 0 "
    "WHEN 'expired' THEN COUNT(e.id) = 1 AND MIN(e.kind) = 'expire' AND SUM(e.amount) = h.amount "
    "WHEN 'void' THEN COALESCE(SUM(e.amount), 0) = 0 "
    "ELSE COUNT(e.id) BETWEEN 1 AND 2 AND SUM(e.amount) >= 0 END"
)
_CALL_FAULTS = {
    "has entries that do not fit its state": _COUNTS,
    "was corrected without having been charged": "SELECT id FROM entry c WHERE kind = 'correct' "
    "AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = c.id AND e.kind = 'expire')",
    "was booked twice": "SELECT id FROM entry WHERE kind <> 'correct' GROUP BY id HAVING COUNT(*) > 1",
    "counts in a window that is not there": "SELECT hold FROM hold_window "
    "WHERE window_id NOT IN (SELECT id FROM budget_window)",
}


def audit(session: Session) -> list[str]:
    """What does not add up, a line each: nothing when the books are right. Amounts are in USD."""
    found = []
    for fault, query in _WINDOW_FAULTS.items():
        for budget, scope, starts, kept, proven in session.read(query):
            where = f"{budget}{f' ({scope})' if scope else ''} from {starts}"
            found.append(f"window {where}: {fault.format(shown(kept), shown(proven))}")
    for fault, query in _CALL_FAULTS.items():
        found += [f"call {id} {fault}" for (id,) in session.read(query)]
    return found
