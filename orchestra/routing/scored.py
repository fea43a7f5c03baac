"""From the ledger's events to scored decisions: which arm answered a request, and how good that was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestra.ledger import Event
from orchestra.prompting.scores import QUALITY, SCORE
from orchestra.routing.diary import DECISION, SIGNAL

KINDS = (DECISION, SIGNAL, SCORE)
RETRY = "retry"
"""The metric of a score that says somebody asked again: a sign, not a judgement."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A decision of a policy, the arm that answered, and its score in [0, 1]: `given`, or shown by itself."""

    policy: str
    arm: str
    facts: Mapping[str, Any]
    value: float
    given: bool


def scored(events: Iterable[Event], decisions: dict[str, list[dict[str, Any]]]) -> Iterator[Scored]:
    """The scored decisions among `events`, in their order; `decisions` are those already known, by request.

    A score counts for the arm that was chosen by each decision of its request, or for the one that a signal says
    answered in its place.
    """
    for event in events:
        told = event.payload
        match event.kind:
            case "decision":
                decisions.setdefault(told["request"], []).append(dict(told))
            case "signal":
                for decision in decisions.get(told["request"], ()):
                    if told["policy"] == decision["policy"]:
                        decision["arm"] = told["arm"]
                        if told["value"] is not None:
                            yield _of(decision, told["value"], given=False)
            case "score" if told["metric"] in (QUALITY, RETRY):
                for decision in decisions.get(told["request"], ()):
                    yield _of(decision, told["value"], given=told["metric"] == QUALITY)
            case _:
                pass


def _of(decision: Mapping[str, Any], value: float, given: bool) -> Scored:
    value = min(max(float(value), 0.0), 1.0)
    return Scored(decision["policy"], decision["arm"], decision.get("facts", {}), value, given)
