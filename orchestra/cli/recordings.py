"""Recorded answers as the commands take them: a file, how its answers are compared, and what its models cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from orchestra.errors import ConfigError

if TYPE_CHECKING:
    from orchestra.ensemble.answers import Answers
    from orchestra.ensemble.recorded import Case, Price, Row

DIFFERING, WRONGLY_READ = 0.01, 0.1
"""The share of answers on which `gold` and `correct` may differ unsaid, and from which the file is refused."""

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


@dataclass(frozen=True, slots=True)
class Recorded:
    """The cases of a file, the models that are looked at, how their answers were compared, and what to say of that."""

    cases: list[Case]
    names: list[str]
    answers: Answers
    notes: list[str]


def recorded(file: Path, kind: Kind, field: str | None, config: Path | None, names: list[str]) -> Recorded:
    """The answers of `names`, or of all who answered every question, with the prices that are known here.

    Where no field is named, the one that is obvious is taken. Raises `ConfigError` where the answers, compared so, are
    right by the file's `gold` and wrong by its `correct`, or the other way round, more than now and then.
    """
    from orchestra.ensemble.answers import Answers
    from orchestra.ensemble.recorded import cases, field_of, fields_of, read, verdicts

    rows = read(file)
    names = checked(rows, names)
    taken = field_of(rows) if field is None and kind != "json" else None
    answers = Answers(kind, field or taken)
    notes = (
        [f"answers are compared by their field {taken!r}; --field or --answers json says otherwise"] if taken else []
    )
    found = cases(rows, answers, _price(config), names)
    both = verdicts(rows, found)
    if both is not None and both.differing > DIFFERING:
        how = f"by their field {answers.field!r}" if answers.field else "as a whole"
        said = (
            f"answers compared {how} match 'gold' {both.by_gold:.0%}, the file's 'correct' says {both.by_correct:.0%}"
        )
        if both.differing > WRONGLY_READ:
            others = [name for name in fields_of(rows) if name != answers.field]
            fields = f"--field {' or '.join(others)}, " if others else ""
            raise ConfigError(
                f"{said} ({both.differing:.0%} differ): try {fields}--answers number, code …, or leave one of both out"
            )
        notes.append(f"{said} ({both.differing:.1%} differ); 'gold' is taken")
    return Recorded(found, names, answers, notes)


def checked(rows: Sequence[Row], names: list[str]) -> list[str]:
    """The names, each of them a model that answered every question; all of those where none is named."""
    from difflib import get_close_matches

    from orchestra.ensemble.recorded import names_of

    known = names_of(rows)
    for name in names:
        if name in known:
            continue
        if any(name in row["outputs"] for row in rows):
            who = ", ".join(known) or "none"
            raise ConfigError(f"{name!r} did not answer every question of the file; those who did: {who}")
        close = [one for one in known if name in one] or get_close_matches(name, known)
        hint = f"did you mean {' or '.join(map(repr, close[:3]))}?" if close else f"there are: {', '.join(known)}"
        raise ConfigError(f"no model of the file is called {name!r}; {hint}")
    if not known:
        raise ConfigError("no model answered every question of the file")
    return names or known


def _price(config: Path | None) -> Price:
    from orchestra.build import build
    from orchestra.settings import find, read

    tree = build(read(find(config)))

    def price(name: str) -> tuple[float, float] | None:
        try:
            card = tree.find(name).members[0].card
        except (ConfigError, IndexError):
            return None
        into, out = card.row.get("input_cost_per_token"), card.row.get("output_cost_per_token")
        if card.free:
            return 0.0, 0.0
        return None if into is None or out is None else (float(into), float(out))

    return cache(price)
