"""Files that are replaced in one step."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from orchestra.errors import ConfigError

PRIVATE = 0o600


def write(path: Path, text: str, *, private: bool = False) -> None:
    """Put `text` in the place of the file in one step: a reader finds the old file or the new one, never a part.

    An existing file keeps its permissions and a link stays a link; `private` gives it to its owner alone. Raises
    `ConfigError` when it can't be written; the old file is then as it was.
    """
    path = path.resolve()
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        mode = PRIVATE if private else path.stat().st_mode & 0o777 if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else PRIVATE)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                draft.chmod(mode)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path}: can't be written: {error.strerror}") from error


def create(paths: Iterable[Path], text: str) -> Path | None:
    """Make a new file, in one step, at the first of `paths` where there is none; all are in one folder.

    No reader finds a part of it, and no two writers make the same one. `None`: there is a file at each. Raises
    `ConfigError` when it can't be written.
    """
    draft, name = None, uuid.uuid4().hex
    try:
        for path in paths:
            if draft is None:
                write(path.with_name(f".{name}"), text)
                draft = path.with_name(f".{name}")
            with suppress(FileExistsError):
                os.link(draft, path)
                return path
        return None
    except OSError as error:
        raise ConfigError(f"{path}: can't be written: {error.strerror}") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)
