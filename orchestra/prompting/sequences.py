"""Intervals and evidence that hold at every look: whoever stops when it suits him is still right as often as promised.

A confidence sequence contains the truth at all times at once with probability 1 − alpha; an e-value of 1 / alpha or
more is seen, at any time, with probability alpha at most where nothing is to be found (Ville's inequality).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SHARPEST = 500.0
"""Results of each arm at which the asymptotic sequences are tightest."""
ENOUGH, ENOUGH_ALONE = 30, 200
"""Results from which the central limit is trusted: of a difference, whose skewness cancels out, and of one arm, or of
the smaller one of two that get unequal shares."""
BOLDEST = 0.4999
"""The largest bet on a difference that no value of it can ruin."""
BETS = tuple(BOLDEST * 0.75**n for n in reversed(range(24)))
USUAL_BET = 0.15
"""The scale of the bets: what pays best where the difference is a few points of a rate."""

Interval = tuple[float, float]
EVERYTHING: Interval = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Moments:
    """How many values, their mean, and their variance (that of a sample)."""

    n: int = 0
    mean: float = 0.0
    variance: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float]) -> Moments:
        found = list(values)
        if not found:
            return cls()
        mean = math.fsum(found) / len(found)
        squares = math.fsum((value - mean) ** 2 for value in found)
        return cls(len(found), mean, squares / (len(found) - 1) if len(found) > 1 else 0.0)

    def times(self, factor: float) -> Moments:
        """The moments of `factor` times each value."""
        return Moments(self.n, self.mean * factor, self.variance * factor * factor)


def mean_interval(values: Moments, alpha: float, enough: int = ENOUGH_ALONE) -> Interval:
    """Where the mean is: the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
    "Time-uniform central limit theory and asymptotic confidence sequences" (2024). Anywhere below `enough` values.
    """
    if values.n < enough:
        return EVERYTHING
    radius = math.sqrt(values.variance / values.n) * widening(values.n, alpha)
    return values.mean - radius, values.mean + radius


def difference_interval(one: Moments, other: Moments, alpha: float, enough: int = ENOUGH) -> Interval:
    """Where the mean of `other` less that of `one` is, as `mean_interval`; `enough` is for each of the two."""
    if min(one.n, other.n) < enough:
        return EVERYTHING
    per_arm = 2 * one.n * other.n / (one.n + other.n)
    radius = math.sqrt(one.variance / one.n + other.variance / other.n) * widening(per_arm, alpha)
    return other.mean - one.mean - radius, other.mean - one.mean + radius


def widening(n: float, alpha: float) -> float:
    """Standard errors on each side of a mean that cover it at all times; 1.96 would cover it at one, for 0.05."""
    rho2 = (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / SHARPEST
    return math.sqrt(2 * (n * rho2 + 1) / (n * rho2) * math.log(math.sqrt(n * rho2 + 1) / alpha))


def needed(effect: float, variance: float, alpha: float) -> int | None:
    """About how many results each arm needs until a difference of `effect` is told from none.

    `variance` is the sum of those of the two arms. `None` when a million each would not do.
    """
    if not effect or widening(1e6, alpha) * math.sqrt(variance / 1e6) > abs(effect):
        return None
    return math.ceil(_root(lambda n: widening(n, alpha) * math.sqrt(variance / n) <= abs(effect), float(ENOUGH), 1e6))


def multinomial_evidence(counts: Sequence[int], shares: Sequence[float], concentration: float) -> float:
    """The e-value against counts that come in `shares`, exact at any number of them.

    A Dirichlet mixture around the shares: Lindon and Malek, "Anytime-valid inference for multinomial count data"
    (2022); with two counts, Robbins' beta-binomial mixture (1970).
    """
    prior = [concentration * share for share in shares]
    log = math.lgamma(sum(prior)) - math.lgamma(sum(prior) + sum(counts))
    for count, share, p in zip(counts, shares, prior, strict=True):
        log += math.lgamma(p + count) - math.lgamma(p) - count * math.log(share)
    return math.exp(min(log, 700.0))


def rate_interval(successes: int, n: int, alpha: float) -> Interval:
    """Where a rate is, exact at any number of tries: the rates that a beta-binomial mixture does not exclude
    (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence
    sequences", 2021).
    """
    if not n:
        return 0.0, 1.0
    failures, edge = n - successes, 1e-9
    at = min(max(successes / n, edge), 1 - edge)
    mixture = math.lgamma(successes + 1) + math.lgamma(failures + 1) - math.lgamma(n + 2)

    def kept(rate: float) -> bool:
        return mixture - successes * math.log(rate) - failures * math.log1p(-rate) < -math.log(alpha)

    low = _root(kept, edge, at)
    high = _root(lambda rate: not kept(rate), at, 1 - edge)
    return (0.0 if low == edge else low), (1.0 if high == 1 - edge else high)


def betting_interval(differences: Mapping[float, int], alpha: float) -> Interval:
    """Where the mean of differences between −1 and 1 is, each with how often it was seen; exact at any number of them.

    Bets of several sizes on the difference: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
    betting" (2024), grid Kelly.
    """
    limit, turned = math.log(2 / alpha), {-difference: n for difference, n in differences.items()}
    low = _root(lambda mean: _won(differences, mean) < limit, -1.0, 1.0)
    high = _root(lambda mean: _won(turned, -mean) >= limit, -1.0, 1.0)
    return low, high


def more_wins(wins: int, losses: int, alpha: float) -> bool:
    """The lower end of `betting_interval` is above 0 for so many differences of 1 and of −1, those of 0 aside."""
    return wins > losses and _won({1.0: wins, -1.0: losses}, 0.0) >= math.log(2 / alpha)


def _won(differences: Mapping[float, int], mean: float) -> float:
    """The logarithm of what a stake of 1 has become by betting that the mean is higher; falls as `mean` rises."""
    logs = [
        stake + math.fsum(n * math.log1p(bet * (difference - mean)) for difference, n in differences.items())
        for stake, bet in zip(STAKES, BETS, strict=True)
    ]
    most = max(logs)
    return most + math.log(math.fsum(math.exp(log - most) for log in logs))


def _stakes() -> list[float]:
    """The logarithms of what is staked on each bet: half a normal distribution, its scale `USUAL_BET`."""
    edges = [0.0, *((low + high) / 2 for low, high in pairwise(BETS)), BOLDEST]
    stakes = [
        (high - low) * math.exp(-0.5 * (bet / USUAL_BET) ** 2)
        for bet, (low, high) in zip(BETS, pairwise(edges), strict=True)
    ]
    return [math.log(stake / sum(stakes)) for stake in stakes]


def _root(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where, between `low` and `high`, a condition begins to hold."""
    if holds(low):
        return low
    if not holds(high):
        return high
    while high - low > 1e-6 * max(1.0, abs(low)):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return (low + high) / 2


STAKES = _stakes()
