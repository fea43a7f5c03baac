"""Requests spread at random over arms that are as good as each other: keys, regions, servers of one model."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestra.resilience.cooldown import Cooldowns
from orchestra.routing.arm import Arm
from orchestra.routing.facts import Facts, facts_of
from orchestra.routing.rules import choose
from orchestra.types import Choice, Request


@dataclass(frozen=True, slots=True)
class Spread:
    """The strategy of `kind: spread`: draw one of `arms` by its weight; the others come after it, as they are drawn.

    Drawn without replacement (Efraimidis and Spirakis, 2006); a weight of 0 is asked only when all others failed.
    """

    arms: tuple[Arm, ...]
    weights: tuple[float, ...]
    cooldowns: Cooldowns = field(default_factory=Cooldowns, repr=False, compare=False)
    uniform: Callable[[float, float], float] = field(default=random.uniform, repr=False, compare=False)

    async def __call__(self, request: Request) -> Choice:
        return self.decide(facts_of(request), live=True)

    def decide(self, facts: Facts, live: bool = False) -> Choice:
        """The decision, drawn anew each time; `live` counts missing keys and cool-downs."""
        drawn = sorted(zip(map(self._turn, self.weights), self.weights, self.arms, strict=True), key=lambda row: row[0])
        candidates = [("spread", f"drawn at random, weight {weight:g}", arm) for _, weight, arm in drawn]
        return choose(candidates, (), facts, self.cooldowns if live else None, [])

    def _turn(self, weight: float) -> float:
        return -math.log(1 - self.uniform(0, 1)) / weight if weight else math.inf
