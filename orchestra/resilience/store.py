"""Where answers are kept: a diskcache of text, in a thread of its own, that runs nothing and stands in nobody's way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from orchestra.events import CACHE_UNAVAILABLE, emit
from orchestra.settings.keys import HOME

FILE = "cache.db"  # diskcache's own name for it
BUSY_S = 1.0
REST_S = 30.0
DIGEST = 64
MOST_OF_IT = 4

T = TypeVar("T")


def cache_place(path: str | Path | None = None) -> Path:
    """Where the cache is: `path`, else `$ORCHESTRA_HOME/cache`, else the user's cache folder."""
    if path is not None:
        return Path(path).expanduser().absolute()
    if os.environ.get(HOME):
        return Path(os.environ[HOME]).absolute() / "cache"
    from platformdirs import user_cache_path

    return user_cache_path("orchestra", appauthor=False)


class Store:
    """Text by key in a folder, shared by threads, loops and processes; nothing is opened before the first use.

    It takes up to about `size_bytes`; beyond that the least recently used go first. A folder that is corrupt, locked,
    full or not writable holds nothing: that is logged once, and it is tried again after half a minute.
    """

    def __init__(
        self, directory: Path, size_bytes: int = 256_000_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.directory = directory
        self.size_bytes = size_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._worker: _Worker | None = None

    def __repr__(self) -> str:
        return f"Store({str(self.directory)!r})"

    async def get(self, key: str) -> str | None:
        """The text of `key`; `None` when there is none, or none that can be read."""

        def work(cache: Any) -> str | None:
            return _unsealed(key, cache.get(key))

        return await asyncio.wrap_future(self._submit(work))

    def put(self, key: str, text: str, ttl_s: float) -> Future[None]:
        """Keep `text` under `key`, to be dropped after `ttl_s`; queued, never waits. What is too large is not kept."""

        def work(cache: Any) -> None:
            if len(text) * MOST_OF_IT <= self.size_bytes:
                cache.set(key, _sealed(key, text), expire=ttl_s)
            if cache.volume() > self.size_bytes:
                cache.cull()

        return self._submit(work)

    def close(self) -> None:
        """Write what is queued and let go of the files; a later use opens them again."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None and worker.pid == os.getpid():
            worker.close()

    def _submit(self, work: Callable[[Any], T | None]) -> Future[T | None]:
        worker = self._worker
        if worker is None or worker.pid != os.getpid():  # a forked child has none of its parent's threads
            with self._lock:
                if self._worker is worker:
                    self._worker = _Worker(self.directory, self.size_bytes, self._clock)
                worker = self._worker
        assert worker is not None
        return worker.submit(work)


class _Worker:
    """The one thread of a process that touches the database."""

    def __init__(self, directory: Path, size_bytes: int, clock: Callable[[], float]) -> None:
        self.pid = os.getpid()
        self._directory, self._size_bytes, self._clock = directory, size_bytes, clock
        self._thread = ThreadPoolExecutor(1, "orchestra-cache")
        self._cache: Any = None
        self._file: tuple[int, int] | None = None
        self._again_at = float("-inf")
        self._told = False

    def submit(self, work: Callable[[Any], T | None]) -> Future[T | None]:
        try:
            return self._thread.submit(self._done, work)
        except RuntimeError:  # closed in the meantime, or the interpreter is about to end
            nothing: Future[T | None] = Future()
            nothing.set_result(None)
            return nothing

    def close(self) -> None:
        with suppress(RuntimeError):
            self._thread.submit(self._let_go)
        self._thread.shutdown()

    def _done(self, work: Callable[[Any], T | None]) -> T | None:
        if self._clock() < self._again_at:
            return None
        try:
            return work(self._opened())
        except Exception as error:  # noqa: BLE001  # diskcache raises anything on a file that others wrote: all is a miss
            self._let_go()
            self._again_at = self._clock() + REST_S
            if not self._told:
                self._told = True
                emit(CACHE_UNAVAILABLE, directory=str(self._directory), error=f"{type(error).__name__}: {error}")
            return None

    def _opened(self) -> Any:
        if self._cache is not None and self._file != _file(self._directory):  # deleted or replaced while it was open
            self._let_go()
        if self._cache is None:
            self._cache = _open(self._directory, self._size_bytes)
            self._file = _file(self._directory)
        return self._cache

    def _let_go(self) -> None:
        cache, self._cache = self._cache, None
        if cache is not None:
            with suppress(sqlite3.Error, AttributeError, TypeError):  # a tampered setting may have taken its place
                cache.close()


def _open(directory: Path, size_bytes: int) -> Any:
    """The cache in `directory`, which only its owner can read."""
    import diskcache  # type: ignore[import-untyped]

    from orchestra.resilience.disk import TextDisk

    for folder in [folder for folder in (directory, *directory.parents) if not folder.exists()][::-1]:
        with suppress(FileExistsError):
            folder.mkdir(0o700)
            folder.chmod(0o700)
    path = directory / FILE
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    with closing(sqlite3.connect(path, timeout=BUSY_S)) as probe:  # diskcache would wait for a lock for a minute
        probe.execute("BEGIN IMMEDIATE")
        probe.rollback()
    return diskcache.Cache(
        str(directory),
        timeout=BUSY_S,
        disk=TextDisk,
        eviction_policy="least-recently-used",
        size_limit=size_bytes,
        cull_limit=10,
        statistics=0,
        tag_index=0,
        disk_min_file_size=0,
        disk_pickle_protocol=0,
        sqlite_cell_size_check=1,
        sqlite_mmap_size=0,  # a file that another process cuts short would kill this one
        sqlite_trusted_schema=0,
    )


def _file(directory: Path) -> tuple[int, int] | None:
    try:
        found = (directory / FILE).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _sealed(key: str, text: str) -> str:
    """The text with a digest of it and of its key in front, which shows damage; it is no protection against forgery."""
    return hashlib.sha256(f"{key}{text}".encode()).hexdigest() + text


def _unsealed(key: str, sealed: str | None) -> str | None:
    if sealed is None:
        return None
    text = sealed[DIGEST:]
    return text if sealed == _sealed(key, text) else None
