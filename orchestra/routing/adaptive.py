"""The strategy `adaptive`: it tries its arms and keeps to those that do well, task by task, as they do now.

Thompson sampling over discounted Beta counts (Raj & Kalyani 2017): each new score of a task makes the older ones of
that task count less, so that what has changed is noticed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from orchestra.ledger import Entry, Event
from orchestra.routing.arm import Arm, cheapest
from orchestra.routing.choose import Measures
from orchestra.routing.diary import DECISION
from orchestra.routing.facts import Facts
from orchestra.routing.measured import REMEMBERED, quality_before
from orchestra.routing.scored import scored
from orchestra.routing.strategies import PRICED, Place

PRIOR = 2.0
"""How many scores what an arm's price says counts for."""
DAY_S = 86_400.0

Counts = tuple[float, float]
"""Good and bad, discounted."""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of the decisions of one policy, folded from the ledger; all its processes come to the same.

    `counts` are by task and arm. `extra` is what was spent on trying others in the last day: (when, USD).
    """

    policy: str
    half_life: int
    counts: Mapping[tuple[str | None, str], Counts] = field(default_factory=dict)
    extra: tuple[tuple[float, float], ...] = ()
    decisions: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False)

    def extra_usd(self, now: float) -> float:
        """What trying others has cost in the last day more than the best would have."""
        return sum(usd for at, usd in self.extra if at > now - DAY_S)


def fold(before: Played, events: Sequence[Event], entries: Sequence[Entry]) -> Played:
    """What became of the decisions, after some more events."""
    own = [e for e in events if e.kind != DECISION or e.payload.get("policy") == before.policy]
    decisions = {request: [dict(one) for one in known] for request, known in before.decisions.items()}
    counts, fade = dict(before.counts), 0.5 ** (1 / before.half_life)
    for one in scored(own, decisions):
        if one.policy == before.policy:
            _count(counts, one.facts.get("task"), one.arm, one.value, fade)
    tried = [(e.at, usd) for e in own if e.kind == DECISION and (usd := extra_of(e.payload))]
    newest = events[-1].at if events else 0.0
    extra = tuple((at, usd) for at, usd in (*before.extra, *tried) if at > newest - DAY_S)
    for request in list(islice(decisions, max(0, len(decisions) - REMEMBERED))):
        del decisions[request]
    return replace(before, counts=counts, extra=extra, decisions=decisions)


def _count(counts: dict[tuple[str | None, str], Counts], task: str | None, arm: str, value: float, fade: float) -> None:
    for key in counts:
        if key[0] == task:
            counts[key] = (counts[key][0] * fade, counts[key][1] * fade)
    good, bad = counts.get((task, arm), (0.0, 0.0))
    counts[task, arm] = (good + value, bad + 1 - value)


def extra_of(decision: Mapping[str, Any]) -> float:
    """What a decision is expected to cost more than the arm that looked best, in USD."""
    measured = decision.get("measured", {})
    taken = measured.get(decision["arm"], {})
    best: Mapping[str, float] = max(measured.values(), key=lambda m: m.get("mean", 0.0), default={})
    return max(0.0, taken.get(PRICED, 0.0) - best.get(PRICED, 0.0)) if taken.get("drawn") is not None else 0.0


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Draw for each arm how well it might do, and take the best draw; a point of quality may be worth money.

    A share `explore` of requests goes to any arm. What trying others costs more than the best is at most
    `explore_limit_usd` in a day, as far as it is known; from there on the best is asked. With `observe` the first arm
    is asked, and the reason says what would have been. The draw hangs on the request's id alone.
    """

    played: Callable[[], Played]
    wall: Callable[[], float] = field(repr=False, compare=False)
    explore: float = 0.02
    explore_limit_usd: float | None = None
    usd_per_quality_point: float | None = None
    observe: bool = False
    name: str = "adaptive"

    def measure(self, arms: Sequence[Arm], facts: Facts) -> Measures:
        played = self.played()
        spent = self.explore_limit_usd is not None and played.extra_usd(self.wall()) >= self.explore_limit_usd
        chance = random.Random(facts.request)
        anyone = chance.random() < self.explore
        measured = {}
        for arm in arms:
            good, bad = played.counts.get((facts.task, arm.name), (0.0, 0.0))
            before = max((quality_before(member) for member in arm.members), default=0.5)
            alpha, beta = good + PRIOR * before, bad + PRIOR * (1 - before)
            drawn = chance.random() if anyone else chance.betavariate(alpha, beta)
            cost = cheapest(arm.members, facts)
            found = {"mean": alpha / (alpha + beta), "scores": good + bad}
            found |= {} if cost is None else {PRICED: float(cost)}
            measured[arm.name] = found if spent else {**found, "drawn": drawn, "anyone": float(anyone)}
        return measured

    def rank(self, measured: Measures, facts: Facts) -> Mapping[str, Place]:
        worth = {name: self._worth(m) for name, m in measured.items()}
        said = {name: self._said(m, facts) for name, m in measured.items()}
        if self.observe and worth:
            best = max(worth, key=worth.__getitem__)
            return {name: Place((0.0,), f"observing: {best} would be chosen ({said[best]})") for name in worth}
        return {name: Place((-worth[name],), said[name]) for name in worth}

    def _worth(self, measure: Mapping[str, float]) -> float:
        quality = measure.get("drawn", measure["mean"])
        if self.usd_per_quality_point is None or measure.get("anyone"):
            return quality
        return quality - measure.get(PRICED, 0.0) / self.usd_per_quality_point / 100

    def _said(self, measure: Mapping[str, float], facts: Facts) -> str:
        task = f" for {facts.task}" if facts.task else ""
        scores = round(measure["scores"])
        by = f"{scores} score{'s' if scores > 1 else ''}{task}" if scores else f"its price, unscored{task} yet"
        known = f"expected quality {measure['mean']:.2f}, by {by}"
        if "drawn" not in measure:
            return f"{known}; the day's money for trying others is spent"
        return f"by chance, {'each as likely' if measure['anyone'] else 'the better the likelier'}; {known}"
