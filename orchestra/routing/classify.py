"""What kind of task a request is, where the caller does not say: told locally, or left open."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Self

from orchestra.resources import shipped
from orchestra.routing.facts import Facts
from orchestra.routing.text import FENCE, terms

LONG_TOKENS = 100_000
SURE = 0.6
"""A text's task is told when it is this probable; below, it is left open."""
SMOOTHING = 0.3
RARE = 2
"""A term of fewer examples says nothing."""
FOLDS = 5
TEMPERATURES = tuple(n / 10 for n in range(2, 31))


@dataclass(frozen=True, slots=True)
class Classifier:
    """Tells the task of a text: naive Bayes over its terms, tempered so that its probabilities are true ones.

    `weights` has one number for each of `tasks`, by term. A text's sum is divided by the root of how many of its terms
    are known, because neighbouring terms say the same thing.
    """

    tasks: tuple[str, ...]
    weights: Mapping[str, Sequence[float]] = field(repr=False)
    temperature: float = 1.0

    def probabilities(self, text: str) -> dict[str, float]:
        """How probable each task is; they sum to 1."""
        return dict(zip(self.tasks, _softmax(self.sums(terms(text)), self.temperature), strict=True))

    def sums(self, found: Iterable[str]) -> list[float]:
        """What the terms of a text weigh for each task, whatever their order; nothing where no word of it is known."""
        known = [(term, row) for term in found if (row := self.weights.get(term)) is not None]
        if not any(term.isalpha() for term, _ in known):
            return [0.0] * len(self.tasks)
        scale = math.sqrt(len(known))
        return [math.fsum(column) / scale for column in zip(*(row for _, row in known), strict=True)]

    def classified(self, facts: Facts, text: str) -> Facts:
        """The facts with the task and how sure it is; structure comes before words, and what is unsure stays open."""
        if facts.task is not None or facts.call != "chat":
            return facts
        if facts.images or facts.video:
            return replace(facts, task="vision", confidence=1.0)
        if facts.input_tokens > LONG_TOKENS:
            return replace(facts, task="long_context", confidence=1.0)
        if "web_search_options" in facts.parameters:
            return replace(facts, task="web_search", confidence=1.0)
        chances = self.probabilities(text)
        task = max(chances, key=chances.__getitem__)
        if chances[task] >= SURE:
            return replace(facts, task=task, confidence=round(chances[task], 3))
        if facts.structured and not facts.tools:
            return replace(facts, task="extraction", confidence=SURE)
        if FENCE in text:
            return replace(facts, task="code", confidence=SURE)
        return facts

    def plain(self) -> dict[str, Any]:
        """As JSON has it; weights with two decimals, which change no probability that matters."""
        rows = {term: [round(weight, 2) for weight in row] for term, row in sorted(self.weights.items())}
        return {"tasks": list(self.tasks), "temperature": self.temperature, "weights": rows}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """The classifier that `plain` was made of."""
        return cls(tuple(plain["tasks"]), plain["weights"], plain["temperature"])


@cache
def builtin() -> Classifier:
    """The classifier that ships, trained on `config/classifier/examples.jsonl` by `scripts/train_classifier.py`."""
    return Classifier.of(json.loads((shipped("config") / "classifier" / "model.json").read_text(encoding="utf-8")))


def trained(examples: Sequence[tuple[str, str]]) -> Classifier:
    """A classifier of (task, text) pairs.

    The temperature is the one at which the texts of each fifth are most likely to a classifier of the other four
    (Guo 2017, temperature scaling).
    """
    rows = [(task, terms(text)) for task, text in examples]
    tasks = tuple(dict.fromkeys(task for task, _ in rows))
    seen = []
    for fold in range(FOLDS):
        others = _fitted(tasks, [row for n, row in enumerate(rows) if n % FOLDS != fold])
        seen += [(tasks.index(task), others.sums(found)) for task, found in rows[fold::FOLDS]]
    return replace(_fitted(tasks, rows), temperature=min(TEMPERATURES, key=lambda at: _surprise(seen, at)))


def _fitted(tasks: tuple[str, ...], rows: Sequence[tuple[str, set[str]]]) -> Classifier:
    spread = Counter(term for _, found in rows for term in found)
    known = {term for term, times in spread.items() if times >= RARE}
    counts = {task: Counter[str]() for task in tasks}
    for task, found in rows:
        counts[task].update(found & known)
    totals = [counts[task].total() + SMOOTHING * len(known) for task in tasks]
    weights = {}
    for term in known:
        logs = [math.log((counts[t][term] + SMOOTHING) / total) for t, total in zip(tasks, totals, strict=True)]
        mean = sum(logs) / len(logs)
        weights[term] = [log - mean for log in logs]
    return Classifier(tasks, weights)


def _surprise(seen: Sequence[tuple[int, list[float]]], temperature: float) -> float:
    return -sum(math.log(_softmax(sums, temperature)[task]) for task, sums in seen)


def _softmax(sums: Sequence[float], temperature: float) -> list[float]:
    most = max(sums)
    powers = [math.exp((value - most) / temperature) for value in sums]
    total = sum(powers)
    return [power / total for power in powers]
