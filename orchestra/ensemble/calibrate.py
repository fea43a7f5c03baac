"""Where a cascade may stop: the least agreement at which it is as good as its strong model, or that there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, log1p

from orchestra.ensemble.ballot import Rules
from orchestra.ensemble.doctor import SELDOM, UNREAD
from orchestra.ensemble.recorded import Case
from orchestra.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Threshold:
    """One threshold on the agreement of the cheap models, and what it came to.

    `accepted` is the share of questions that stop there, `accuracy` and `cost_share` (of the strong model's cost;
    `None` where a price is not known) are those of the whole cascade. `low` is the least that its accuracy is above the
    strong model's, at the confidence asked for; `holds` says whether that, and all stricter thresholds, are enough.
    """

    threshold: float
    accepted: float
    accuracy: float
    gained: int
    lost: int
    low: float
    cost_share: float | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """What recorded answers say of a cascade; `chosen` is `None` where one would lose, and `why` says how."""

    cases: int
    strong_accuracy: float
    thresholds: tuple[Threshold, ...]
    chosen: Threshold | None
    why: str


def calibrate(
    cases: Sequence[Case], cheap: Sequence[str], strong: str, epsilon: float = 0.01, confidence: float = 0.95
) -> Calibration:
    """The lowest threshold at which accuracy is at least the strong model's less `epsilon`, with that confidence.

    Thresholds are tried from the strictest down, and the first that fails ends it, so that trying several costs no
    confidence (Learn then Test, Angelopoulos et al. 2021); bounds are exact (Clopper–Pearson). Raises `ConfigError`
    where no case says who was right.
    """
    known = [case for case in cases if case.labelled([*cheap, strong])]
    if not known:
        raise ConfigError("no recorded case says who was right: give 'gold', 'correct' or 'scores'")
    rules = Rules((1,) * len(cheap), 0.0)
    votes = [rules.count([case.keys[name] for name in cheap]) for case in known]
    right = [
        None if vote is None else bool(case.right[cheap[vote.voters[0]]])
        for vote, case in zip(votes, known, strict=True)
    ]
    shares = [0.0 if vote is None else round(float(vote.share), 2) for vote in votes]
    strongly = [bool(case.right[strong]) for case in known]
    strongly_right = sum(strongly) / len(known)
    found: list[Threshold] = []
    holds = strongly_right >= SELDOM
    for threshold in sorted({round(n / len(cheap), 2) for n in range(1, len(cheap) + 1)}, reverse=True):
        stops = [share >= threshold for share in shares]
        ours = [bool(r) if stop else s for stop, r, s in zip(stops, right, strongly, strict=True)]
        gained = sum(a and not b for a, b in zip(ours, strongly, strict=True))
        lost = sum(b and not a for a, b in zip(ours, strongly, strict=True))
        low = lower(gained, len(known), (1 - confidence) / 2) - upper(lost, len(known), (1 - confidence) / 2)
        holds = holds and low >= -epsilon
        share = _cost_share(known, cheap, strong, stops)
        accuracy = sum(ours) / len(known)
        found.append(Threshold(threshold, sum(stops) / len(known), accuracy, gained, lost, low, share, holds))
    if strongly_right < SELDOM:
        why = f"do not cascade here: {strong} alone is right {strongly_right:.1%} of the time; {UNREAD}"
        return Calibration(len(known), strongly_right, tuple(found), None, why)
    chosen = next((one for one in reversed(found) if one.holds), None)
    why = _why(found, chosen, epsilon, confidence)
    if chosen is not None and chosen.cost_share is not None and chosen.cost_share >= 1:
        chosen = None
    return Calibration(len(known), strongly_right, tuple(found), chosen, why)


def _why(found: Sequence[Threshold], chosen: Threshold | None, epsilon: float, confidence: float) -> str:
    strictest = found[0]
    if chosen is None:
        return (
            f"do not cascade here: even where all cheap models agree, accuracy may be {-strictest.low:.1%} below the "
            f"strong model's at {confidence:.0%} confidence ({strictest.lost} lost, {strictest.gained} gained), more "
            f"than the {epsilon:.1%} allowed; cheaper models that are better, or more cases, may change that"
        )
    if chosen.cost_share is not None and chosen.cost_share >= 1:
        return f"do not cascade here: it costs {chosen.cost_share:.0%} of what asking the strong model alone does"
    cost = "" if chosen.cost_share is None else f" at {chosen.cost_share:.0%} of its cost"
    return (
        f"threshold {chosen.threshold:g}: at least the strong model's accuracy less {epsilon:.1%}, "
        f"with {confidence:.0%} confidence{cost}"
    )


def _cost_share(cases: Sequence[Case], cheap: Sequence[str], strong: str, stops: Sequence[bool]) -> float | None:
    ours = theirs = 0.0
    for case, stop in zip(cases, stops, strict=True):
        costs = [case.costs[name] for name in (*cheap, strong)]
        if None in costs:
            return None
        *cheaply, dear = (cost for cost in costs if cost is not None)
        ours += sum(cheaply) + (0.0 if stop else dear)
        theirs += dear
    return ours / theirs if theirs else None


def upper(count: int, of: int, miss: float) -> float:
    """The highest share at which `count` of `of` or fewer is not rarer than `miss` (Clopper–Pearson)."""
    if count >= of:
        return 1.0
    low, high = count / of, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _tail(count, of, middle) > miss else (low, middle)
    return high


def lower(count: int, of: int, miss: float) -> float:
    """The lowest share at which `count` of `of` or more is not rarer than `miss`."""
    return 1 - upper(of - count, of, miss)


def _tail(count: int, of: int, share: float) -> float:
    """The chance of at most `count` of `of`, each with the chance `share`."""
    if share >= 1:
        return 0.0
    choose = lgamma(of + 1)
    return sum(
        exp(choose - lgamma(k + 1) - lgamma(of - k + 1) + k * log(share) + (of - k) * log1p(-share))
        for k in range(count + 1)
    )
