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


def top_two(arms: Mapping[str, Moments], chance: Random) -> str:
    """The arm of the next unit: the best in a world drawn from what is believed, or the one hardest to tell from it.

    Russo, "Simple Bayesian algorithms for best-arm identification" (2020), with the challenger of Shang et al. (T3C,
    2020); of the two, the one from which a result tells more about their difference (Qin and You, 2023).
    """
    new = [arm for arm, known in arms.items() if known.n < AT_FIRST]
    if new or chance.random() < FLOOR:
        return chance.choice(new or list(arms))
    errors = {arm: _variance(known) / known.n for arm, known in arms.items()}
    drawn = {arm: chance.gauss(known.mean, math.sqrt(errors[arm])) for arm, known in arms.items()}
    best = max(drawn, key=lambda arm: drawn[arm])

    def apart(arm: str) -> float:
        return max(0.0, arms[best].mean - arms[arm].mean) / math.sqrt(errors[best] + errors[arm])

    challenger = min((arm for arm in arms if arm != best), key=lambda arm: (apart(arm), arms[arm].n))
    tells = errors[best] / (errors[best] + errors[challenger])
    return best if chance.random() < tells else challenger


def _variance(known: Moments) -> float:
    """That of the values, a little larger: a few equal ones do not prove that all are."""
    return (known.variance * known.n + max(known.mean * known.mean, 1e-12) * 0.25) / (known.n + 1)
