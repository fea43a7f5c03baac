"""Requests spread at random over arms that are as good as each other: keys, regions, servers of one model."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestra.routing.arm import Arm
from orchestra.routing.choose import Measures
from orchestra.routing.facts import Facts
from orchestra.routing.strategies import Place

TURN = "turn"


@dataclass(frozen=True, slots=True)
class Spread:
    """`spread`: an arm drawn by its weight, anew for each request; the others come after it, as they are drawn.

    Drawn without replacement (Efraimidis and Spirakis, 2006); a weight of 0 is asked only when all others failed.
    """

    weights: Mapping[str, float]
    uniform: Callable[[float, float], float] = field(default=random.uniform, repr=False, compare=False)
    name: str = "spread"

    def measure(self, arms: Sequence[Arm], facts: Facts) -> Measures:
        return {arm.name: {TURN: self._turn(self.weights[arm.name])} for arm in arms}

    def rank(self, measured: Measures, facts: Facts) -> Mapping[str, Place]:
        return {
            name: Place((drawn[TURN],), f"drawn at random, weight {self.weights[name]:g}")
            for name, drawn in measured.items()
        }

    def _turn(self, weight: float) -> float:
        return -math.log(1 - self.uniform(0, 1)) / weight if weight else math.inf
