"""A disk that remembers what was synced: files as a power cut may leave them.

SQLite, from apsw, writes through a file system layer that records every write, truncation and sync. A cut at any
point keeps what was synced before it; of what came after, any part may be there, to the sector.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import apsw

SECTOR = 512


@dataclass(frozen=True)
class Act:
    """One thing that was done to a file; `note` is what had been acknowledged by then."""

    kind: Literal["write", "truncate", "delete", "sync", "note"]
    name: str = ""
    offset: int = 0
    data: bytes = b""
    note: int = 0


@dataclass
class Record:
    """Everything that was done, in order."""

    acts: list[Act] = field(default_factory=list)

    def files(self, cut: int, chance: random.Random) -> tuple[dict[str, bytearray], int]:
        """The files as a power cut after `cut` acts may leave them, and what had been acknowledged."""
        done = self.acts[:cut]
        synced = {act.name: n for n, act in enumerate(done) if act.kind == "sync"}
        files: dict[str, bytearray] = {}
        acknowledged = 0
        for n, act in enumerate(done):
            if act.kind == "note":
                acknowledged = act.note
            elif act.kind == "delete":
                files.pop(act.name, None)
            elif act.kind != "sync":
                safe = n <= synced.get(act.name, -1)
                _do(files.setdefault(act.name, bytearray()), act, chance if not safe else None)
        return files, acknowledged


def _do(file: bytearray, act: Act, chance: random.Random | None) -> None:
    if act.kind == "truncate":
        if chance is None or chance.random() < 0.5:
            del file[act.offset :]
        return
    for start in range(0, len(act.data), SECTOR):
        if chance is None or chance.random() < 0.5:
            part = act.data[start : start + SECTOR]
            place = act.offset + start
            file.extend(bytes(max(0, place + len(part) - len(file))))
            file[place : place + len(part)] = part


class Disk(apsw.VFS):
    """The system's own files, with a record of what is done to the database and its log."""

    def __init__(self, record: Record, name: str = "recording") -> None:
        self.record = record
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return _File(self.record, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:
        super().xDelete(name, sync)
        self.record.acts.append(Act("delete", Path(name).name))


class _File(apsw.VFSFile):
    def __init__(self, record: Record, name: Any, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self.record, self.name = record, Path(path).name if path else ""
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self.record.acts.append(Act("write", self.name, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self.record.acts.append(Act("truncate", self.name, size))

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self.record.acts.append(Act("sync", self.name))
