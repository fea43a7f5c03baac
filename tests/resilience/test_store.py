"""The store of kept answers: text by key, private, bounded, and never an error; a tampered file runs nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import diskcache
import pytest

from orchestra.resilience import Store, store
from orchestra.resilience.store import FILE, cache_place
from orchestra.testing import FakeClock

KEY, OTHER = "a" * 64, "b" * 64
HOUR_S = 3600.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "cache"


@pytest.fixture
def kept(folder: Path) -> Iterator[Store]:
    """A store that keeps two texts, and has let go of its files."""
    kept = Store(folder)
    kept.put(KEY, "text", HOUR_S)
    kept.put(OTHER, "other text", HOUR_S).result()
    kept.close()
    yield kept
    kept.close()


def changed(folder: Path, statement: str, *values: Any) -> None:
    """Change the database behind the store's back."""
    with closing(sqlite3.connect(folder / FILE)) as connection, connection:
        connection.execute(statement, values)


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.made),)


async def test_what_was_put_is_there_also_for_another_process(folder: Path, kept: Store) -> None:
    """A store over the same folder finds it; what was never put is not there."""
    again = Store(folder)
    assert (await again.get(KEY), await again.get(OTHER), await again.get("c" * 64)) == ("text", "other text", None)
    again.close()


async def test_nothing_is_opened_before_the_first_use(folder: Path) -> None:
    """Naming a cache makes no folder."""
    unused = Store(folder)
    assert not folder.exists()
    assert await unused.get(KEY) is None
    assert folder.exists()
    unused.close()


async def test_the_database_is_never_touched_on_the_event_loop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection is opened in the store's own thread."""
    threads, connect = set(), sqlite3.connect

    def watched(*args: Any, **options: Any) -> sqlite3.Connection:
        threads.add(threading.current_thread().name)
        return connect(*args, **options)

    monkeypatch.setattr(sqlite3, "connect", watched)
    quiet = Store(folder)
    quiet.put(KEY, "text", HOUR_S)
    assert await quiet.get(KEY) == "text"
    quiet.close()
    assert threads == {"orchestra-cache_0"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_the_owner_can_read_it_whatever_the_umask(folder: Path) -> None:
    """Directories 0700, files 0600, the write-ahead log too, under a umask of 000."""
    before = os.umask(0)
    try:
        private = Store(folder)
        private.put(KEY, "text", HOUR_S).result()
        modes = {path.name: path.stat().st_mode & 0o777 for path in (folder.parent, folder, *folder.iterdir())}
        private.close()
    finally:
        os.umask(before)
    assert modes == {"home": 0o700, "cache": 0o700, FILE: 0o600, f"{FILE}-wal": 0o600, f"{FILE}-shm": 0o600}


def pickled_value(folder: Path, made: Path) -> None:
    changed(folder, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Payload(made)))


def pickled_file(folder: Path, made: Path) -> None:
    (folder / "x.val").write_bytes(pickle.dumps(Payload(made)))
    changed(folder, "UPDATE Cache SET mode = 4, value = NULL, filename = 'x.val'")


@pytest.mark.parametrize("tampered", [pickled_value, pickled_file])
async def test_a_pickle_in_a_row_is_a_miss_and_is_not_run(
    folder: Path, kept: Store, tmp_path: Path, tampered: Any
) -> None:
    """The same row runs its code in diskcache as it comes."""
    made = tmp_path / "made"
    tampered(folder, made)
    assert await kept.get(KEY) is None
    kept.close()
    assert not made.exists()
    with diskcache.Cache(str(folder), disk=diskcache.Disk) as stock:
        stock.get(KEY)
    assert made.exists()


