"""The little SQL that every engine shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from orchestra.ledger.state import HoldState
from orchestra.ledger.tables import HOLD_COLUMNS, Row, hold_of

SIZES = (256, 64, 16, 4, 1)
"""Rows in one statement: few different texts, which the database needs to parse only once."""


class Session(Protocol):
    """A connection inside a transaction. Placeholders are `?`."""

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows of a query."""
        ...

    def write(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Run statements in their order."""
        ...


def select(session: Session, table: str, columns: Sequence[str], where: str, values: Sequence[Any] = ()) -> list[Row]:
    return session.read(f"SELECT {', '.join(columns)} FROM {table} WHERE {where}", values)


def among(session: Session, table: str, columns: Sequence[str], key: str, values: Iterable[Any]) -> list[Row]:
    """The rows whose `key` is among `values`; no statement at all when there are none."""
    return [
        row for some in chunks(list(values)) for row in select(session, table, columns, f"{key} IN {marks(some)}", some)
    ]


def inserts(table: str, columns: Sequence[str], rows: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
    """The statements that insert `rows`."""
    for some in chunks(rows):
        places = ", ".join([marks(columns)] * len(some))
        yield f"INSERT INTO {table} ({', '.join(columns)}) VALUES {places}", [value for row in some for value in row]


def live_holds(session: Session, where: str = "1 = 1", values: Sequence[Any] = ()) -> list[HoldState]:
    """What is held now."""
    return [hold_of(row) for row in select(session, "hold", HOLD_COLUMNS, f"state = 'held' AND {where}", values)]


def newest_of(session: Session) -> float:
    """The time of the newest commit, in seconds since the epoch; 0 when there is none."""
    ((newest,),) = session.read("SELECT MAX(newest) FROM owner")
    return newest or 0.0


def chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    done = 0
    for size in SIZES:
        while len(rows) - done >= size:
            yield rows[done : done + size]
            done += size


def marks(values: Sequence[Any]) -> str:
    return f"({', '.join('?' * len(values))})"
