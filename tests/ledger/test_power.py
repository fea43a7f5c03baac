"""Power cuts: files as they may be left, opened by the real engine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestra.ledger import Budget, Ledger, nano, sqlite
from orchestra.ledger.ops import Book, Reserve
from orchestra.ledger.sqlite import SqliteEngine

from .support import NOON, ask, attempt, want

pytest.importorskip("apsw", reason="power cuts are simulated with apsw")
import apsw

from .power import Act, Disk, Record

WIDE = Budget(name="wide", limit_nano=nano("100"), per="total")


class Recorded(SqliteEngine):
    """The engine as it is, over SQLite from apsw and a disk that remembers."""

    def _connect(self) -> Any:
        self._create()
        self._same_file()
        connection = apsw.Connection(str(self.path), vfs="recording")
        sqlite._write_ahead(connection, self.path)  # type: ignore[arg-type]  # apsw's has the same methods
        connection.execute(f"PRAGMA synchronous={'FULL' if self._power_safe else 'NORMAL'}")
        connection.execute("PRAGMA wal_autocheckpoint=40")
        self._migrate(connection)  # type: ignore[arg-type]
        return connection


def _recorded(path: Path, *, power_safe: bool) -> Record:
    """Holds and settlements, one after the other, with a checkpoint now and then."""
    record = Record()
    disk = Disk(record)
    engine = Recorded(path, "me", wall=lambda: NOON, power_safe=power_safe)
    for n in range(60):
        engine.apply([Reserve((ask("0.001", WIDE, id=f"{n}"),))])
        record.acts.append(Act("note", note=2 * n + 1))
        engine.apply([Book(attempt(want(id=f"{n}")), nano("0.0005"))])
        record.acts.append(Act("note", note=2 * n + 2))
    engine.close()
    disk.unregister()
    return record


def _lost(record: Record, cut: int, folder: Path, chance: random.Random) -> int:
    """How many acknowledged operations a ledger opened after the cut does not know; raises if it is damaged."""
    files, acknowledged = record.files(cut, chance)
    folder.mkdir()
    for name, content in files.items():
        if not name.endswith("-shm"):
            (folder / name).write_bytes(content)
    with closing(Ledger(folder / "ledger.db", durability="process")) as ledger:
        known = 2 * len(ledger.rows()) + len(ledger.holds())
        assert ledger.audit() == []
    return max(0, acknowledged - known)


def _cuts(tmp_path: Path, number: int, *, power_safe: bool) -> Iterator[int]:
    chance = random.Random(7)
    record = _recorded(tmp_path / "ledger.db", power_safe=power_safe)
    for n in range(number):
        yield _lost(record, chance.randrange(len(record.acts)), tmp_path / str(n), chance)


def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """200 cuts, anywhere, with torn sectors: nothing damaged, nothing lost (I5)."""
    assert sum(_cuts(tmp_path, 200, power_safe=True)) == 0


def test_durability_process_may_lose_the_last_commits_and_damages_nothing(tmp_path: Path) -> None:
    """The simulation can find a loss: this is what the choice costs."""
    assert sum(_cuts(tmp_path, 50, power_safe=False)) > 0
