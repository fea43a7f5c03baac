"""Questions that several models have answered before: a file of them, one JSON object a line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestra.ensemble.answers import Answers, joined
from orchestra.ensemble.weights import NONE_RIGHT
from orchestra.errors import ConfigError
from orchestra.types import Response

Price = Callable[[str], tuple[float, float] | None]
"""What a model costs, in USD per token in and out; `None` when that is not known."""

CHARACTERS = 4
"""Of a token, where a file does not say what a call cost."""


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


def read(path: Path, answers: Answers, price: Price = lambda name: None) -> list[Case]:
    """The cases of a file, gzipped where its name ends in `.gz`; raises `ConfigError` for what is none.

    A line has `outputs` (model → text, or a list of several), and one of `gold` (the right answer), `correct` (model →
    true or false) and `scores` (model → 0 to 1, right from 0.5 on); or none, where nothing is known. `costs` (model →
    USD) may be there; else `price` and the lengths of `prompt` and output say what a call cost.
    """
    found = [_case(row, f"{path}:{n}", answers, price) for n, row in enumerate(_rows(path), start=1)]
    if not found:
        raise ConfigError(f"{path} has no line with recorded answers")
    return found


def names_of(cases: Sequence[Case]) -> list[str]:
    """The models that answered every case, without their further samples."""
    return [name for name in cases[0].keys if "#" not in name and all(name in case.keys for case in cases)]


def _rows(path: Path) -> Iterator[Any]:
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
            for n, line in enumerate(lines, start=1):
                if line.strip():
                    try:
                        yield json.loads(line)
                    except ValueError as error:
                        raise ConfigError(f"{path}:{n}: not JSON: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from error


def _case(row: Any, place: str, answers: Answers, price: Price) -> Case:
    if not isinstance(row, Mapping) or not isinstance(outputs := row.get("outputs"), Mapping) or not outputs:
        raise ConfigError(f"{place}: a line has 'outputs': {{model: text}}")
    texts: dict[str, str] = {}
    for model, said in outputs.items():
        several = said if isinstance(said, list) else [said]
        texts |= {model if not n else f"{model}#{n + 1}": str(text) for n, text in enumerate(several)}
    keys = {name: _key(answers, text) for name, text in texts.items()}
    prompt = str(row.get("prompt") or "")
    return Case(
        keys=keys,
        right={name: _right(row, name, key, answers) for name, key in keys.items()},
        costs={name: _cost(row, name, len(prompt), len(text), price) for name, text in texts.items()},
    )


def _key(answers: Answers, text: str) -> Hashable | None:
    answer = answers.read(Response(text=text, model=""))
    return None if answer is None else answer.key


def _right(row: Mapping[str, Any], name: str, key: Hashable | None, answers: Answers) -> bool | None:
    if row.get("gold") is not None:
        said, gold = joined([key, answers.form(row["gold"])])
        return said is not None and said == gold
    model = name.partition("#")[0]
    if model in (correct := row.get("correct") or {}):
        return bool(correct[model])
    scores = row.get("scores") or {}
    return scores[model] >= 0.5 if model in scores else None


def _cost(row: Mapping[str, Any], name: str, into: int, out: int, price: Price) -> float | None:
    model = name.partition("#")[0]
    if model in (costs := row.get("costs") or {}):
        return float(costs[model])
    rates = price(model)
    return None if rates is None else (into * rates[0] + out * rates[1]) / CHARACTERS
