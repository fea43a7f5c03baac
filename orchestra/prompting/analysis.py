"""What an experiment says so far: who wins, what is excluded, how much is missing. Right at every look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from orchestra.prompting.guardrails import Guarded, Measured, enough_of, guarded_by, measured_of
from orchestra.prompting.observed import Observed
from orchestra.prompting.sequences import (
    ENOUGH,
    Interval,
    Moments,
    betting_interval,
    difference_interval,
    mean_interval,
    multinomial_evidence,
    needed,
    rate_interval,
)
from orchestra.settings.experiments import ExperimentSpec

MISMATCH_ALPHA = 0.01
"""How often a fair assignment is called unfair."""
AROUND = 100.0
"""How closely the mixture against which exposures are judged lies around the shares they should have."""
ROUNDED = 2
"""Digits of what is only about so many."""

Way = Literal["exact", "asymptotic"]
"""How an interval is known: at any number of results, or from the central limit theorem."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One arm: how many units saw it, how many have a value, their mean and where it is; and its requests.

    `cost_usd` and `latency_s` are means of a request, `errors` the rate of those that failed; `None`: none yet.
    """

    arm: str
    exposed: int
    n: int
    mean: float | None
    interval: Interval
    requests: int
    cost_usd: float | None
    latency_s: float | None
    errors: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better `arm` is than `other`; `paired` when both were given the same inputs, `n` of them."""

    arm: str
    other: str
    n: int
    mean: float
    interval: Interval
    way: Way
    paired: bool
    variance: float
    """The sum of the arms' variances; of pairs, that of their differences."""

    @property
    def better(self) -> bool:
        return self.interval[0] > 0

    @property
    def worse(self) -> bool:
        return self.interval[1] < 0

    def turned(self) -> Difference:
        """The same, seen from the other arm."""
        low, high = self.interval
        return replace(self, arm=self.other, other=self.arm, mean=-self.mean, interval=(-high, -low))


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known at a time.

    `winner` is better than every other arm, is shown to keep its guardrails, and the experiment has run for its least
    time; `leader` has the best mean. `excluded` are the arms that another one is better than. `more_per_arm` is
    about how many results each arm lacks if the difference stays what it is (`None`: more than a million, nothing is
    known yet, or it is over). `mismatch` says that the arms did not get their shares of units: then nothing else is to
    be trusted.
    """

    at: float
    estimates: tuple[Estimate, ...]
    differences: tuple[Difference, ...]
    guarded: tuple[Guarded, ...]
    mismatch: bool
    leader: str | None
    winner: str | None
    excluded: tuple[str, ...]
    more_per_arm: int | None
    runs_until: float | None
    said: str

    @property
    def harmful(self) -> tuple[str, ...]:
        """The arms that are worse than the first, or break a guardrail."""
        control = self.estimates[0].arm
        worse = [d.arm for d in self.differences if d.other == control and d.worse]
        broken = [one.arm for one in self.guarded if one.state == "broken"]
        return tuple(dict.fromkeys([*worse, *broken]))


def analysed(seen: Observed, at: float) -> Analysis:
    """What an experiment says at a time, in seconds since the epoch; it has to have been started."""
    spec = seen.spec
    assert spec is not None
    assert seen.started_at is not None
    values = values_of(seen)
    measured = {arm: measured_of(seen, arm) for arm in spec.arms}
    estimates = tuple(_estimate(arm, seen, values[arm], measured[arm], spec.alpha) for arm in spec.arms)
    alpha = spec.alpha / (len(spec.arms) - 1)
    differences = tuple(_difference(arm, other, seen, values, alpha) for other, arm in combinations(spec.arms, 2))
    guarded = tuple(guarded_by(spec, measured))
    leader = max((e for e in estimates if e.mean is not None), key=lambda e: e.mean or 0.0, default=estimates[0]).arm
    against = tuple(d if d.arm == leader else d.turned() for d in differences if leader in (d.arm, d.other))
    best = all(difference.better for difference in against)
    ends = seen.started_at + spec.min_run_s
    kept = all(one.state == "kept" for one in guarded if one.arm == leader)
    mismatch = _mismatch(seen, spec)
    analysis = Analysis(
        at=at,
        estimates=estimates,
        differences=differences,
        guarded=guarded,
        mismatch=mismatch,
        leader=leader if any(e.n for e in estimates) else None,
        winner=leader if best and kept and not mismatch and at >= ends else None,
        excluded=tuple(
            arm
            for arm in spec.arms
            if any((d.arm == arm and d.worse) or (d.other == arm and d.better) for d in differences)
        ),
        more_per_arm=None if best or seen.stopped else _more(against, alpha),
        runs_until=ends if at < ends and not seen.stopped else None,
        said="",
    )
    return replace(analysis, said=_said(analysis, against, over=seen.stopped is not None))


def values_of(seen: Observed) -> dict[str, dict[str, float]]:
    """The value of each unit (or input) of each arm: the mean of its results, in the order of the first of them."""
    found: dict[str, dict[str, list[float]]] = {arm: {} for arm in (seen.spec.arms if seen.spec else ())}
    for result in seen.results.values():
        if result.arm in found:
            found[result.arm].setdefault(result.pair or result.unit, []).append(result.value)
    return {arm: {unit: sum(some) / len(some) for unit, some in units.items()} for arm, units in found.items()}


def _estimate(arm: str, seen: Observed, values: Mapping[str, float], measured: Measured, alpha: float) -> Estimate:
    exposed = sum(1 for shown, _ in seen.exposed.values() if shown == arm)
    moments = Moments.of(values.values())
    if all(value in (0.0, 1.0) for value in values.values()):
        interval = rate_interval(round(moments.mean * moments.n), moments.n, alpha)
    else:
        interval = mean_interval(moments, alpha)
    means = {metric: sum(found) / len(found) if found else None for metric, found in measured.items()}
    return Estimate(
        arm=arm,
        exposed=exposed,
        n=moments.n,
        mean=moments.mean if moments.n else None,
        interval=interval,
        requests=len(measured["errors"]),
        cost_usd=means["cost"],
        latency_s=means["latency"],
        errors=means["errors"],
    )


def _difference(
    arm: str, other: str, seen: Observed, values: Mapping[str, Mapping[str, float]], alpha: float
) -> Difference:
    """How much better `arm` is than `other`.

    Where most inputs were given to both, they are compared input by input. Else rates are compared result by result,
    the first of one arm with the first of the other and so on (or with the mean of several, where arms get unequal
    shares), which is exact; the arms of `top_two`, where that would leave too much out, and all other values are
    compared by their means.
    """
    spec = seen.spec
    assert spec is not None
    first, second = values[other], values[arm]
    rates = all(value in (0.0, 1.0) for value in (*first.values(), *second.values()))
    inputs = {result.pair for result in seen.results.values() if result.pair is not None}
    pairs = [(first[input], second[input]) for input in first if input in inputs and input in second]
    paired = bool(pairs) and 2 * len(pairs) >= min(len(first), len(second))
    if not paired and (not rates or spec.assign == "top_two"):
        one, two = Moments.of(first.values()), Moments.of(second.values())
        interval, variance = difference_interval(one, two, alpha, enough_of(spec)), one.variance + two.variance
        return Difference(arm, other, min(one.n, two.n), two.mean - one.mean, interval, "asymptotic", False, variance)
    if not paired:
        times = spec.shares[other] / spec.shares[arm]
        pairs = list(zip(blocks(first, times), blocks(second, 1 / times), strict=False))
    apart = [b - a for a, b in pairs]
    known = Moments.of(apart)
    interval = betting_interval(Counter(apart), alpha) if rates else mean_interval(known, alpha, ENOUGH)
    way: Way = "exact" if rates else "asymptotic"
    return Difference(arm, other, known.n, known.mean, interval, way, paired, known.variance)


def blocks(values: Mapping[str, float], size: float) -> list[float]:
    """The means of so many values each, in their order; what does not fill a block is left out."""
    found, n = list(values.values()), max(1, round(size))
    return [sum(found[at : at + n]) / n for at in range(0, len(found) - n + 1, n)]


def _mismatch(seen: Observed, spec: ExperimentSpec) -> bool:
    """The arms did not get their shares of the units, beyond what chance does."""
    if spec.assign == "top_two":
        return False
    shown = [arm for arm, _ in seen.exposed.values()]
    counts = [shown.count(arm) for arm in spec.arms]
    return multinomial_evidence(counts, list(spec.shares.values()), AROUND) >= 1 / MISMATCH_ALPHA


def _more(against: Sequence[Difference], alpha: float) -> int | None:
    """About how many results each arm lacks until the leader is better than all others, to two digits."""
    lacking = []
    for difference in against:
        if difference.better:
            continue
        enough = needed(difference.mean, difference.variance, alpha)
        if enough is None:
            return None
        lacking.append(max(enough - difference.n, difference.n // 10, 1))
    most = max(lacking)
    return round(most, min(0, ROUNDED - len(str(most))))


def _said(found: Analysis, against: Sequence[Difference], over: bool) -> str:
    """The analysis in a sentence or two; of a test that is `over` without what it would take to go on."""
    if found.mismatch:
        return (
            "the arms did not get their shares of the units (sample ratio mismatch): find out why, trust nothing else"
        )
    if found.leader is None:
        return "no results yet"
    closest = min(against, key=lambda difference: difference.interval[0])
    low, high = closest.interval
    if found.winner is not None:
        return f"{found.winner} wins: better than {closest.other} by {low:.3g} to {high:.3g}"
    if low > 0:
        return f"{found.leader} is better than {closest.other} by {low:.3g} to {high:.3g}, but {_but(found, over)}"
    ahead = f"ahead of {closest.other} by {closest.mean:.3g}"
    more = "more than a million" if found.more_per_arm is None else f"about {found.more_per_arm:,}"
    if over:
        said = f"no winner: {found.leader} was {ahead}"
    else:
        said = f"no winner yet: {found.leader} is {ahead}; {more} more per arm if that stays so"
    bounds = f"that it is worse by more than {-low:.3g} or better by more than {high:.3g}"
    excluded = [bounds] if max(-low, high) < float("inf") else []
    excluded += [f"{arm} as the best" for arm in found.excluded]
    return f"{said}; excluded: {', '.join(excluded) or 'nothing'}"


def _but(found: Analysis, over: bool) -> str:
    """Why the best arm is not called the winner."""
    for state, said in (("broken", "breaks its guardrail"), ("open", "is not yet shown to keep its guardrail")):
        metrics = [one.metric for one in found.guarded if one.arm == found.leader and one.state == state]
        if metrics:
            return f"{said} on {', '.join(metrics)}"
    return f"the least run time {'was' if over else 'is'} not over"
