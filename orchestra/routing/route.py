"""A model chosen for each request, and others to fall back on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from orchestra.events import ROUTE_CHOSEN, emit
from orchestra.resilience.fallback import Fallback
from orchestra.routing.arm import Arm
from orchestra.routing.choose import Measures, Now, Then
from orchestra.routing.diary import Diary
from orchestra.routing.facts import Facts
from orchestra.routing.purse import Purse
from orchestra.routing.reader import Reader
from orchestra.types import NOTHING, Choice, Request, Response


class Decider(Protocol):
    """A strategy: which arm, and why, from the facts of a request."""

    def decide(self, facts: Facts, live: bool = False) -> Choice:
        """The decision for these facts."""
        ...

    def decided(self, facts: Facts, measured: Measures, stands: Now | Then) -> Choice:
        """The decision from all that it depends on; the same whenever it is made."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """Let `strategy` choose an arm for each request, and fall back along its chain when that fails.

    `find` resolves an arm that the strategy took from the request (a preferred model). `origin` says whose decisions
    they are: the policy, and the version and hash of its file.
    """

    strategy: Decider
    arms: Mapping[str, Arm]
    find: Callable[[str], Arm] | None = field(default=None, repr=False, compare=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)
    reader: Reader = field(default=Reader(), repr=False, compare=False)
    origin: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    diary: Diary | None = field(default=None, repr=False, compare=False)
    purse: Purse | None = field(default=None, repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        facts = await self.reader.asked(request)
        choice = self._signed(self.strategy.decide(facts, live=True))
        emit(ROUTE_CHOSEN, request=request.id, arm=choice.arm, rule=choice.rule, reason=choice.reason)
        if self.diary is not None:
            self.diary.chosen(request, choice)
        chain = tuple((name, self._arm(name).model) for name in choice.chain)
        # Whoever is chosen decides for itself from here on: a preference is spent.
        below = replace(self.reader.labelled(request, facts), preferred_model=None)
        response = await Fallback(chain, self.clock)(below)
        if self.diary is not None:
            self.diary.answered(request, choice, response)
        if response.choice is not None:
            response = replace(response, sources=response.sources or (replace(response, sources=()),))
        return replace(response, choice=choice)

    def explain(self, request: Request, live: bool = False) -> Choice:
        """The decision for a request, without a call: a task that a model would be asked for stays open.

        A `live` one reads what is left of the budgets, and raises `LedgerError` where that can't be read and has to be.
        """
        if live and self.purse is not None:
            self.purse.now()
        return self._signed(self.strategy.decide(self.reader.read(request), live))

    def again(self, record: Mapping[str, Any]) -> Choice:
        """The decision that `record` is of, made anew from nothing else."""
        stands = Then(record.get("standing", NOTHING))
        return self._signed(
            self.strategy.decided(Facts.of(record.get("facts", NOTHING)), record.get("measured", NOTHING), stands)
        )

    def _signed(self, choice: Choice) -> Choice:
        return replace(choice, record={**self.origin, **choice.record}) if self.origin else choice

    def _arm(self, name: str) -> Arm:
        arm = self.arms.get(name)
        if arm is None and self.find is not None:
            return self.find(name)
        assert arm is not None
        return arm


class Deciding(Protocol):
    """A node that chooses one of its arms for each request."""

    @property
    def arms(self) -> Mapping[str, Arm]:
        """What it chooses from."""
        ...

    def explain(self, request: Request, live: bool = False) -> Choice:
        """What it chooses for a request, without a call."""
        ...


def route_of(arm: Arm) -> Deciding | None:
    """The node of an arm that decides, whatever is wrapped around it; `None` when nothing does."""
    node: Any = arm.model
    while not callable(getattr(node, "explain", None)) and callable(getattr(node, "model", None)):
        node = node.model
    return node if callable(getattr(node, "explain", None)) else None
