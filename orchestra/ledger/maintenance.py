"""What is done to the ledger by hand: its clock set back, what is long past removed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from orchestra.ledger.ops import Done, Op, Purge, RepairClock, Result
from orchestra.ledger.query import Session, newest_of
from orchestra.ledger.store import Store
from orchestra.ledger.tables import EVENT_COLUMNS

CLOCK = "ledger.clock"
PURGE = "ledger.purge"

_GONE = "reserved = 0 AND id NOT IN (SELECT window_id FROM hold_window)"
_SUM = """(SELECT SUM({}) FROM entry e JOIN hold_window l ON l.hold = e.id
    WHERE l.window_id = budget_window.id AND e.made < ?)"""
PURGING = (
    f"""UPDATE budget_window
    SET opening = opening + {_SUM.format("e.amount")}, opening_overrun = opening_overrun + {_SUM.format("e.overrun")}
    WHERE id IN (SELECT l.window_id FROM entry e JOIN hold_window l ON l.hold = e.id WHERE e.made < ?)""",
    "DELETE FROM hold_window WHERE hold IN (SELECT id FROM hold WHERE state <> 'held' AND made < ?)",
    "DELETE FROM hold WHERE state <> 'held' AND made < ?",
    "DELETE FROM entry WHERE made < ?",
    f"DELETE FROM budget_window WHERE ends <= ? AND {_GONE}",
    f"DELETE FROM budget_window WHERE scope LIKE 'request=%' AND made < ? AND {_GONE}",
)
"""The statements of a purge; every placeholder is the time before which calls were made."""


def transactions(ops: Sequence[Op]) -> Iterator[list[Op]]:
    """The operations that share a transaction: all of them, but for those of this module."""
    for alone, group in groupby(ops, lambda op: isinstance(op, Purge | RepairClock)):
        together = list(group)
        yield from ([op] for op in together) if alone else [together]


def done(session: Session, store: Store, ops: Sequence[Op], *, again: bool = False) -> tuple[list[Result], bool]:
    """Do what shares a transaction: what came of each operation, and whether there is something to commit."""
    match ops[0]:
        case RepairClock():
            return [repair_clock(session, store)], True
        case Purge(before):
            return [purge(session, store, before)], True
        case _:
            return store.apply(session, ops, again=again)


def repair_clock(session: Session, store: Store) -> Result:
    """Make this machine's clock the ledger's; the day that it names may then be one that was spent in before."""
    wall, newest = store.wall(), newest_of(session)
    if newest <= wall:
        return Done(fresh=False)
    session.write(
        [
            ("UPDATE owner SET newest = ? WHERE newest > ?", (wall, wall)),
            ("UPDATE owner SET beat = ? WHERE beat > ?", (wall, wall)),
            _event(store, CLOCK, repr(wall), {"from": newest, "to": wall}, wall),
        ]
    )
    return Done()


def purge(session: Session, store: Store, before: float) -> Result:
    """Remove settled calls made before `before`; windows that go on keep their sums as an opening balance."""
    ((calls,),) = session.read("SELECT COUNT(*) FROM entry WHERE made < ?", (before,))
    at = max(store.wall(), newest_of(session))
    session.write([_event(store, PURGE, repr(before), {"entries": calls}, at)])
    session.write((sql, [before] * sql.count("?")) for sql in PURGING)
    return Done(bool(calls))


def _event(store: Store, kind: str, key: str, payload: dict[str, Any], at: float) -> tuple[str, Sequence[Any]]:
    return (
        f"INSERT INTO event ({', '.join(EVENT_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (kind, key, json.dumps(payload), "", store.owner, at),
    )
