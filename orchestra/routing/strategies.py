"""Choosing by what is known of the models: the cheapest, the fastest, the best, or the best for its price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from orchestra.resilience.cooldown import Cooldowns
from orchestra.resilience.load import Load
from orchestra.routing.arm import Arm, answer_tokens, cheapest
from orchestra.routing.choose import Measures, Now, Then, choose, preferred
from orchestra.routing.facts import Facts
from orchestra.routing.measured import Figures, Measured
from orchestra.routing.purse import Purse
from orchestra.types import Choice

Measure = Mapping[str, float]
"""What was measured of one arm, by name."""

UNKNOWN = float("inf")
PRICED = "usd"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an arm comes among the others: the smallest `key` first. `removed` says why it comes nowhere."""

    key: tuple[float, ...]
    said: str
    removed: str | None = None


class Ranking(Protocol):
    """How a strategy orders its arms: what it looks at is measured first, what follows from that is pure."""

    @property
    def name(self) -> str:
        """What its decisions are called by."""
        ...

    def measure(self, arms: Sequence[Arm], facts: Facts) -> Measures:
        """The numbers that count, for each arm."""
        ...

    def rank(self, measured: Measures, facts: Facts) -> Mapping[str, Place]:
        """The place of each arm."""
        ...


@dataclass(frozen=True, slots=True)
class Ranked:
    """Choose the first of `arms` by `ranking` that can serve, then the next; arms that are equal keep their order."""

    ranking: Ranking
    arms: tuple[Arm, ...]
    fallback: tuple[Arm, ...] = ()
    find: Callable[[str], Arm] | None = field(default=None, repr=False, compare=False)
    cooldowns: Cooldowns = field(default_factory=Cooldowns, repr=False, compare=False)
    purse: Purse | None = field(default=None, repr=False, compare=False)

    def decide(self, facts: Facts, live: bool = False) -> Choice:
        """The decision; `live` counts missing keys, cool-downs and budgets, else every key is taken to be there."""
        able = [arm for arm in self.arms if arm.unable(facts) is None]
        return self.decided(
            facts, self.ranking.measure(able, facts), Now(facts, self.cooldowns, self.purse) if live else Then()
        )

    def decided(self, facts: Facts, measured: Measures, stands: Now | Then) -> Choice:
        """The decision from all that it depends on: the facts, what was measured, and how the arms stand."""
        places = self.ranking.rank(measured, facts)
        ranked = [(place, arm) for arm in self.arms if (place := places.get(arm.name)) is not None]
        ranked.sort(key=lambda row: row[0].key)
        rule = self.ranking.name
        unable = [(rule, "", arm) for arm in self.arms if arm.name not in places]
        candidates = [(rule, place.said, arm) for place, arm in ranked if place.removed is None]
        passed = [(arm.name, place.removed) for place, arm in ranked if place.removed is not None]
        return choose(
            [*preferred(facts, self.find), *candidates, *unable], self.fallback, facts, stands, passed, measured
        )


@dataclass(frozen=True, slots=True)
class Cheapest:
    """`cost_optimized`: the cheapest at this request's own mix of tokens; an unknown price comes last.

    With a `bar`, arms that are expected to score less are passed over, as long as one clears it; else the best leads.
    """

    figures: Figures = Measured
    bar: float | None = None
    name: str = "cost_optimized"

    def measure(self, arms: Sequence[Arm], facts: Facts) -> Measures:
        return {
            arm.name: _cost(arm, facts) | ({} if self.bar is None else _quality(arm, facts, self.figures()))
            for arm in arms
        }

    def rank(self, measured: Measures, facts: Facts) -> Mapping[str, Place]:
        bar = self.bar
        if bar is None:
            return {name: Place((_usd(m),), _priced(m)) for name, m in measured.items()}
        if not any(m["quality"] >= bar for m in measured.values()):
            said = f"none clears the bar of {bar:.2f}; "
            return {name: Place((-m["quality"], _usd(m)), said + _scored(m, facts)) for name, m in measured.items()}
        return {
            name: Place(
                (_usd(m),),
                f"{_priced(m)}, {_scored(m, facts)}",
                None if m["quality"] >= bar else f"{_scored(m, facts)} is below the bar of {bar:.2f}",
            )
            for name, m in measured.items()
        }


