"""Requests shared out between models or whole policies, every unit always to the same one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from orchestra.errors import LedgerError
from orchestra.events import ROUTE_CHOSEN, emit
from orchestra.prompting.assignment import Assigned, sticky
from orchestra.prompting.experiment import Experiment
from orchestra.prompting.observed import joined
from orchestra.routing.arm import Arm
from orchestra.routing.facts import Facts, facts_of
from orchestra.types import Choice, Request, Response


@dataclass(frozen=True, slots=True)
class Split:
    """Ask the arm that belongs to the request's unit: the value of its tag `by`, else the request itself.

    `name` makes splits independent of each other. Under an `experiment` that says which arm, and learns what comes of
    it. Where an arm fails, the request fails: nothing falls back on another arm.
    """

    name: str
    arms: Mapping[str, Arm]
    weights: Mapping[str, float]
    by: str | None = None
    experiment: Experiment | None = field(default=None, compare=False)

    async def __call__(self, request: Request) -> Response:
        if self.experiment is not None and not self.experiment.known:
            await asyncio.to_thread(_refreshed, self.experiment)
        unit = request.tags.get(self.by or "") or request.id
        assigned = self._assigned(unit)
        choice = self._choice(assigned, facts_of(request), unit)
        emit(ROUTE_CHOSEN, request=request.id, arm=choice.arm, rule=choice.rule, reason=choice.reason)
        if self.experiment is not None and assigned.counts:
            self.experiment.expose(assigned.arm, unit)
            request = replace(request, labels=joined(request.labels, self.experiment.name, assigned.arm))
        response = await self.arms[assigned.arm].model(request.at(assigned.arm))
        if response.choice is not None:
            response = replace(response, sources=response.sources or (replace(response, sources=()),))
        return replace(response, choice=choice)

    def explain(self, request: Request, live: bool = False) -> Choice:
        """The decision for a request, without a call; where it hangs on the request alone, the likeliest arm."""
        facts = facts_of(request)
        if self.experiment is not None and not self.experiment.known:
            _refreshed(self.experiment)
        unit = facts.tags.get(self.by or "")
        if unit or (self.experiment is not None and not self.experiment.runs):
            return self._choice(self._assigned(unit or ""), facts, unit)
        odds = ", ".join(f"{arm} {share:.0%}" for arm, share in self.weights.items())
        likeliest = max(self.weights, key=lambda arm: self.weights[arm])
        return self._choice(Assigned(likeliest, f"every request by itself: {odds}", False), facts, None)

    def _assigned(self, unit: str) -> Assigned:
        if self.experiment is None:
            return Assigned(sticky(self.name, unit, self.weights), "by unit", False)
        return self.experiment.assign(unit if self.experiment.by_unit else None)

    def _choice(self, assigned: Assigned, facts: Facts, unit: str | None) -> Choice:
        return Choice(
            arm=self.arms[assigned.arm].name,
            rule=f"split {self.name}",
            reason=f"arm {assigned.arm!r}: {assigned.reason}",
            passed_over=tuple(
                (arm.name, f"is the arm {label!r}") for label, arm in self.arms.items() if label != assigned.arm
            ),
            features=facts.shown(),
            chain=(self.arms[assigned.arm].name,),
            record={"split": self.name, "unit": unit, "weights": dict(self.weights), "arm": assigned.arm},
        )


def _refreshed(experiment: Experiment) -> None:
    """Learn how it stands before the first decision; where the ledger can't be read, it does not run."""
    with suppress(LedgerError):
        experiment.refresh()
