"""The ledger in one file: SQLite with a write-ahead log, synced to the disk at every commit."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestra.errors import LedgerUnavailable
from orchestra.ledger.books import undone
from orchestra.ledger.gate import Gate
from orchestra.ledger.maintenance import done, transactions
from orchestra.ledger.ops import Op, Result
from orchestra.ledger.query import Session
from orchestra.ledger.schema import SQLITE_MIGRATIONS
from orchestra.ledger.store import Store
from orchestra.ledger.tables import Row

BUSY_S = 5.0
APPLICATION = 0x4F726368  # "Orch", at its place in the file's header


@dataclass(frozen=True, slots=True)
class SqliteSession:
    connection: sqlite3.Connection

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return self.connection.execute(sql, values).fetchall()

    def write(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> None:
        for sql, values in statements:
            self.connection.execute(sql, values)


class SqliteEngine:
    """The ledger at `path`, which is made with its folder, readable by this user only, at first use.

    `power_safe` syncs the disk at every commit; without it a power cut may lose the last ones, a crash of the process
    none.
    """

    def __init__(self, path: Path, owner: str, *, wall: Callable[[], float], power_safe: bool = True) -> None:
        self.path = path.absolute()
        self.place = str(self.path)
        self.store = Store(owner, wall)
        self._power_safe = power_safe
        self._gate = Gate(self.path.with_name(f"{self.path.name}-gate"))
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
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
                connection.execute("PRAGMA query_only=ON")
                connection.execute("BEGIN")
                yield SqliteSession(connection)
            finally:
                connection.close()

    def check(self) -> list[str]:
        """What the database finds wrong with its own file."""
        with self.reading() as session:
            return [line for (line,) in session.read("PRAGMA integrity_check") if line != "ok"]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._gate.close()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """No connection is open inside."""
        with self._reading:
            self.close()
            yield

    def inherit(self, owner: str) -> None:
        """Be the engine of a forked child; what could not be closed before is left alone: it is the parent's."""
        self._parents, self._connection = (self._connection, self._gate), None
        self._gate = Gate(self._gate.path)
        self._reading = threading.Lock()
        self.store = replace(self.store, owner=owner, pid=os.getpid())

    def _applied(self, ops: Sequence[Op]) -> list[Result]:
        try:
            with self._explained():
                if self._connection is None:
                    self._connection = self._connect()
                with self._gate.passed(), _transaction(self._connection) as end:
                    self._same_file()
                    results, dirty = done(SqliteSession(self._connection), self.store, ops)
                    end("COMMIT" if dirty else "ROLLBACK")
            return results
        except LedgerUnavailable:
            self.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        self._create()
        self._same_file()
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw", uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._same_file()
            self._recognise(connection)
            _write_ahead(connection, self.path)
            connection.execute(f"PRAGMA synchronous={'FULL' if self._power_safe else 'NORMAL'}")
            connection.execute("PRAGMA fullfsync=ON")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        if self._file is not None:
            return
        missing = [folder for folder in self.path.parents if not folder.exists()]
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(0o700)
                folder.chmod(0o700)
                _sync(folder.parent)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            self.path.chmod(0o600)
            _sync(self.path.parent)

    def _same_file(self) -> None:
        """An open file that was deleted still takes writes, and a new process would begin again at zero."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            found = None
        file = None if found is None else (found.st_dev, found.st_ino)
        if self._file is None:
            self._file = file
        if file is None or file != self._file:
            raise LedgerUnavailable(
                f"the ledger {self.path} was {'replaced' if file else 'deleted or moved'} while it was in use: put it "
                "back, or restart this process to go on with what is there now"
            )

    def _recognise(self, connection: sqlite3.Connection) -> int:
        """The version of the tables, 0 for an empty file; what is no ledger of ours is left alone."""
        with _moment(connection):
            ((application,),) = connection.execute("PRAGMA application_id").fetchall()
            ((version,),) = connection.execute("PRAGMA user_version").fetchall()
            ((tables,),) = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchall()
        if application != APPLICATION and (application or version or tables):
            raise LedgerUnavailable(f"{self.path} is a database of another program: set another `ledger.path`")
        if version > len(SQLITE_MIGRATIONS):
            raise LedgerUnavailable(
                f"the ledger {self.path} was written by a newer Orchestra (its tables have version {version}, this one "
                f"knows {len(SQLITE_MIGRATIONS)}): upgrade, or set another `ledger.path`"
            )
        return int(version)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        if self._recognise(connection) == len(SQLITE_MIGRATIONS):
            return
        with _transaction(connection) as end:
            for script in SQLITE_MIGRATIONS[self._recognise(connection) :]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={len(SQLITE_MIGRATIONS)}")
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            end("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What SQLite or the system raises, as an error that says what to do."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError):
            raise
        except sqlite3.Error as error:
            raise LedgerUnavailable(_explanation(error, self.path)) from error
        except OSError as error:
            raise LedgerUnavailable(
                f"the ledger {self.path} can't be opened or made: {error.strerror or error}"
            ) from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[Callable[[str], object]]:
    """Keep all other writers out, until the body calls what it is given with COMMIT or ROLLBACK."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection.execute
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def _moment(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is read inside is of one moment."""
    begun = not connection.in_transaction
    if begun:
        connection.execute("BEGIN")
    try:
        yield
    finally:
        if begun and connection.in_transaction:
            connection.execute("ROLLBACK")


def _write_ahead(connection: sqlite3.Connection, path: Path) -> None:
    """Turn the write-ahead log on; SQLite's own patience does not cover this statement."""
    end = time.monotonic() + BUSY_S
    while True:
        try:
            ((mode,),) = connection.execute("PRAGMA journal_mode=WAL").fetchall()
            break
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or time.monotonic() > end:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise LedgerUnavailable(
            f"the file system of {path} can't hold a ledger: put it on a local disk (`ledger.path`)"
        )


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _sync(folder: Path) -> None:
    """Make the name of a new file survive a power cut."""
    if os.name == "posix":
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


_EXPLANATIONS = {
    "SQLITE_NOTADB": "{path} is no ledger, or a damaged one: move it away, or set another `ledger.path`",
    "SQLITE_CORRUPT": "the ledger {path} is damaged: stop what uses it, copy it together with {path}-wal, and restore "
    "a backup or move it away",
    "SQLITE_BUSY": "the ledger {path} is locked: another process has kept it for more than {busy:g} s; end it, "
    "or give the ledger a file of its own",
    "SQLITE_LOCKED": "the ledger {path} is locked by this process",
    "SQLITE_FULL": "there is no room on the disk for the ledger {path}: free some; nothing was sent",
    "SQLITE_READONLY": "the ledger {path} can't be written: give this user the right to write the file and its folder",
    "SQLITE_CANTOPEN": "the ledger {path} can't be opened: is its folder there, and may this user write to it?",
    "SQLITE_PERM": "this user may not open the ledger {path}",
    "SQLITE_IOERR": "the disk of the ledger {path} fails, or is full ({name})",
}


def _explanation(error: sqlite3.Error, path: Path) -> str:
    name = getattr(error, "sqlite_errorname", "")
    for prefix, text in _EXPLANATIONS.items():
        if name.startswith(prefix):
            return text.format(path=path, busy=BUSY_S, name=name)
    return f"the ledger {path} can't be used: {error}"
