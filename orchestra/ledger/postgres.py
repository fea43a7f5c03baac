"""The ledger of several machines: PostgreSQL, one writing transaction at a time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from orchestra.errors import ConfigError, LedgerUnavailable
from orchestra.ledger.books import undone
from orchestra.ledger.maintenance import done, transactions
from orchestra.ledger.ops import Op, Result
from orchestra.ledger.query import Session
from orchestra.ledger.schema import POSTGRES_MIGRATIONS
from orchestra.ledger.store import Store
from orchestra.ledger.tables import Row

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError as error:
    raise ConfigError(
        "a ledger in PostgreSQL needs psycopg: pip install 'orchestra[postgres]', or give `ledger.path`"
    ) from error

LOCK = 0x4F726368
"""The advisory lock that lets one transaction write at a time; SQLite has the same rule."""

RECONNECT_S = 10.0
PASSING = (
    psycopg.errors.AdminShutdown,
    psycopg.errors.CrashShutdown,
    psycopg.errors.CannotConnectNow,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)
"""What a server says that will be there again in a moment."""

SETTINGS = (
    "SET search_path TO orchestra",
    "SET lock_timeout TO '5s'",
    "SET idle_in_transaction_session_timeout TO '15s'",
)


@dataclass(frozen=True, slots=True)
class PostgresSession:
    connection: psycopg.Connection[Row]

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return self.connection.execute(_translated(sql), values).fetchall()

    def write(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> None:
        with self.connection.pipeline():
            for sql, values in statements:
                self.connection.execute(_translated(sql), values)


class PostgresEngine:
    """The ledger in the schema `orchestra` of the database at `url`, made at first use.

    A connection that breaks is opened again for up to 10 s, and what it was doing is done again under the same ids.
    Without `power_safe` a power cut at the server may lose the last commits. `wall` is the clock, in seconds since the
    epoch; `None` is the server's.
    """

    def __init__(self, url: str, owner: str, *, wall: Callable[[], float] | None, power_safe: bool = True) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError as error:
            raise ConfigError("ledger.url is no URL of a PostgreSQL database: postgresql://user@host/name") from error
        self.place = f"postgresql://{parts.get('host', '')}/{parts.get('dbname', '')}"
        self.store = Store(owner, wall or self._server_time)
        self._url = url
        self._power_safe = power_safe
        self._connection: psycopg.Connection[Row] | None = None
        self._server_now = 0.0
        self._reached = False
        self._reading = threading.Lock()

    def apply(self, ops: Sequence[Op]) -> list[Result]:
        results: list[Result] = []
        for group in transactions(ops):
            try:
                results += self._applied(group)
            except LedgerUnavailable:
                raise
            except Exception as error:  # noqa: BLE001  # what one operation can't do must not keep the others
                results += [undone(error)] if len(group) == 1 else [r for op in group for r in self.apply([op])]
        return results

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A look at what is committed, on a connection of its own, from any thread."""
        with self._reading, self._explained():
            connection = self._connect()
            try:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield PostgresSession(connection)
            finally:
                connection.close()

    def check(self) -> list[str]:
        """Nothing: the server looks after its own files."""
        return []

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """No connection is open inside."""
        with self._reading:
            self.close()
            yield

    def inherit(self, owner: str) -> None:
        """Be the engine of a forked child; what could not be closed before is left alone: it is the parent's."""
        self._parents, self._connection = self._connection, None
        self._reading = threading.Lock()
        self.store = replace(self.store, owner=owner, pid=os.getpid())

    def _server_time(self) -> float:
        return self._server_now

    def _applied(self, ops: Sequence[Op]) -> list[Result]:
        """Do it; when the connection breaks on the way it may have been done, and is tried again as such."""
        end, wait_s, again = time.monotonic() + RECONNECT_S, 0.05, False
        with self._explained():
            while True:
                try:
                    results = self._transaction(ops, again)
                    self._reached = True
                    return results
                except psycopg.OperationalError as error:
                    lost = self._connection is None or self._connection.closed or isinstance(error, PASSING)
                    self.close()
                    if not (lost and self._reached and time.monotonic() < end):
                        self._reached = False
                        raise
                    again = True
                    time.sleep(wait_s)
                    wait_s = min(2 * wait_s, 1.0)
                except psycopg.Error:
                    self.close()
                    raise

    def _transaction(self, ops: Sequence[Op], again: bool) -> list[Result]:
        if self._connection is None:
            self._connection = self._connect()
        with _transaction(self._connection) as end:
            self._server_now = _locked(self._connection)
            results, dirty = done(PostgresSession(self._connection), self.store, ops, again=again)
            end("COMMIT" if dirty else "ROLLBACK")
        return results

    def _connect(self) -> psycopg.Connection[Row]:
        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
        try:
            for setting in SETTINGS:
                connection.execute(setting)
            connection.execute(f"SET synchronous_commit TO {'on' if self._power_safe else 'off'}")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: psycopg.Connection[Row]) -> None:
        if self._version(connection) == len(POSTGRES_MIGRATIONS):
            return
        with _transaction(connection) as end:
            _locked(connection)
            connection.execute("CREATE SCHEMA IF NOT EXISTS orchestra")
            connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
            for script in POSTGRES_MIGRATIONS[self._version(connection) :]:
                connection.execute(script)
            connection.execute("DELETE FROM schema_version")
            connection.execute(f"INSERT INTO schema_version VALUES ({len(POSTGRES_MIGRATIONS)})")
            end("COMMIT")

    def _version(self, connection: psycopg.Connection[Row]) -> int:
        ((table,),) = connection.execute("SELECT to_regclass('orchestra.schema_version')").fetchall()
        rows = connection.execute("SELECT version FROM schema_version").fetchall() if table else []
        version = int(rows[0][0]) if rows else 0
        if version > len(POSTGRES_MIGRATIONS):
            raise LedgerUnavailable(
                f"the ledger at {self.place} was written by a newer Orchestra (its tables have version {version}, this "
                f"one knows {len(POSTGRES_MIGRATIONS)}): upgrade, or set another `ledger.url`"
            )
        return version

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What the driver raises, as an error that says what to do."""
        try:
            yield
        except (psycopg.IntegrityError, psycopg.DataError):
            raise
        except psycopg.errors.LockNotAvailable as error:
            raise LedgerUnavailable(
                f"the ledger at {self.place} is locked: another client has kept it for more than 5 s; look for it in "
                "pg_stat_activity"
            ) from error
        except psycopg.errors.DiskFull as error:
            raise LedgerUnavailable(f"there is no room on the disk of {self.place}: free some") from error
        except psycopg.OperationalError as error:
            raise LedgerUnavailable(f"the ledger at {self.place} can't be reached: {error}".strip()) from error
        except psycopg.Error as error:
            raise LedgerUnavailable(f"the ledger at {self.place} can't be used: {error}".strip()) from error


@contextmanager
def _transaction(connection: psycopg.Connection[Row]) -> Iterator[Callable[[str], object]]:
    connection.execute("BEGIN")
    ended = False

    def end(how: str) -> None:
        nonlocal ended
        connection.execute(how)
        ended = True

    try:
        yield end
    finally:
        if not ended and not connection.closed:
            connection.execute("ROLLBACK")


def _locked(connection: psycopg.Connection[Row]) -> float:
    """Keep all other writers out until the transaction ends; returns the server's time then, in seconds."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    ((now,),) = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchall()
    return float(now)


def _translated(sql: str) -> Any:
    return sql.replace("%", "%%").replace("?", "%s")
