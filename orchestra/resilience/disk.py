"""How cached answers lie in diskcache's database: text under text, and nothing else is touched or believed."""

from __future__ import annotations

from typing import Any

import diskcache  # type: ignore[import-untyped]

RAW = 1
"""diskcache's mode of a value that is in the row as it is; the others are files beside it, and pickles."""


class TextDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """A `Disk` that knows only text in rows.

    diskcache unpickles what a row says is a pickle, opens the file that a row names, and removes it when the row goes.
    Whoever can write to the database could so run code and reach any file; here such a row is not there.
    """

    def put(self, key: Any) -> tuple[str, bool]:
        return _text(key), True

    def get(self, key: Any, raw: bool) -> str:
        if not raw:
            raise ValueError("a pickled key")
        return _text(key)

    def store(self, value: Any, read: bool, key: Any = None) -> tuple[int, int, None, str]:
        return 0, RAW, None, _text(value)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> str:
        if mode != RAW or filename is not None or read or type(value) is not str:
            raise FileNotFoundError("a value that is not text in its row")  # what diskcache takes for a miss
        return value

    def filename(self, key: Any = None, value: Any = None) -> tuple[str, str]:
        raise ValueError("values are kept in the database, not in files")

    def remove(self, file_path: str) -> None:
        """There are no files of ours beside the database, so none is removed."""


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"{type(value).__name__} is not kept; only text is")
    return value