@dataclass(frozen=True, slots=True)
class Fastest:
    """`speed_optimized`: the one whose whole answer is expected first, with the calls it has in flight now."""

    figures: Figures = Measured
    load: Load = field(default_factory=Load, repr=False, compare=False)
    name: str = "speed_optimized"

    def measure(self, arms: Sequence[Arm], facts: Facts) -> Measures:
        figures, tokens = self.figures(), answer_tokens(facts)
        measured = {}
        for arm in arms:
            flying = {member.model: self.load(member.model) for member in arm.members}
            times = [figures.latency_s(member, tokens, flying[member.model]) for member in arm.members]
            speeds = {"latency_s": min(times), "in_flight": sum(flying.values())} if times else {}
            measured[arm.name] = speeds | _cost(arm, facts)
        return measured

    def rank(self, measured: Measures, facts: Facts) -> Mapping[str, Place]:
        return {name: Place((m.get("latency_s", UNKNOWN), _usd(m)), _timed(m)) for name, m in measured.items()}


@dataclass(frozen=True, slots=True)
class Best:
    """`quality_optimized`: the best by scores of this kind of task, to the hundredth; of equals the cheaper."""

    figures: Figures = Measured
    name: str = "quality_optimized"

    def measure(self, arms: Sequence[Arm], facts: Facts) -> Measures:
        figures = self.figures()
        return {arm.name: _quality(arm, facts, figures) | _cost(arm, facts) for arm in arms}

    def rank(self, measured: Measures, facts: Facts) -> Mapping[str, Place]:
        return {name: Place((-round(m["quality"], 2), _usd(m)), _scored(m, facts)) for name, m in measured.items()}


@dataclass(frozen=True, slots=True)
class Balanced:
    """`balanced`: the best after its price, where a hundredth of quality is worth `usd_per_quality_point`."""

    usd_per_quality_point: float
    figures: Figures = Measured
    name: str = "balanced"

    def measure(self, arms: Sequence[Arm], facts: Facts) -> Measures:
        figures = self.figures()
        return {arm.name: _quality(arm, facts, figures) | _cost(arm, facts) for arm in arms}

    def rank(self, measured: Measures, facts: Facts) -> Mapping[str, Place]:
        places = {}
        for name, m in measured.items():
            points = 100 * m["quality"] - _usd(m) / self.usd_per_quality_point
            places[name] = Place((-points,), f"{points:.1f} points after its price: {_scored(m, facts)}, {_priced(m)}")
        return places


@dataclass(frozen=True, slots=True)
class AsListed:
    """The first that can serve."""

    name: str = "as listed"

    def measure(self, arms: Sequence[Arm], facts: Facts) -> Measures:
        return {arm.name: {} for arm in arms}

    def rank(self, measured: Measures, facts: Facts) -> Mapping[str, Place]:
        return {name: Place((), "the first that can serve") for name in measured}


def _cost(arm: Arm, facts: Facts) -> dict[str, float]:
    cost = cheapest(arm.members, facts)
    return {} if cost is None else {PRICED: float(cost)}


def _quality(arm: Arm, facts: Facts, figures: Measured) -> dict[str, float]:
    """Of the best of an arm's members: who can answer for it is its own matter."""
    quality, scores = max((figures.quality(member, facts.task) for member in arm.members), default=(0.0, 0))
    return {"quality": quality, "scores": scores}


def _usd(measure: Measure) -> float:
    return measure.get(PRICED, UNKNOWN)


def _priced(measure: Measure) -> str:
    return f"about ${measure[PRICED]:.6f}" if PRICED in measure else "price unknown"


def _scored(measure: Measure, facts: Facts) -> str:
    task = f" for {facts.task}" if facts.task and measure["scores"] else ""
    by = f"{measure['scores']:.0f} scores{task}" if measure["scores"] else "its price, unscored yet"
    return f"quality about {measure['quality']:.2f} (by {by})"


def _timed(measure: Measure) -> str:
    if "latency_s" not in measure:
        return "speed unknown"
    flying = f", {measure['in_flight']:.0f} in flight" if measure["in_flight"] else ""
    return f"an answer in about {measure['latency_s']:.1f} s{flying}"
