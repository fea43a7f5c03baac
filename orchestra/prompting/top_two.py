"""More often the arms that may be the best: top-two Thompson sampling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random

from orchestra.prompting.sequences import Moments

AT_FIRST = 10
"""Results of each arm before what they say counts."""
FLOOR = 0.1
"""Of the units, how many go to any arm alike, so that the losers stay estimable."""
TRIES = 50


def top_two(arms: Mapping[str, Moments], chance: Random) -> str:
    """The arm of the next unit: in half of the cases the best, in the others the best of the rest, in a world drawn
    from what is believed (Russo, "Simple Bayesian algorithms for best-arm identification", 2020).
    """
    fewest = min(arms, key=lambda arm: arms[arm].n)
    if arms[fewest].n < AT_FIRST:
        return chance.choice([arm for arm in arms if arms[arm].n < AT_FIRST])
    if chance.random() < FLOOR:
        return chance.choice(list(arms))
    best = _best(arms, chance)
    if chance.random() < 0.5:
        return best
    for _ in range(TRIES):
        other = _best(arms, chance)
        if other != best:
            return other
    return max((arm for arm in arms if arm != best), key=lambda arm: arms[arm].mean)


def _best(arms: Mapping[str, Moments], chance: Random) -> str:
    """The best arm in one world drawn from what is believed of the means."""
    drawn = {arm: chance.gauss(known.mean, math.sqrt(_variance(known) / known.n)) for arm, known in arms.items()}
    return max(drawn, key=lambda arm: drawn[arm])


def _variance(known: Moments) -> float:
    """That of the values, a little larger: a few equal ones do not prove that all are."""
    return (known.variance * known.n + max(abs(known.mean), 1e-9) * 0.25) / (known.n + 1)
