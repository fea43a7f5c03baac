"""Files that can't be read or written: a typed error, no call, no harm, and it works again when it is mended."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestra.errors import LedgerError, LedgerUnavailable
from orchestra.ledger import Budget, Ledger, Ledgered, nano, sqlite
from orchestra.ledger.schema import SQLITE_MIGRATIONS

from .support import call

WIDE = Budget(name="wide", limit_nano=nano("100"))
SPENT = nano("0.001")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """A ledger at `path`."""
    ledger = Ledger(path, patience_s=5)
    yield ledger
    ledger.close()


def _under(ledger: Ledger) -> Ledgered:
    return Ledgered(ledger=ledger, budgets=(WIDE,), patience_s=0)


async def _refused(ledger: Ledger, message: str) -> None:
    with pytest.raises(LedgerUnavailable, match=message):
        await call(_under(ledger))


async def _spent(ledger: Ledger, path: Path) -> int:
    """What a process that starts now finds spent."""
    ledger.close()
    fresh = Ledger(path)
    found = sum(window.spent for window in fresh.windows())
    assert fresh.audit() == []
    fresh.close()
    return found


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
async def test_only_its_user_can_read_it(ledger: Ledger, path: Path, mask: int) -> None:
    """Whatever the umask: folders 0700, files 0600, the log and the lock too."""
    before = os.umask(mask)
    try:
        await call(_under(ledger))
        ledger.flush()
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == dict.fromkeys(("ledger.db", "ledger.db-gate", "ledger.db-shm", "ledger.db-wal"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_folder_that_was_there_keeps_its_rights(tmp_path: Path) -> None:
    """Only what the ledger makes is its own."""
    tmp_path.chmod(0o755)
    ledger = Ledger(tmp_path / "ledger.db")
    await call(_under(ledger))
    ledger.close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize("durability", ["power", "process"])
async def test_commits_reach_the_disk_as_promised(path: Path, durability: str) -> None:
    """A write-ahead log, synced at every commit unless told otherwise."""
    engine = sqlite.SqliteEngine(path, "me", wall=lambda: 1e9, power_safe=durability == "power")
    with engine.reading() as session:
        ((mode,),), ((synchronous,),) = session.read("PRAGMA journal_mode"), session.read("PRAGMA synchronous")
    assert (mode, synchronous) == ("wal", 2 if durability == "power" else 1)


async def test_a_file_that_is_no_database_is_left_alone(ledger: Ledger, path: Path) -> None:
    """It may be anything."""
    path.parent.mkdir()
    path.write_bytes(b"a letter to my aunt\n" * 100)
    await _refused(ledger, "is no ledger")
    assert path.read_bytes() == b"a letter to my aunt\n" * 100


async def test_a_database_of_another_program_is_left_alone(ledger: Ledger, path: Path) -> None:
    """Its tables may have our names."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE entry (id TEXT)")
    before = path.read_bytes()
    await _refused(ledger, "database of another program")
    assert path.read_bytes() == before


async def test_a_ledger_of_a_newer_version_is_left_alone(ledger: Ledger, path: Path) -> None:
    """Upgrading is the reader's to do."""
    await call(_under(ledger))
    ledger.close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version={len(SQLITE_MIGRATIONS) + 1}")
    await _refused(ledger, "written by a newer Orchestra.*upgrade")


async def test_an_older_ledger_is_migrated(ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is done, in one transaction, and what was there stays."""
    await call(_under(ledger))
    ledger.close()
    newer = (*SQLITE_MIGRATIONS, "CREATE TABLE note (text TEXT);\nINSERT INTO note VALUES ('new');\n")
    monkeypatch.setattr(sqlite, "SQLITE_MIGRATIONS", newer)
    assert len(ledger.rows()) == 1
    with closing(sqlite3.connect(path)) as migrated:
        assert migrated.execute("SELECT text FROM note").fetchall() == [("new",)]
        assert migrated.execute("PRAGMA user_version").fetchone() == (len(newer),)


async def test_a_migration_that_fails_changes_nothing(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a migration would be no version at all."""
    await call(_under(ledger))
    ledger.close()
    broken = (*SQLITE_MIGRATIONS, "CREATE TABLE note (text TEXT);\nINSERT INTO nowhere VALUES (1);\n")
    monkeypatch.setattr(sqlite, "SQLITE_MIGRATIONS", broken)
    await _refused(ledger, "nowhere")
    monkeypatch.undo()
    assert await _spent(ledger, path) == SPENT


async def test_a_damaged_file_is_refused_and_found_by_the_audit(ledger: Ledger, path: Path) -> None:
    """Pages of rubbish are an error, not an empty budget."""
    for _ in range(50):
        await call(_under(ledger))
    ledger.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    await _refused(ledger, "damaged")
    with pytest.raises(LedgerError):
        ledger.audit()


async def test_a_ledger_that_is_deleted_while_in_use_stops_all_calls(ledger: Ledger, path: Path) -> None:
    """An open file would go on taking writes that nobody will ever read."""
    await call(_under(ledger))
    ledger.flush()
    away = path.parent.with_name("away")
    path.parent.rename(away)
    for _ in range(2):
        await _refused(ledger, "deleted or moved")
    assert not path.exists()
    away.rename(path.parent)
    await call(_under(ledger))
    assert await _spent(ledger, path) == 2 * SPENT


async def test_a_ledger_that_is_replaced_while_in_use_stops_all_calls(ledger: Ledger, path: Path) -> None:
    """A fresh file would be a fresh budget."""
    await call(_under(ledger))
    ledger.flush()
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    copy.replace(path)
    await _refused(ledger, "replaced while it was in use")


async def test_a_locked_ledger_is_refused_and_works_again(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that does not end makes the call fail, not hang."""
    monkeypatch.setattr(sqlite, "BUSY_S", 0.2)
    await call(_under(ledger))
    ledger.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await _refused(ledger, "is locked")
    await call(_under(ledger))
    assert await _spent(ledger, path) == 2 * SPENT


async def test_a_gate_that_is_never_opened_is_an_error_too(path: Path) -> None:
    """The queue between processes can be held up by one that is stopped."""
    fcntl = pytest.importorskip("fcntl")
    ledger = Ledger(path, patience_s=0.3)
    await call(_under(ledger))
    ledger.close()
    with path.with_name("ledger.db-gate").open() as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        await _refused(ledger, "did not answer within 0.3 s")
    await call(_under(ledger))
    assert await _spent(ledger, path) == 2 * SPENT


async def test_a_full_disk_refuses_calls_until_there_is_room(ledger: Ledger, path: Path) -> None:
    """Nothing acknowledged is lost, and nothing is sent that can't be booked."""
    await call(_under(ledger))
    ledger.flush()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("ledger.db-wal").stat().st_size, hard))
    try:
        await _refused(ledger, r"fails, or is full|no room on the disk")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await call(_under(ledger))
    assert await _spent(ledger, path) == 2 * SPENT


