"""Questions that several models have answered before: a file of them, one JSON object a line."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestra.ensemble.answers import Answers, joined
from orchestra.ensemble.forms.data import json_values
from orchestra.ensemble.weights import NONE_RIGHT
from orchestra.errors import ConfigError
from orchestra.types import Response

Price = Callable[[str], tuple[float, float] | None]
"""What a model costs, in USD per token in and out; `None` when that is not known."""

Row = Mapping[str, Any]
"""One line of a file."""

CHARACTERS = 4
"""Of a token, where a file does not say what a call cost."""

ANSWER_FIELDS = ("answer", "final_answer", "finalanswer", "result", "label")
"""What the field of a JSON answer that counts is called, in any case."""

LOOKED_AT = 50
"""Lines from which the fields of answers are told."""

COMMON = 0.8
"""The share of the JSON answers that have a field which is said to be one of theirs."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question: what each model said, as it is compared; whether it was right and what it cost, `None` if unknown.

    Further answers of one model to the same question are called `model#2`, `model#3` …
    """

    keys: Mapping[str, Hashable | None]
    right: Mapping[str, bool | None]
    costs: Mapping[str, float | None]

    def groups(self, names: Sequence[str]) -> list[int | None]:
        """Who of `names` said the same."""
        numbers: dict[Hashable, int] = {}
        keys = joined([self.keys[name] for name in names])
        return [None if key is None else numbers.setdefault(key, len(numbers)) for key in keys]

    def truth(self, names: Sequence[str]) -> int:
        """The number of the right answer among `groups`; `NONE_RIGHT` where nobody gave it."""
        found = (group for group, name in zip(self.groups(names), names, strict=True) if self.right[name])
        return next((group for group in found if group is not None), NONE_RIGHT)

    def labelled(self, names: Sequence[str]) -> bool:
        return all(self.right[name] is not None for name in names)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Where a file gives both `gold` and `correct`: the shares of answers each calls right, and that differ."""

    by_gold: float
    by_correct: float
    differing: float


def read(path: Path) -> list[Row]:
    """The lines of a file, gzipped where its name ends in `.gz`; raises `ConfigError` for what is none.

    A line has `outputs` (model → text, or a list of several), and one of `gold` (the right answer), `correct` (model →
    true or false) and `scores` (model → 0 to 1, right from 0.5 on); or none, where nothing is known. `costs` (model →
    USD) may be there; else the lengths of `prompt` and output say what a call cost.
    """
    found = list(_rows(path))
    if not found:
        raise ConfigError(f"{path} has no line with recorded answers")
    return found


def names_of(rows: Sequence[Row]) -> list[str]:
    """The models that answered in every line."""
    return [name for name in rows[0]["outputs"] if all(name in row["outputs"] for row in rows)]


def fields_of(rows: Sequence[Row]) -> list[str]:
    """The fields that most answers have, where most are JSON objects; told from the first lines."""
    texts = [text for row in rows[:LOOKED_AT] for said in row["outputs"].values() for text in _texts(said)]
    objects = [one for text in texts if isinstance(one := next(json_values(text), None), Mapping)]
    counts = Counter(name for one in objects for name in one)
    most = COMMON * len(objects)
    return [name for name, count in counts.items() if count >= most] if 2 * len(objects) > len(texts) else []


def field_of(rows: Sequence[Row]) -> str | None:
    """The one field that is called what answers are called; `None` where no or several are, or `gold` has it too."""
    found = [name for name in fields_of(rows) if name.lower() in ANSWER_FIELDS]
    golds = [next(json_values(_texts(row.get("gold"))[0]), None) for row in rows[:LOOKED_AT]]
    alike = any(isinstance(gold, Mapping) and name in gold for gold in golds for name in found)
    return found[0] if len(found) == 1 and not alike else None


def cases(
    rows: Sequence[Row], answers: Answers, price: Price = lambda name: None, names: Sequence[str] | None = None
) -> list[Case]:
    """The cases of a file's lines, of the models in `names` alone where given; `gold` goes before `correct`."""
    return [_case(row, answers, price, row["outputs"] if names is None else names) for row in rows]


def verdicts(rows: Sequence[Row], found: Sequence[Case]) -> Verdicts | None:
    """What `gold` and `correct` say of the same answers; `None` where no line has both."""
    pairs = [
        (bool(case.right[name]), bool(row["correct"][name]))
        for row, case in zip(rows, found, strict=True)
        if row.get("gold") is not None and row.get("correct")
        for name in case.right
        if name in row["correct"]
    ]
    if not pairs:
        return None
    shares = [sum(ones) / len(pairs) for ones in zip(*((a, b, a != b) for a, b in pairs), strict=True)]
    return Verdicts(shares[0], shares[1], shares[2])


def _rows(path: Path) -> Iterator[Row]:
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
            for n, line in enumerate(lines, start=1):
                if line.strip():
                    yield _row(line, f"{path}:{n}")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from error


def _row(line: str, place: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{place}: not JSON: {error}") from error
    if not isinstance(row, Mapping) or not isinstance(outputs := row.get("outputs"), Mapping) or not outputs:
        raise ConfigError(f"{place}: a line has 'outputs': {{model: text}}")
    for name in ("correct", "scores", "costs"):
        if not isinstance(row.get(name) or {}, Mapping):
            raise ConfigError(f"{place}: {name!r} says something of each model: {{model: value}}")
    return row


def _case(row: Row, answers: Answers, price: Price, names: Iterable[str]) -> Case:
    texts = {
        name if not n else f"{name}#{n + 1}": text
        for name in names
        for n, text in enumerate(_texts(row["outputs"][name]))
    }
    keys = {name: _key(answers, text) for name, text in texts.items()}
    gold = None if row.get("gold") is None else answers.form(row["gold"])
    prompt = str(row.get("prompt") or "")
    return Case(
        keys=keys,
        right={name: _right(row, name, key, gold) for name, key in keys.items()},
        costs={name: _cost(row, name, len(prompt), len(text), price) for name, text in texts.items()},
    )


def _texts(said: Any) -> list[str]:
    """What a model said, once or several times; JSON in place of text is written out, and null is no answer."""
    several = (said or [None]) if isinstance(said, list) else [said]
    return ["" if one is None else one if isinstance(one, str) else json.dumps(one) for one in several]


def _key(answers: Answers, text: str) -> Hashable | None:
    answer = answers.read(Response(text=text, model=""))
    return None if answer is None else answer.key


def _right(row: Row, name: str, key: Hashable | None, gold: Hashable | None) -> bool | None:
    if gold is not None:
        said, meant = joined([key, gold])
        return said is not None and said == meant
    model = name.partition("#")[0]
    if model in (correct := row.get("correct") or {}):
        return bool(correct[model])
    scores = row.get("scores") or {}
    return scores[model] >= 0.5 if model in scores else None


def _cost(row: Row, name: str, into: int, out: int, price: Price) -> float | None:
    model = name.partition("#")[0]
    if model in (costs := row.get("costs") or {}):
        return float(costs[model])
    rates = price(model)
    return None if rates is None else (into * rates[0] + out * rates[1]) / CHARACTERS
