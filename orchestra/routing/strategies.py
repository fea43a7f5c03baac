"""Choosing by one quality of the models: the cheapest, the fastest, the best that can serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from orchestra.resilience.cooldown import Cooldowns
from orchestra.routing.arm import Arm, cheapest
from orchestra.routing.facts import Facts, facts_of
from orchestra.routing.rules import choose
from orchestra.types import Choice, Request

Order = Callable[[Arm, Facts], tuple[float, str]]
"""What an arm is sorted by, the smallest first, and the same in words."""

UNKNOWN = float("inf")


@dataclass(frozen=True, slots=True)
class Ordered:
    """Choose the first of `arms` by `order` that can serve, then the next; arms that are equal keep their order."""

    name: str
    arms: tuple[Arm, ...]
    order: Order
    fallback: tuple[Arm, ...] = ()
    find: Callable[[str], Arm] | None = field(default=None, repr=False, compare=False)
    cooldowns: Cooldowns = field(default_factory=Cooldowns, repr=False, compare=False)

    async def __call__(self, request: Request) -> Choice:
        return self.decide(facts_of(request), live=True)

    def decide(self, facts: Facts, live: bool = False) -> Choice:
        """The decision; `live` counts missing keys and cool-downs, else it is made as if every key were there."""
        scored = sorted(((*self.order(arm, facts), arm) for arm in self.arms), key=lambda row: row[0])
        candidates = [(self.name, said, arm) for _, said, arm in scored]
        if facts.preferred_model and self.find is not None:
            arm = self.find(facts.preferred_model)
            candidates.insert(0, ("preferred_model", f"the caller prefers {facts.preferred_model}", arm))
        return choose(candidates, self.fallback, facts, self.cooldowns if live else None, [])


def by_cost(arm: Arm, facts: Facts) -> tuple[float, str]:
    """The cheapest at this request's own mix of tokens; an unknown price comes last."""
    cost = cheapest(arm.members, facts)
    return (UNKNOWN, "price unknown") if cost is None else (float(cost), f"about ${cost:.6f}")


def by_speed(arm: Arm, facts: Facts) -> tuple[float, str]:
    """The fastest, as far as price tells: within a family and a provider the cheaper model is the smaller and faster.

    Providers that serve from their own inference hardware come first.
    """
    cost, said = by_cost(arm, facts)
    quick = any(member.provider in ("groq", "cerebras", "sambanova") for member in arm.members)
    return (cost / 100 if quick else cost), "fast inference hardware" if quick else f"a small model: {said}"


def by_quality(arm: Arm, facts: Facts) -> tuple[float, str]:
    """The best, as far as price tells: the dearest answer; a model of unknown price comes last."""
    prices = [m.card.output_usd_per_mtok or Decimal(0) for m in arm.members]
    price = max(prices, default=Decimal(0))
    return -float(price), f"${price:f} per million output tokens" if price else "price unknown"


ORDERS: dict[str, Order] = {"cost_optimized": by_cost, "speed_optimized": by_speed, "quality_optimized": by_quality}
