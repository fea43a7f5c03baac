"""The versions of one prompt as they are on disk: a file for each, and a history that only grows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources.abc import Traversable
from pathlib import Path

from orchestra.errors import PromptError

FILE = re.compile(r"v([1-9]\d{0,8})\.j2")
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
LABEL = re.compile(r"[A-Za-z][\w.-]{0,99}", re.ASCII)
HISTORY = "history"
"""The file of a prompt's folder that says when which version was made, promoted and rolled back."""
PRODUCTION = "production"
LATEST = "latest"


class Verb(StrEnum):
    """What happened to a version."""

    CREATED = "created"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled-back"


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the history. `created` has the version and its digest; `promoted` the version and the label;
    `rolled-back` the version that came back, 0 for none, and the label."""

    at: datetime
    verb: Verb
    version: int
    what: str

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%dT%H:%M:%S.%fZ} {self.verb} {self.version} {self.what}"

    @classmethod
    def read(cls, line: str) -> Event:
        """The event of a line; raises `ValueError` for one that is none."""
        at, verb, version, what = line.split()
        return cls(datetime.fromisoformat(at), Verb(verb), int(version), what)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is of a prompt: `files` by version, the history, the digests that it holds, and the labels.

    `stacks` are the versions that each label was on, the last one now.
    """

    name: str
    files: Mapping[int, Traversable] = field(default_factory=dict)
    events: Sequence[Event] = ()
    digests: Mapping[int, str] = field(default_factory=dict)
    stacks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, int]:
        """Each label with its version; `latest` is the highest."""
        labels = {label: stack[-1] for label, stack in self.stacks.items() if stack}
        return labels | ({LATEST: max(self.files)} if self.files else {})

    def created_at(self, version: int) -> datetime:
        """When a version was made: as the history says, else when its file was last written."""
        for event in self.events:
            if event.verb is Verb.CREATED and event.version == version:
                return event.at
        file = self.files[version]
        return datetime.fromtimestamp(file.stat().st_mtime if isinstance(file, Path) else 0, UTC)


def shelf(name: str, folders: Sequence[Traversable]) -> Shelf:
    """What `folders` have of a prompt; where two have the same version, the first one counts."""
    files: dict[int, Traversable] = {}
    events: list[Event] = []
    for folder in reversed(folders):
        place = folder / name
        if place.is_dir():
            for file in place.iterdir():
                if found := FILE.fullmatch(file.name):
                    files[int(found[1])] = file
            events += _history(name, place / HISTORY)
    digests: dict[int, str] = {}
    stacks: dict[str, tuple[int, ...]] = {}
    for event in events:
        if event.verb is Verb.CREATED:
            digests.setdefault(event.version, event.what)
            continue
        stack = stacks.get(event.what, ())
        stacks[event.what] = (*stack, event.version) if event.verb is Verb.PROMOTED else stack[:-1]
    return Shelf(name, dict(sorted(files.items())), tuple(events), digests, stacks)


def append(folder: Path, event: Event) -> None:
    """Add a line to the history of the prompt in `folder`; one write, so that no two processes mix theirs."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / HISTORY, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, f"{event}\n".encode())
        finally:
            os.close(handle)
    except OSError as error:
        raise PromptError(f"{folder / HISTORY}: can't be written: {error.strerror}") from error


def _history(name: str, file: Traversable) -> Iterator[Event]:
    if not file.is_file():
        return
    for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                yield Event.read(line)
            except ValueError:
                raise PromptError(f"{file}:{n}: no line of a history: {line!r}", template=name) from None
