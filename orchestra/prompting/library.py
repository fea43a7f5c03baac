"""The library of prompts: versions that never change, by number, digest or label."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from importlib.resources.abc import Traversable
from pathlib import Path
from threading import RLock
from typing import Any

from orchestra.errors import PromptError
from orchestra.prompting.formats import Syntax, converted
from orchestra.prompting.head import Head, Variable, split, written
from orchestra.prompting.sandbox import Sandbox
from orchestra.prompting.shelf import LABEL, LATEST, NAME, PRODUCTION, Event, Shelf, Verb, append, shelf
from orchestra.prompting.template import Template, read
from orchestra.resources import shipped
from orchestra.settings.atomic import create
from orchestra.types import NOTHING, Message

FOLDER = Path("prompts")
ALIASES = {"extraction_v1": "extraction", "reasoning_v1": "reasoning"}
"""The spec's names for prompts that ship."""
INCLUDES = 8
"""How deep partials may include partials."""

Version = int | str | None
"""A version by its number, by a label, or by how its digest begins; `None`: the one in production, else the latest."""


class Library:
    """The prompts of a folder of the user's own, beside those that ship.

    `folder` is where new versions go (`None`: `./prompts`), `inline` are texts that are version 1 of their names.
    Prompts are read when they are first asked for; what other processes add is seen within `refresh_s`. Everything
    raises `PromptError`, and `ConfigError` for a front matter that is wrong.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        inline: Mapping[str, str] = NOTHING,
        refresh_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,  # noqa: TID251  # this is the clock that others take
    ) -> None:
        self.folder = Path(folder or FOLDER).absolute()
        self.inline = inline
        self.refresh_s = refresh_s
        self._shipped: Traversable = shipped("prompts")
        self._clock = clock
        self._wall = wall
        self._made_at = datetime.fromtimestamp(wall(), UTC)
        self._sandbox = Sandbox()
        self._lock = RLock()
        self._templates: dict[tuple[str, int], Template] = {}
        self._shelves: dict[str, tuple[float, Shelf]] = {}

    def __repr__(self) -> str:
        return f"Library({str(self.folder)!r})"

    def names(self) -> list[str]:
        """Every prompt there is, in the order of the alphabet."""
        found = set(self.inline)
        for folder in self._folders():
            if folder.is_dir():
                found |= {place.name for place in folder.iterdir() if NAME.fullmatch(place.name)}
        return sorted(name for name in found if name in self.inline or self.shelf(name).files)

    def versions(self, name: str) -> list[int]:
        """The numbers of a prompt's versions, lowest first."""
        found = self._found(name)
        return sorted({*found.files, *([1] if found.name in self.inline else [])})

    def labels(self, name: str) -> dict[str, int]:
        """Where the labels of a prompt are: `production`, `canary` or any other, and `latest`."""
        return self._found(name).labels | {LATEST: self.versions(name)[-1]}

    def number(self, name: str, version: Version = None) -> int:
        """The number of a version that is given by a label or a digest; raises when there is none."""
        if version is None:
            labels = self.labels(name)
            return labels.get(PRODUCTION, labels[LATEST])
        numbers = self.versions(name)
        if isinstance(version, int) or version.removeprefix("v").isdigit():
            number = int(version) if isinstance(version, int) else int(version.removeprefix("v"))
            if number in numbers:
                return number
            raise PromptError(f"there is no version {number}; there are {_listed(numbers)}", template=name)
        labels = self.labels(name)
        if version in labels:
            return labels[version]
        same = [n for n in numbers if len(version) >= 6 and self.get(name, n).digest.startswith(version)]
        if len(same) == 1:
            return same[0]
        said = (
            f"several versions have a digest that begins with {version!r}"
            if same
            else (f"no label is called {version!r}, and no digest begins so; labels: {', '.join(labels)}")
        )
        raise PromptError(said, template=name)

    def get(self, name: str, version: Version = None) -> Template:
        """A version of a prompt, compiled once."""
        known = self._templates.get((name, version)) if isinstance(version, int) else None
        return known or self._template(self._found(name), self.number(name, version))

    def created_at(self, name: str, version: int) -> datetime:
        """When a version was made; one of the settings, when this process began to use them."""
        found = self._found(name)
        return found.created_at(version) if version in found.files else self._made_at

    def messages(
        self, name: str, variables: Mapping[str, Any] = NOTHING, version: Version = None
    ) -> tuple[Message, ...]:
        """The messages of a prompt for these variables."""
        return self.get(name, version).messages(variables)

    def render(self, name: str, variables: Mapping[str, Any] = NOTHING, version: Version = None) -> str:
        """The text of a prompt for these variables."""
        return self.get(name, version).render(variables)

    def shelf(self, name: str, fresh: bool = False) -> Shelf:
        """The files and the history of a prompt; `fresh` as they are now."""
        if NAME.fullmatch(name) is None:
            raise PromptError(f"{name!r} is no name of a prompt: letters, digits, '_', '-' and '.'")
        known = self._shelves.get(name)
        if known is None or fresh or self._clock() - known[0] > self.refresh_s:
            known = (self._clock(), shelf(name, self._folders()))
            self._shelves[name] = known
        return known[1]

    def _found(self, name: str) -> Shelf:
        """The shelf of a prompt or of what its name is an alias of; raises, with a suggestion, when there is none."""
        found = self.shelf(name)
        if found.files or name in self.inline:
            return found
        if name in ALIASES:
            return self._found(ALIASES[name])
        close = get_close_matches(name, self.names(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "'orchestra prompts list' shows those there are"
        raise PromptError(f"no prompt is called {name!r}; {hint}")

    def _template(self, found: Shelf, version: int, chain: tuple[str, ...] = ()) -> Template:
        key = (found.name, version)
        if key not in self._templates:
            file = found.files.get(version)
            text, origin = (
                (converted(self.inline[found.name]), f"prompt_templates.{found.name}")
                if file is None
                else (_text(file, found.name, version), str(file))
            )
            template = self._read(found.name, version, text, origin, chain)
            sealed = found.digests.get(version, template.digest)
            if sealed != template.digest:
                raise PromptError(
                    f"its file {origin} was changed after it was made; give it back its text, or make a version of the "
                    f"new one: orchestra prompts new {found.name} --file FILE",
                    template=found.name,
                    version=version,
                )
            with self._lock:
                self._templates.setdefault(key, template)
        return self._templates[key]

    def _read(self, name: str, version: int, text: str, origin: str, chain: tuple[str, ...] = ()) -> Template:
        within = (*chain, f"{name}@{version}")
        return read(
            name, version, text, origin=origin, sandbox=self._sandbox, partial=partial(self._partial, chain=within)
        )

    def _partial(self, address: str, chain: tuple[str, ...] = ()) -> Template:
        """A prompt that another one includes, by number: so no version changes with one that it includes."""
        name, _, number = address.partition("@")
        if not number.isdigit():
            raise PromptError(f"{address!r} is no address of a partial; it is the name and the number: {name}@1")
        if address in chain or len(chain) > INCLUDES:
            raise PromptError(f"partials include each other: {' → '.join((*chain, address))}")
        found = self._found(name)
        return self._template(found, self.number(found.name, int(number)), chain)

    def _folders(self) -> tuple[Traversable, ...]:
        same = isinstance(self._shipped, Path) and self._shipped.absolute() == self.folder
        return (self.folder,) if same else (self.folder, self._shipped)

    def register(
        self, name: str, template: str, variables: Collection[str] | None = None, syntax: Syntax = "auto"
    ) -> int:
        """Make sure that a prompt has this text as a version, version 1 of a new one; returns the number.

        `variables` are all that it takes (`None`: what it uses). A text of `str.format` is stored as Jinja.
        """
        text = self._text_of(name, template, variables, syntax)
        with suppress(PromptError):
            found = self._found(name)
            for number in self.versions(name):
                if _same(self.get(found.name, number), read(name, number, text, partial=self._partial)):
                    return number
        if self.shelf(name, fresh=True).files or name in self.inline:
            said = "it exists with another text; create_version() makes a new version of it"
            raise PromptError(said, template=name)
        return self._publish(name, text, 1)

    def create_version(self, name: str, template: str, syntax: Syntax = "auto") -> int:
        """Make the next version of a prompt, and return its number; no two callers anywhere are given the same one.

        A text without front matter takes over that of the latest version, for the variables that it uses.
        """
        found = self._found(name)
        latest = self.get(found.name, LATEST)
        text = self._text_of(found.name, template, latest.variables, syntax, latest.head)
        return self._publish(found.name, text)

    def promote(self, name: str, version: Version = LATEST, label: str = PRODUCTION) -> int:
        """Put a label on a version, which from now on can't be changed; returns its number."""
        if LABEL.fullmatch(label) is None or label == LATEST:
            raise PromptError(f"{label!r} is no label of yours; 'production' and 'canary' are usual", template=name)
        found = self._found(name)
        number = self.get(found.name, version).version
        self._seal(found.name)
        self._note(found.name, Verb.PROMOTED, number, label)
        return number

    def rollback(self, name: str, label: str = PRODUCTION) -> int | None:
        """Put a label back on the version that it was on before, `None` where there was none."""
        found = self.shelf(self._found(name).name, fresh=True)
        stack = found.stacks.get(label, ())
        if not stack:
            raise PromptError(f"nothing was promoted to {label!r}, so nothing can be rolled back", template=name)
        before = stack[-2] if len(stack) > 1 else None
        self._note(found.name, Verb.ROLLED_BACK, before or 0, label)
        return before

    def _text_of(
        self,
        name: str,
        text: str,
        declared: Collection[str] | None,
        syntax: Syntax,
        like: Head | None = None,
    ) -> str:
        """The file of a new version: the text as Jinja, with a front matter that fits it."""
        if split(text)[0]:
            return text
        try:
            body = converted(text, syntax, declared)
        except PromptError as error:
            raise PromptError(str(error), template=name) from error
        if like is None:
            return written(Head() if declared is None else _declaring(declared)) + body.strip() + "\n"
        used = self._read(name, 0, body, name).variables
        kept = {variable: (like.variables or {}).get(variable, Variable()) for variable in used}
        return written(like.model_copy(update={"variables": kept})) + body.strip() + "\n"

    def _publish(self, name: str, text: str, number: int | None = None) -> int:
        """Write the file of a version; where `number` is not given, the first that is free."""
        self.shelf(name)  # a name that is none makes no folder
        while True:
            taken = self.shelf(name, fresh=True).files.keys() | ({1} if name in self.inline else set())
            free = number or max(taken, default=0) + 1
            file = self.folder / name / f"v{free}.j2"
            digest = self._read(name, free, text, str(file)).digest
            self._seal(name)
            try:
                create(file, text)
            except FileExistsError:
                if number is not None:
                    raise PromptError(f"{file} is there already", template=name, version=number) from None
                continue
            self._note(name, Verb.CREATED, free, digest)
            return free

    def _seal(self, name: str) -> None:
        """Note the digests of versions that were written by hand: whoever changes them now is told."""
        found = self.shelf(name, fresh=True)
        for number in found.files.keys() - found.digests.keys():
            digest = self._template(found, number).digest
            append(self.folder / name, Event(found.created_at(number), Verb.CREATED, number, digest))

    def _note(self, name: str, verb: Verb, version: int, what: str) -> None:
        append(self.folder / name, Event(datetime.fromtimestamp(self._wall(), UTC), verb, version, what))
        self._shelves.pop(name, None)


def _text(file: Traversable, name: str, version: int) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{file}: can't be read: {error}", template=name, version=version) from error


def _same(one: Template, other: Template) -> bool:
    return one.body == other.body and one.variables.keys() == other.variables.keys()


def _declaring(names: Collection[str]) -> Head:
    return Head(variables={name: Variable() for name in names})


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