async def test_a_pickled_key_is_a_miss_and_is_not_run(folder: Path, kept: Store, tmp_path: Path) -> None:
    """A row whose key says that it is a pickle is not looked at."""
    made = tmp_path / "made"
    changed(folder, "UPDATE Cache SET raw = 0, key = ? WHERE key = ?", pickle.dumps(Payload(made)), KEY)
    changed(folder, "UPDATE Cache SET raw = 0 WHERE key = ?", OTHER)
    assert (await kept.get(KEY), await kept.get(OTHER)) == (None, None)
    assert not made.exists()


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
async def test_a_file_that_a_row_names_is_neither_read_nor_removed(
    folder: Path, kept: Store, tmp_path: Path, mode: int
) -> None:
    """Not on a look-up, not when the row is written again, not when it makes room for others."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    changed(folder, "UPDATE Cache SET mode = ?, value = NULL, filename = '../../secret'", mode)
    assert await kept.get(KEY) is None
    kept.put(KEY, "new", HOUR_S).result()
    assert await kept.get(KEY) == "new"
    kept.close()
    changed(folder, "UPDATE Cache SET filename = '../../secret', expire_time = 1")
    kept.put("c" * 64, "later", HOUR_S).result()
    assert await kept.get(KEY) is None
    assert secret.read_text() == "secret"


@pytest.mark.parametrize(
    "value",
    ["other", "", "x" * 64 + "text", b"bytes", 7, 7.5, None],
    ids=["short", "empty", "wrong digest", "bytes", "integer", "float", "nothing"],
)
async def test_a_value_that_was_changed_is_a_miss(folder: Path, kept: Store, value: Any) -> None:
    """Whatever stands in its place."""
    changed(folder, "UPDATE Cache SET value = ? WHERE key = ?", value, KEY)
    assert (await kept.get(KEY), await kept.get(OTHER)) == (None, "other text")


async def test_a_value_that_belongs_to_another_key_is_a_miss(folder: Path, kept: Store) -> None:
    """Exchanged rows are noticed."""
    changed(folder, "UPDATE Cache SET value = (SELECT value FROM Cache WHERE key = ?)", OTHER)
    assert (await kept.get(KEY), await kept.get(OTHER)) == (None, "other text")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eviction_policy", "none; DROP TABLE Cache"),
        ("disk_pickle_protocol", 4),
        ("disk_surprise", "x"),
        ("_disk", "x"),
        ("_local", "x"),
        ("sqlite_user_version", "1; DROP TABLE Cache"),
        ("sqlite_query_only", 1),
        ("size_limit", "x"),
    ],
)
async def test_a_tampered_setting_is_at_worst_a_miss(folder: Path, kept: Store, name: str, value: Any) -> None:
    """diskcache keeps its settings in the database and believes them."""
    changed(folder, "INSERT OR REPLACE INTO Settings VALUES (?, ?)", name, value)
    assert await kept.get(KEY) in (None, "text")
    kept.put(KEY, "text", HOUR_S).result()


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut", "directory", "no folder"])
async def test_a_damaged_cache_is_a_miss_and_is_logged_once(
    folder: Path, kept: Store, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is asked; what can be mended by beginning anew is (an empty file)."""
    path = folder / FILE
    match damage:
        case "garbage":
            path.write_bytes(b"no database" * 1000)
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(path.read_bytes()[:5000])
        case "directory":
            path.unlink()
            path.mkdir()
        case "no folder":
            path.unlink()
            folder.rmdir()
            folder.write_text("in the way")
    with caplog.at_level(logging.INFO, "orchestra"):
        assert await kept.get(KEY) is None
        kept.put(KEY, "again", HOUR_S).result()
        kept._worker._again_at = 0.0  # type: ignore[union-attr]
        assert await kept.get(KEY) in (None, "again")
    said = [record.getMessage() for record in caplog.records if "cache.unavailable" in record.getMessage()]
    assert len(said) == (0 if damage == "empty" else 1)
    assert all(str(folder) in line for line in said)


async def test_a_locked_cache_is_a_miss_until_it_is_free(folder: Path, kept: Store, monkeypatch: Any) -> None:
    """The first call waits a moment; then none does, until half a minute has passed."""
    monkeypatch.setattr(store, "BUSY_S", 0.05)
    clock = FakeClock()
    patient = Store(folder, clock=clock)
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        async with asyncio.timeout(20):  # diskcache itself would wait for a minute
            assert await patient.get(KEY) is None
        patient.put(KEY, "lost", HOUR_S).result()
        other.execute("ROLLBACK")
    assert await patient.get(KEY) is None
    clock.advance(31)
    assert await patient.get(KEY) == "text"
    patient.close()