async def test_a_settlement_that_finds_the_disk_full_is_written_when_there_is_room(ledger: Ledger, path: Path) -> None:
    """What a call cost is not forgotten."""
    budgets = _under(ledger)
    await call(budgets)
    ledger.flush()
    size = path.with_name("ledger.db-wal").stat().st_size
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        await call(Ledgered(ledger=ledger))
        with pytest.raises(LedgerUnavailable):
            ledger.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert len(ledger.rows()) == 2
    assert ledger.audit() == []


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_place_that_may_not_be_written_says_so(tmp_path: Path, what: str) -> None:
    """As another user: a folder that can't be written, a file that can't."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(0o755)
    place = tmp_path / "ledger.db"
    if what == "file":
        shutil.copy(sys.executable, place)  # any file that is not theirs
        place.chmod(0o644)
    script = f"""
        import os, sys
        sys.path[:0] = {sys.path!r}
        from orchestra.ledger import Ledger
        from orchestra.errors import LedgerUnavailable
        warm = Ledger({str(tmp_path / "warm" / "ledger.db")!r})
        warm.flush()  # everything is imported while it can be
        warm.close()
        os.setgid(65534), os.setuid(65534)
        try:
            Ledger({str(place)!r}).flush()
        except LedgerUnavailable as error:
            print(error)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert str(place) in run.stdout, run.stderr
    assert place.exists() is (what == "file")


async def test_entries_and_events_can_be_neither_changed_nor_deleted(ledger: Ledger, path: Path) -> None:
    """The tables themselves refuse it."""
    await call(_under(ledger))
    ledger.event("note", "1", {})
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        for statement in (
            "UPDATE entry SET amount = 0",
            "DELETE FROM entry",
            "UPDATE event SET key = 'x'",
            "DELETE FROM event",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="are never"):
                connection.execute(statement)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE budget_window SET spent = spent - 1", r"spent is \$.* but its entries add up"),
        ("UPDATE budget_window SET reserved = 7", "held but its holds add up"),
        ("UPDATE budget_window SET overrun = 7", "overrun is"),
        ("UPDATE hold SET state = 'held'", "do not fit its state"),
        ("UPDATE hold SET state = 'expired'", "do not fit its state"),
        ("DELETE FROM budget_window", "window that is not there"),
        ("DELETE FROM hold_window", "add up to"),
        (
            "INSERT INTO entry SELECT 99, id, 'correct', amount, held, overrun, saved, priced, basis, request, retry, "
            "path, call, name, model, served, provider, task_type, tags, labels, input_tokens, output_tokens, "
            "cached_tokens, reasoning_tokens, latency_s, first_token_s, error, status, price, started_at, made, at "
            "FROM entry",
            "corrected without having been charged",
        ),
    ],
)
async def test_the_audit_finds_what_does_not_add_up(ledger: Ledger, path: Path, damage: str, found: str) -> None:
    """Every kind of damage to the books is named, and untouched books are not."""
    await call(_under(ledger))
    assert ledger.audit() == []
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(damage)
        connection.commit()
    faults = ledger.audit()
    assert any(re.search(found, fault) for fault in faults), faults


async def test_the_tables_refuse_what_would_break_the_cap(ledger: Ledger, path: Path) -> None:
    """The last line of defence is the database's own."""
    await call(_under(ledger))
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        for change in ("reserved = cap", "spent = -1", "reserved = -1"):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(f"UPDATE budget_window SET {change}")
