"""What the books say of each model: how fast it answers, and how well it was scored, task by task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from orchestra.ledger import Entry, Event
from orchestra.model_config import ModelConfig
from orchestra.prompting.scores import QUALITY, SCORE

RECENT = 0.1
"""What the newest call counts in a running mean."""
REMEMBERED = 20_000
"""Requests whose score may still come."""
PRIOR_SCORES = 5
"""How many scores what is known beforehand counts for."""
CROWD = 8
"""Calls in flight that double the time an answer is expected to take."""
QUICK = ("groq", "cerebras", "sambanova")
"""Providers with inference hardware of their own."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Running means of a model's successful calls: seconds to the first token, and for each token after it."""

    first_token_s: float
    s_per_token: float

    def latency_s(self, tokens: int) -> float:
        """Seconds until an answer of so many tokens is there."""
        return self.first_token_s + tokens * self.s_per_token

    def after(self, entry: Entry, weight: float = RECENT) -> Speed:
        """With one more call; one that was not streamed is taken to have waited for its first token as others did."""
        waited_s = min(self.first_token_s, entry.latency_s / 2) if entry.first_token_s is None else entry.first_token_s
        each_s = max(0.0, entry.latency_s - waited_s) / max(1, entry.output_tokens)
        return Speed(
            self.first_token_s + weight * (waited_s - self.first_token_s),
            self.s_per_token + weight * (each_s - self.s_per_token),
        )


@dataclass(frozen=True, slots=True)
class Score:
    """Scores in [0, 1]: how many, their sum and the sum of their squares."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Score) -> Score:
        return Score(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        return self.total / self.count

    def over(self, prior: float) -> float:
        """The mean, drawn towards what is known beforehand while scores are few."""
        return (prior * PRIOR_SCORES + self.total) / (PRIOR_SCORES + self.count)

    def error(self) -> float:
        """The standard error of the mean (Agresti–Coull: with two good and two bad scores added)."""
        n, mean = self.count + 4, (self.total + 2) / (self.count + 4)
        return math.sqrt(max((self.squares + 2) / n - mean * mean, 0.0) / n)


NO_SCORE = Score()
UNMEASURED = Speed(0.7, 1 / 70)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of each model (LiteLLM id): its speed, and its scores by task (`None`: over all tasks)."""

    speeds: Mapping[str, Speed] = field(default_factory=dict)
    scores: Mapping[tuple[str | None, str], Score] = field(default_factory=dict)
    answered: Mapping[str, tuple[str, str | None]] = field(default_factory=dict, repr=False)
    """The model that answered a request, and its task."""

    def latency_s(self, model: ModelConfig, tokens: int, in_flight: int = 0) -> float:
        """Seconds that an answer of so many tokens is expected to take."""
        speed = self.speeds.get(model.model) or speed_before(model)
        return speed.latency_s(tokens) * (1 + in_flight / CROWD)

    def quality(self, model: ModelConfig, task: str | None) -> tuple[float, int]:
        """The score in [0, 1] that an answer is expected to get, and how many scores of that task say so.

        A task's scores are drawn towards the model's over all tasks, and those towards what its price says.
        """
        overall = self.scores.get((None, model.model), NO_SCORE).over(quality_before(model))
        score = self.scores.get((task, model.model), NO_SCORE) if task is not None else NO_SCORE
        return score.over(overall), score.count


def fold(before: Measured, events: Sequence[Event], entries: Sequence[Entry]) -> Measured:
    """What was measured, after some more calls and scores."""
    speeds, scores, answered = dict(before.speeds), dict(before.scores), dict(before.answered)
    for entry in entries:
        if not entry.success or entry.basis == "void" or entry.latency_s <= 0:
            continue
        speed = speeds.get(entry.model)
        speeds[entry.model] = UNMEASURED.after(entry, weight=1.0) if speed is None else speed.after(entry)
        answered[entry.request] = (entry.model, entry.task_type or entry.task_guessed)
    for event in events:
        if event.kind != SCORE or event.payload["metric"] != QUALITY:
            continue
        found = answered.get(event.payload["request"])
        if found is None:
            continue
        model, task = found
        value = min(max(float(event.payload["value"]), 0.0), 1.0)
        for key in {(None, model), (task, model)}:
            scores[key] = scores.get(key, NO_SCORE) + Score(1, value, value * value)
    for request in list(islice(answered, max(0, len(answered) - REMEMBERED))):
        del answered[request]
    return replace(before, speeds=speeds, scores=scores, answered=answered)


def speed_before(model: ModelConfig) -> Speed:
    """What is expected before anything is measured: the dearer a model, the larger and slower it is."""
    if model.provider in QUICK:
        return Speed(0.25, 1 / 400)
    price = float(model.card.output_usd_per_mtok or 0)
    if price > 12:
        return Speed(1.0, 1 / 35)
    return UNMEASURED if price > 1 else Speed(0.5, 1 / 120)


def quality_before(model: ModelConfig) -> float:
    """What is expected before anything is scored: a dearer model is better, by a tenth for ten times the price."""
    price = float(model.card.output_usd_per_mtok or 0)
    return min(0.9, 0.5 + 0.1 * math.log10(max(price, 0.1) / 0.1))


KINDS = (SCORE,)
"""The events that are folded, beside the entries."""

Figures = Callable[[], Measured]
"""What was measured so far."""
