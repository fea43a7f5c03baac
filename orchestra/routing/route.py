"""A model chosen for each request, and others to fall back on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from orchestra.events import ROUTE_CHOSEN, emit
from orchestra.resilience.fallback import Fallback
from orchestra.routing.arm import Arm
from orchestra.routing.facts import Facts
from orchestra.types import Choice, Request, Response


class Decider(Protocol):
    """A strategy whose decision can also be asked for without a call."""

    async def __call__(self, request: Request) -> Choice: ...

    def decide(self, facts: Facts, live: bool = False) -> Choice:
        """The decision for these facts."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """Let `strategy` choose an arm for each request, and fall back along its chain when that fails.

    `find` resolves an arm that the strategy took from the request (a preferred model).
    """

    strategy: Decider
    arms: Mapping[str, Arm]
    find: Callable[[str], Arm] | None = field(default=None, repr=False, compare=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        choice = await self.strategy(request)
        emit(ROUTE_CHOSEN, request=request.id, arm=choice.arm, rule=choice.rule, reason=choice.reason)
        chain = tuple((name, self._arm(name).model) for name in choice.chain)
        # Whoever is chosen decides for itself from here on: a preference is spent.
        response = await Fallback(chain, self.clock)(replace(request, preferred_model=None))
        if response.choice is not None:
            response = replace(response, sources=response.sources or (replace(response, sources=()),))
        return replace(response, choice=choice)

    def _arm(self, name: str) -> Arm:
        arm = self.arms.get(name)
        if arm is None and self.find is not None:
            return self.find(name)
        assert arm is not None
        return arm