FULL = """
import asyncio, resource, sys
from pathlib import Path
from orchestra.resilience import Store

store = Store(Path(sys.argv[1]))
store.put("a" * 64, "text", 60).result()
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for n in range(40):
    store.put(f"{n:064}", "x" * 10_000, 60).result()
print(asyncio.run(store.get("f" * 64)))
store.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_is_a_miss(folder: Path) -> None:
    """Writing fails, and nobody is told but the log."""
    done = subprocess.run([sys.executable, "-c", FULL, str(folder)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "None", "")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser can write anywhere")
async def test_a_read_only_cache_is_a_miss(folder: Path, kept: Store) -> None:
    """It is not read either: who used what last could not be noted."""
    (folder / FILE).chmod(0o400)
    folder.chmod(0o500)
    assert await kept.get(KEY) is None
    folder.chmod(0o700)


def size(folder: Path) -> int:
    """What the database takes, its log included."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        ((pages,), (page,)) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages * page)


async def test_it_stays_within_its_size_and_the_least_recently_used_go(folder: Path) -> None:
    """What is asked for again and again survives many times the bound of others."""
    bound = 500_000
    small = Store(folder, bound)
    small.put(KEY, "text", HOUR_S)
    for n in range(200):
        small.put(f"{n:064}", "x" * 10_000, HOUR_S)
        if n % 5 == 0:
            assert await small.get(KEY) == "text"
    assert await small.get(f"{0:064}") is None
    assert await small.get(f"{199:064}") is not None
    assert size(folder) <= bound
    small.close()


async def test_large_texts_make_room_at_once_and_too_large_ones_are_not_kept(folder: Path) -> None:
    """One that is a fifth of the whole pushes out many small ones, one that is more than a quarter none."""
    bound = 500_000
    small = Store(folder, bound)
    for n in range(300):
        small.put(f"{n:064}", "x" * 1_000, HOUR_S)
    for n in range(300, 303):
        small.put(f"{n:064}", "x" * 100_000, HOUR_S).result()
        assert size(folder) <= bound
    small.put(OTHER, "x" * 130_000, HOUR_S)
    assert await small.get(OTHER) is None
    assert await small.get(f"{300:064}") is not None
    small.close()


async def test_a_cache_that_was_deleted_while_in_use_begins_anew(folder: Path) -> None:
    """Whoever removes the folder has removed what was in it."""
    open_one = Store(folder)
    open_one.put(KEY, "text", HOUR_S)
    assert await open_one.get(KEY) == "text"
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert await open_one.get(KEY) is None
    open_one.put(KEY, "new", HOUR_S)
    assert await open_one.get(KEY) == "new"
    open_one.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_a_thread_of_its_own(folder: Path) -> None:
    """The parent's does not exist there; both go on."""
    shared = Store(folder)
    shared.put(KEY, "text", HOUR_S).result()
    pid = os.fork()
    if pid == 0:  # the child leaves at once, whatever happens
        try:
            found = shared._submit(lambda cache: cache.get(KEY)).result(20)
            shared.put(OTHER, "child's", HOUR_S).result(20)
            shared.close()
            os._exit(0 if found and found.endswith("text") else 1)
        except BaseException:  # noqa: BLE001
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert asyncio.run(shared.get(OTHER)) == "child's"
    shared.close()


TOGETHER = """
import asyncio, sys
from pathlib import Path
from orchestra.resilience import Store

async def main():
    store, me = Store(Path(sys.argv[1])), sys.argv[2]
    for n in range(50):
        store.put(f"{n:064}", f"text {n}", 60)
        assert await store.get(f"{n:064}") == f"text {n}"
    store.put(me * 64, me, 60).result()
    store.close()

asyncio.run(main())
"""


def test_several_processes_share_one_cache(folder: Path) -> None:
    """They open it at the same time and write the same rows."""
    command = [sys.executable, "-W", "error", "-c", TOGETHER, str(folder)]
    together = [subprocess.Popen([*command, me], stderr=subprocess.PIPE, text=True) for me in "abc"]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in together] == [("", 0)] * 3
    last = Store(folder)
    assert [asyncio.run(last.get(me * 64)) for me in "abc"] == ["a", "b", "c"]
    last.close()


async def test_a_closed_store_opens_again(kept: Store) -> None:
    """Closing waits for what is queued, twice does no harm, and a later use opens it."""
    kept.put(KEY, "later", HOUR_S)
    kept.close()
    kept.close()
    assert await kept.get(KEY) == "later"


def test_the_place_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, else a folder in `$ORCHESTRA_HOME`, else the user's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "mine"))
    assert cache_place("~/kept") == tmp_path / "kept"
    assert cache_place() == tmp_path / "mine" / "cache"
    monkeypatch.delenv("ORCHESTRA_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_place().name == "orchestra"
    assert cache_place().is_absolute()
