"""How well each version of a prompt did, by the scores that its answers were given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from orchestra.ledger import Entry, Event, Folded, Ledger
from orchestra.types import Attempt

SCORE = "score"
"""The kind of event that is feedback on a request: `request`, `metric`, `value`, and the `prompts` it was made with."""
QUALITY = "quality"

Key = tuple[str, str, int]
"""A metric, a prompt, a version."""


@dataclass(frozen=True, slots=True)
class Scored:
    """How many answers were scored, and the mean."""

    count: int
    mean: float


class Scores:
    """The scores in a ledger by prompt and version; of several scores for one request and metric the last one counts.

    Every prompt that a request was made with is given its score.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._folded: Folded[Mapping[Key, Mapping[str, float]]] = Folded(ledger, self._fold, {}, kinds=[SCORE])

    def of(self, prompt: str, version: int, metric: str = QUALITY) -> Scored | None:
        """The scores of a version; `None` when it has none. Raises `LedgerError`."""
        return self.all(metric).get((prompt, version))

    def all(self, metric: str = QUALITY) -> dict[tuple[str, int], Scored]:
        """The scores of every version that has some. Raises `LedgerError`."""
        found = self._folded.read()
        return {
            key[1:]: Scored(len(values), fmean(values.values())) for key, values in found.items() if key[0] == metric
        }

    def _fold(
        self, value: Mapping[Key, Mapping[str, float]], events: Sequence[Event], _: Sequence[Entry]
    ) -> Mapping[Key, Mapping[str, float]]:
        new: dict[Key, dict[str, float]] = {}
        for event in events:
            score = event.payload
            request = str(score["request"])
            for prompt, version in score.get("prompts") or prompts_of(self._ledger.rows(request=request)):
                key = (str(score["metric"]), prompt, int(version))
                new.setdefault(key, {})[request] = float(score["value"])
        return {**value, **{key: {**value.get(key, {}), **scores} for key, scores in new.items()}}


def prompts_of(calls: Iterable[Attempt | Entry]) -> list[tuple[str, str]]:
    """The prompts that some calls were made with, and their versions."""
    labels = [call.labels for call in calls if call.labels.get("prompt_version", "").isdigit()]
    return list(dict.fromkeys((found["prompt"], found["prompt_version"]) for found in labels if "prompt" in found))
