"""What a ledger is kept in: SQLite or PostgreSQL, behind one protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from orchestra.ledger.ops import Op, Result
from orchestra.ledger.query import Session


class Engine(Protocol):
    """Does operations in transactions; `apply` and `close` are called by one thread at a time."""

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        ...

    def apply(self, ops: Sequence[Op]) -> list[Result]:
        """Do all of it, in order, durably; raises `LedgerUnavailable` when none of it was done."""
        ...

    def reading(self) -> AbstractContextManager[Session]:
        """A look at what is committed, on a connection of its own, from any thread."""
        ...

    def check(self) -> list[str]:
        """What the database finds wrong with itself."""
        ...

    def close(self) -> None:
        """Close the connection; the next operation opens another."""
        ...

    def quiet(self) -> AbstractContextManager[None]:
        """No connection is open inside: the process may fork."""
        ...

    def inherit(self, owner: str) -> None:
        """Be the engine of a forked child, for another owner."""
        ...


def engine_for(place: str | Path, owner: str, *, wall: Callable[[], float] | None, power_safe: bool) -> Engine:
    """The engine of a path, or of a URL that begins with `postgresql://`.

    `wall` is the clock, in seconds since the epoch; `None` is the machine's, for PostgreSQL the server's.
    """
    if str(place).startswith(("postgresql://", "postgres://")):
        from orchestra.ledger.postgres import PostgresEngine

        return PostgresEngine(str(place), owner, wall=wall, power_safe=power_safe)
    from orchestra.ledger.sqlite import SqliteEngine

    clock = wall or time.time  # noqa: TID251  # the machine's, unless another was given
    return SqliteEngine(Path(place).expanduser(), owner, wall=clock, power_safe=power_safe)
