"""The versions of one prompt as they are on disk: a file for each, and a history that only grows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    `rolled-back` the version that came back, and the label."""

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
    """What there is of a prompt: its `files` by version, lowest first, the history, and the digests that it holds.

    An inline prompt has its text in place of a file. `stacks` are the versions that each label was on, the last one
    now; `labels` where they are, with `latest` the highest version. `usual` is the version in production, else the
    latest; 0 where there is none at all.
    """

    name: str
    files: Mapping[int, Traversable | str]
    events: Sequence[Event]
    digests: Mapping[int, str]
    stacks: Mapping[str, tuple[int, ...]]
    labels: Mapping[str, int]
    usual: int

    def created_at(self, version: int) -> datetime:
        """When a version was made: as the history says, else when its file was last written."""
        for event in self.events:
            if event.verb is Verb.CREATED and event.version == version:
                return event.at
        file = self.files[version]
        return datetime.fromtimestamp(file.stat().st_mtime if isinstance(file, Path) else 0, UTC)


def shelf(name: str, folders: Sequence[Traversable], inline: str | None = None) -> Shelf:
    """What `folders` have of a prompt; where two have the same version, the first one counts.

    `inline` is the text of version 1, which no folder may have then.
    """
    files: dict[int, Traversable | str] = {}
    events: list[Event] = []
    for folder in reversed(folders):
        place = folder / name
        if place.is_dir():
            for file in place.iterdir():
                if found := FILE.fullmatch(file.name):
                    files[int(found[1])] = file
            events += _history(name, place / HISTORY)
    if inline is not None:
        if 1 in files:
            raise PromptError(f"it is both in prompt_templates and in {files[1]}; keep one of them", template=name)
        files[1] = inline
    digests: dict[int, str] = {}
    stacks: dict[str, tuple[int, ...]] = {}
    for event in events:
        if event.verb is Verb.CREATED:
            digests.setdefault(event.version, event.what)
            continue
        stacks[event.what] = _moved(stacks.get(event.what, ()), event)
    latest = max(files, default=0)
    labels = {label: stack[-1] for label, stack in stacks.items()} | ({LATEST: latest} if latest else {})
    usual = labels.get(PRODUCTION, latest)
    return Shelf(name, dict(sorted(files.items())), tuple(events), digests, stacks, labels, usual)


def _moved(stack: tuple[int, ...], event: Event) -> tuple[int, ...]:
    """The versions that a label was on, after an event; one that it is on already adds no step."""
    if event.verb is Verb.PROMOTED:
        return stack if stack[-1:] == (event.version,) else (*stack, event.version)
    while len(stack) > 1 and stack[-1] != event.version:
        stack = stack[:-1]
    return stack


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
