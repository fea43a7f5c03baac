"""What was seen of experiments: a fold over the ledger's events and entries, the same in every process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra.ledger import Entry, Event
from orchestra.ledger.money import usd
from orchestra.settings.experiments import ExperimentSpec
from orchestra.types import NOTHING

STARTED, STOPPED = "experiment.start", "experiment.stop"
EXPOSED, RESULT, SCORE = "experiment.exposure", "experiment.result", "score"
RUNS = (STARTED, STOPPED)
ALL = (*RUNS, EXPOSED, RESULT, SCORE)
EXPERIMENT, ARM = "experiment", "arm"
"""The labels of a call that belongs to experiments; of several, one in another, the names are joined by commas."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The end of an experiment, in seconds since the epoch; `serve` is the arm that answers from then on."""

    at: float
    serve: str
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """What an arm came to once; `unit` is whom it was for, `pair` the input that other arms were given too."""

    arm: str
    at: float
    unit: str
    score: float | None = None
    success: bool | None = None
    pair: str | None = None

    @property
    def value(self) -> float:
        """The score, higher being better; without one, 1 for a success and 0 for none."""
        return float(self.success or 0) if self.score is None else self.score


@dataclass(frozen=True, slots=True)
class Call:
    """One request that an arm answered, or failed to: what it cost in USD (`None`: not known) and when it was."""

    arm: str
    unit: str
    cost_usd: float | None
    began_at: float
    ended_at: float
    success: bool

    def __add__(self, other: Call) -> Call:
        """The same request, with another of its attempts."""
        known = self.cost_usd is not None and other.cost_usd is not None
        return replace(
            self,
            cost_usd=(self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
            began_at=min(self.began_at, other.began_at),
            ended_at=max(self.ended_at, other.ended_at),
            success=self.success or other.success,
        )


@dataclass(frozen=True, slots=True)
class Observed:
    """One experiment as far as it was seen.

    `spec` is what it was started as (its arms by name only). `exposed` has the arm and the time of each unit, `results`
    and `calls` are in the order in which they came, by the key of their event and the id of their request.
    """

    spec: ExperimentSpec | None = None
    started_at: float | None = None
    stopped: Stop | None = None
    exposed: Mapping[str, tuple[str, float]] = field(default_factory=lambda: NOTHING)
    results: Mapping[str, Result] = field(default_factory=lambda: NOTHING)
    calls: Mapping[str, Call] = field(default_factory=lambda: NOTHING)

    @property
    def runs(self) -> bool:
        return self.started_at is not None and self.stopped is None

    def until(self, at: float) -> Observed:
        """As it was seen at a time, in seconds since the epoch."""
        return replace(
            self,
            exposed={unit: seen for unit, seen in self.exposed.items() if seen[1] <= at},
            results={key: result for key, result in self.results.items() if result.at <= at},
            calls={request: call for request, call in self.calls.items() if call.began_at <= at},
        )


Seen = Mapping[str, Observed]
"""Every experiment of a ledger, by name."""


def fold(seen: Seen, events: Sequence[Event], entries: Sequence[Entry]) -> Seen:
    """What is known after some more events and entries."""
    draft = _Draft(seen)
    for event in events:
        if event.kind in RUNS:
            draft.run(event)
    for entry in entries:
        draft.book(entry)
    for event in events:
        if event.kind not in RUNS:
            draft.note(event)
    return draft.seen


def spec_payload(spec: ExperimentSpec) -> dict[str, Any]:
    """A declaration as the ledger keeps it: its arms are names there."""
    return {**spec.model_dump(mode="json", exclude={"arms"}), "arms": list(spec.arms)}


def joined(labels: Mapping[str, str], name: str, arm: str) -> dict[str, str]:
    """The labels of a request that an arm of one more experiment answers."""
    outer = {EXPERIMENT: labels.get(EXPERIMENT), ARM: labels.get(ARM)}
    inner = {EXPERIMENT: name, ARM: arm}
    return {**labels, **{label: f"{outer[label]},{inner[label]}" if outer[label] else inner[label] for label in inner}}


class _Draft:
    """The next value of the fold: what changes is copied once, and nothing that was given is changed."""

    def __init__(self, seen: Seen) -> None:
        self.seen = dict(seen)
        self._ours: set[tuple[str, str]] = set()

    def run(self, event: Event) -> None:
        """A start or a stop."""
        one, payload = self._of(event.key), event.payload
        if event.kind == STARTED:
            known = {name: value for name, value in payload.items() if name in ExperimentSpec.model_fields}
            one = replace(one, spec=ExperimentSpec.model_validate(known), started_at=event.at)
        else:
            one = replace(one, stopped=Stop(event.at, payload["serve"], payload["reason"]))
        self.seen[event.key] = one

    def note(self, event: Event) -> None:
        """An exposure, a result or a score."""
        payload = event.payload
        if event.kind == EXPOSED:
            self._part(payload["experiment"], "exposed")[payload["unit"]] = (payload["arm"], event.at)
        elif event.kind == RESULT:
            facts = {name: payload[name] for name in ("arm", "unit", "score", "success", "pair")}
            self._part(payload["experiment"], "results")[event.key] = Result(at=event.at, **facts)
        else:
            self._score(payload["request"], payload["metric"], event)

    def book(self, entry: Entry) -> None:
        for name, arm in _labelled(entry):
            calls = self._part(name, "calls")
            by = spec.by if (spec := self._of(name).spec) is not None else None
            call = Call(
                arm,
                entry.tags.get(by or "") or entry.request,
                float(usd(entry.amount)) if entry.priced else None,
                entry.started_at,
                entry.started_at + entry.latency_s,
                entry.success,
            )
            before = calls.get(entry.request)
            calls[entry.request] = call if before is None else before + call

    def _score(self, request: str, metric: str, event: Event) -> None:
        """A score given to a request counts for every experiment that the request was in; of several the last one."""
        for name, one in list(self.seen.items()):
            call = one.calls.get(request)
            if call is not None and one.spec is not None and one.spec.metric == metric:
                score = float(event.payload["value"])
                self._part(name, "results")[request] = Result(call.arm, event.at, call.unit, score)

    def _of(self, name: str) -> Observed:
        return self.seen.get(name) or Observed()

    def _part(self, name: str, what: str) -> dict[str, Any]:
        """A part of an experiment that may be written to."""
        if (name, what) not in self._ours:
            self._ours.add((name, what))
            copied: dict[str, Any] = {what: dict(getattr(self._of(name), what))}
            self.seen[name] = replace(self._of(name), **copied)
        found: dict[str, Any] = getattr(self.seen[name], what)
        return found


def _labelled(entry: Entry) -> Iterator[tuple[str, str]]:
    names, arms = entry.labels.get(EXPERIMENT), entry.labels.get(ARM)
    if names and arms:
        yield from zip(names.split(","), arms.split(","), strict=False)
