"""A queue at the door of a ledger file, so that no process starves; SQLite's own lock is what keeps it correct."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@dataclass(slots=True)
class Gate:
    """A lock on a file of its own beside the ledger; waiting processes are served in turn."""

    path: Path
    _file: int | None = None

    @contextmanager
    def passed(self) -> Iterator[None]:
        if self._file is None:
            self._file = self._opened()
        _lock(self._file)
        try:
            yield
        finally:
            _unlock(self._file)

    def _opened(self) -> int:
        with suppress(FileExistsError):
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            self.path.chmod(0o600)  # whatever the umask took away
            return file
        return os.open(self.path, os.O_RDWR)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _lock(file: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(file, msvcrt.LK_LOCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX)


def _unlock(file: int) -> None:
    if sys.platform == "win32":
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_UN)
