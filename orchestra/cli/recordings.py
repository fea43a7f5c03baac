"""Recorded answers as the commands take them: a file, how its answers are compared, and what its models cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from orchestra.errors import ConfigError

if TYPE_CHECKING:
    from orchestra.ensemble.recorded import Case

Kind: TypeAlias = Annotated[
    Literal["auto", "number", "choice", "boolean", "date", "json", "code", "text"],
    typer.Option("--answers", help="What the answers are, which says when two are the same."),
]
Field: TypeAlias = Annotated[
    str | None, typer.Option("--field", metavar="NAME", help="The field of a JSON answer that counts.")
]


def listed(names: str | None) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in (names or "").split(",") if name.strip()]


def cases(file: Path, kind: Kind, field: str | None, config: Path | None) -> list[Case]:
    """The cases of a file, with the prices that are known here."""
    from orchestra.build import build
    from orchestra.ensemble.answers import Answers
    from orchestra.ensemble.recorded import read
    from orchestra.settings import find
    from orchestra.settings import read as settings

    tree = build(settings(find(config)))

    def price(name: str) -> tuple[float, float] | None:
        try:
            card = tree.find(name).members[0].card
        except (ConfigError, IndexError):
            return None
        into, out = card.row.get("input_cost_per_token"), card.row.get("output_cost_per_token")
        if card.free:
            return 0.0, 0.0
        return None if into is None or out is None else (float(into), float(out))

    return read(file, Answers(kind, field), price)


def checked(cases: list[Case], names: list[str]) -> list[str]:
    """The names, each of them a model that answered every case; all of those where none is named."""
    from orchestra.ensemble.recorded import names_of

    known = names_of(cases)
    for name in names:
        if name not in known:
            raise ConfigError(f"{name!r} did not answer every question of the file; those who did: {', '.join(known)}")
    return names or known
