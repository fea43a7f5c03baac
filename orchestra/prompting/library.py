"""The library of prompts: versions that never change, by number, digest or label."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from importlib.resources.abc import Traversable
from itertools import count
from pathlib import Path
from typing import Any, Self

from orchestra.errors import PromptError
from orchestra.prompting.draft import drafted, redrafted, same
from orchestra.prompting.formats import Syntax, converted
from orchestra.prompting.head import description_of
from orchestra.prompting.sandbox import Sandbox
from orchestra.prompting.shelf import LABEL, LATEST, NAME, PRODUCTION, Event, Shelf, Verb, append, shelf
from orchestra.prompting.template import Template, digest_of, read
from orchestra.resources import shipped
from orchestra.settings import APISettings
from orchestra.settings.atomic import create
from orchestra.types import NOTHING, Message

FOLDER = Path("prompts")
WALL: Callable[[], float] = time.time  # noqa: TID251  # this is the clock that others take
ALIASES = {"extraction_v1": "extraction", "reasoning_v1": "reasoning"}
"""The spec's names for prompts that ship."""
DIGEST_LEAST = 6
"""Characters of a digest that are enough to name a version."""
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
        wall: Callable[[], float] = WALL,
    ) -> None:
        self.folder = Path(folder or FOLDER).absolute()
        self.inline = inline
        self.refresh_s = refresh_s
        self._shipped: Traversable = shipped("prompts")
        self._clock = clock
        self._wall = wall
        self._made_at = datetime.fromtimestamp(wall(), UTC)
        self._sandbox = Sandbox()
        self._templates: dict[tuple[str, int], Template] = {}
        self._shelves: dict[str, tuple[float, Shelf]] = {}

    @classmethod
    def of(
        cls, settings: APISettings, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = WALL
    ) -> Self:
        """The library that the settings name."""
        return cls(settings.prompt_folder, inline=settings.prompt_templates, clock=clock, wall=wall)

    def __repr__(self) -> str:
        return f"Library({str(self.folder)!r})"

    def names(self) -> list[str]:
        """Every prompt there is, in the order of the alphabet."""
        found = set(self.inline)
        for folder in self._folders():
            if folder.is_dir():
                found |= {place.name for place in folder.iterdir() if NAME.fullmatch(place.name)}
        return sorted(name for name in found if self.shelf(name).files)

    def __contains__(self, name: str) -> bool:
        return any(self.shelf(known).files for known in (name, ALIASES.get(name, name)))

    def versions(self, name: str) -> list[int]:
        """The numbers of a prompt's versions, lowest first."""
        return list(self.found(name).files)

    def labels(self, name: str) -> dict[str, int]:
        """Where the labels of a prompt are: `production`, `canary` or any other, and `latest`."""
        return dict(self.found(name).labels)

    def get(self, name: str, version: Version = None) -> Template:
        """A version of a prompt, compiled once."""
        found = self.found(name)
        return self._template(found, found.usual if version is None else self._number(found, version))

    def text(self, name: str, version: Version = None) -> str:
        """The file of a version as it is, unchecked."""
        found = self.found(name)
        return self._source(found, found.usual if version is None else self._number(found, version))[0]

    def description(self, name: str) -> str:
        """What a prompt is for, in the words of its usual version."""
        return description_of(self.text(name))

    def created_at(self, name: str, version: int) -> datetime:
        """When a version was made; one of the settings, when this process began to use them."""
        found = self.found(name)
        return self._made_at if isinstance(found.files[version], str) else found.created_at(version)

    def messages(
        self, name: str, variables: Mapping[str, Any] = NOTHING, version: Version = None
    ) -> tuple[Message, ...]:
        """The messages of a prompt for these variables."""
        return self.get(name, version).messages(variables)

    def render(self, name: str, variables: Mapping[str, Any] = NOTHING, version: Version = None) -> str:
        """The text of a prompt for these variables."""
        return self.get(name, version).render(variables)

    def register(
        self, name: str, template: str, variables: Collection[str] | None = None, syntax: Syntax = "auto"
    ) -> int:
        """Make sure that a prompt has this text as a version, version 1 of a new one; returns the number.

        `variables` are all that it takes (`None`: what it uses). A text of `str.format` is stored as Jinja.
        """
        known = self.shelf(name, fresh=True)
        found = self.found(name) if name in ALIASES else known
        text = drafted(converted(template, syntax, variables, name), variables)
        new = self._read(name, 1, text, name)
        for number in found.files:
            if same(self._template(found, number), new):
                return number
        if known.files:
            said = "it exists with another text; create_version() makes a new version of it"
            raise PromptError(said, template=name)
        return self._publish(name, text, [1]) or self.register(name, template, variables, syntax)

    def create_version(self, name: str, template: str, syntax: Syntax = "auto") -> int:
        """Make the next version of a prompt, and return its number; no two callers anywhere are given the same one.

        A text without front matter takes over that of the latest version, for the variables that it uses.
        """
        found = self.found(name, fresh=True)
        latest = self._template(found, found.labels[LATEST])
        text = converted(template, syntax, latest.variables, found.name)
        used = self._read(found.name, latest.version + 1, text, found.name).variables
        text = redrafted(text, used, latest)
        self._read(found.name, latest.version + 1, text, found.name)
        self._seal(found, latest=True)
        number = self._publish(found.name, text, count(latest.version + 1))
        assert number is not None
        return number

    def promote(self, name: str, version: Version = LATEST, label: str = PRODUCTION) -> int:
        """Put a label on a version, which from now on can't be changed; returns its number.

        Where the label is on it already that is no step which a rollback would take back.
        """
        if LABEL.fullmatch(label) is None or label == LATEST:
            raise PromptError(f"{label!r} is no label of yours; 'production' and 'canary' are usual", template=name)
        found = self.found(name, fresh=True)
        number = self.get(found.name, version).version
        self._seal(found, latest=number == found.labels[LATEST])
        if found.labels.get(label) != number:
            self._note(found.name, Verb.PROMOTED, number, label)
        return number

    def rollback(self, name: str, label: str = PRODUCTION) -> int:
        """Put a label back on the version that it was on before; returns its number."""
        found = self.found(name, fresh=True)
        stack = found.stacks.get(label, ())
        if len(stack) < 2:
            said = f"{label!r} was never on another version; promote the one that you want"
            raise PromptError(said, template=found.name)
        self._note(found.name, Verb.ROLLED_BACK, stack[-2], label)
        return stack[-2]

    def found(self, name: str, fresh: bool = False) -> Shelf:
        """What there is of a prompt, or of what its name is an alias of; raises, with a suggestion, when nothing is."""
        found = self.shelf(name, fresh)
        if found.files:
            return found
        if name in ALIASES:
            return self.found(ALIASES[name], fresh)
        close = get_close_matches(name, self.names(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "'orchestra prompts list' shows those there are"
        raise PromptError(f"no prompt is called {name!r}; {hint}")

    def shelf(self, name: str, fresh: bool = False) -> Shelf:
        """What there is under a name, which may be nothing; `fresh` as it is now."""
        known = self._shelves.get(name)
        if known is None or fresh or self._clock() - known[0] > self.refresh_s:
            if NAME.fullmatch(name) is None:
                raise PromptError(f"{name!r} is no name of a prompt: letters, digits, '_', '-' and '.'")
            known = (self._clock(), shelf(name, self._folders(), self.inline.get(name)))
            if known[1].files:  # a name that nobody has is not kept: it may come from anywhere
                self._shelves[name] = known
        return known[1]

    def _number(self, found: Shelf, version: int | str) -> int:
        """The number of a version that is given by number, label or digest; raises when there is none."""
        if isinstance(version, int) or version.removeprefix("v").isdigit():
            number = version if isinstance(version, int) else int(version.removeprefix("v"))
            if number in found.files:
                return number
            numbers = ", ".join(map(str, found.files))
            raise PromptError(f"there is no version {number}; there are {numbers}", template=found.name)
        if version in found.labels:
            return found.labels[version]
        alike = [n for n in found.files if digest_of(self._source(found, n)[0]).startswith(version)]
        if len(alike) == 1 and len(version) >= DIGEST_LEAST:
            return alike[0]
        labels = ", ".join(found.labels)
        said = f"no label is called {version!r}, and no digest of one version begins so; labels: {labels}"
        raise PromptError(said, template=found.name)

    def _template(self, found: Shelf, version: int, chain: tuple[str, ...] = ()) -> Template:
        known = self._templates.get((found.name, version))
        if known is not None:
            return known
        text, origin = self._source(found, version)
        template = self._read(found.name, version, text, origin, chain)
        if found.digests.get(version, template.digest) != template.digest:
            raise PromptError(
                f"its file {origin} was changed after it was made; give it back its text, or make a version of the "
                f"new one: orchestra prompts new {found.name} --file FILE",
                template=found.name,
                version=version,
            )
        if version not in found.digests and version < found.labels[LATEST]:
            with suppress(PromptError):  # a folder that can't be written to
                self._seal(found)
        return self._templates.setdefault((found.name, version), template)

    def _source(self, found: Shelf, version: int) -> tuple[str, str]:
        """The text of a version, and where it is from."""
        file = found.files[version]
        if isinstance(file, str):
            return converted(file, template=found.name), f"prompt_templates.{found.name}"
        return _text(file, found.name, version), str(file)

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
        found = self.found(name)
        return self._template(found, self._number(found, int(number)), chain)

    def _folders(self) -> tuple[Traversable, ...]:
        same = isinstance(self._shipped, Path) and self._shipped.absolute() == self.folder
        return (self.folder,) if same else (self.folder, self._shipped)

    def _publish(self, name: str, text: str, numbers: Iterable[int]) -> int | None:
        """Write the file of the first version among `numbers` that is free, and return it; `None` where none is."""
        made = create((self.folder / name / f"v{number}.j2" for number in numbers), text)
        if made is None:
            return None
        number = int(made.stem.removeprefix("v"))
        self._note(name, Verb.CREATED, number, digest_of(text))
        return number

    def _seal(self, found: Shelf, latest: bool = False) -> None:
        """Note the digests of versions that were written by hand: whoever changes them now is told.

        The latest one may still be worked on, until it is promoted or followed by another.
        """
        for number, file in found.files.items():
            if number in found.digests or isinstance(file, str) or (number == found.labels[LATEST] and not latest):
                continue
            digest = digest_of(_text(file, found.name, number))
            append(self.folder / found.name, Event(found.created_at(number), Verb.CREATED, number, digest))
        self._shelves.pop(found.name, None)

    def _note(self, name: str, verb: Verb, version: int, what: str) -> None:
        append(self.folder / name, Event(datetime.fromtimestamp(self._wall(), UTC), verb, version, what))
        self._shelves.pop(name, None)


def _text(file: Traversable, name: str, version: int) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{file}: can't be read: {error}", template=name, version=version) from error
