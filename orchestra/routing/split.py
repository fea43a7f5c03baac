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
from orchestra.routing.facts import facts_of
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
        assigned = self._assigned(request)
        choice = self._choice(assigned, request)
        emit(ROUTE_CHOSEN, request=request.id, arm=choice.arm, rule=choice.rule, reason=choice.reason)
        if self.experiment is not None and assigned.counts:
            self.experiment.expose(assigned.arm, self._unit(request))
            request = replace(request, labels=joined(request.labels, self.experiment.name, assigned.arm))
        response = await self.arms[assigned.arm].model(request.at(assigned.arm))
        if response.choice is not None:
            response = replace(response, sources=response.sources or (replace(response, sources=()),))
        return replace(response, choice=choice)

    def explain(self, request: Request, live: bool = False) -> Choice:
        """The decision for a request, without a call."""
        if self.experiment is not None and not self.experiment.known:
            _refreshed(self.experiment)
        return self._choice(self._assigned(request), request)

    def _unit(self, request: Request) -> str:
        return request.tags.get(self.by or "") or request.id

    def _assigned(self, request: Request) -> Assigned:
        unit = self._unit(request)
        if self.experiment is None:
            return Assigned(sticky(self.name, unit, self.weights), "by unit", False)
        return self.experiment.assign(unit if self.experiment.by_unit else None)

    def _choice(self, assigned: Assigned, request: Request) -> Choice:
        unit, arm = self._unit(request), self.arms[assigned.arm].name
        said = f"arm {assigned.arm!r}: {assigned.reason}"
        if unit == request.id and (self.experiment is None or self.experiment.runs):
            odds = ", ".join(f"{label} {share:.0%}" for label, share in self.weights.items())
            said += f"; every request by itself ({odds})"
        others = [(other.name, f"is the arm {label!r}") for label, other in self.arms.items() if label != assigned.arm]
        return Choice(
            arm=arm,
            rule=f"split {self.name}",
            reason=said,
            passed_over=tuple(others),
            features=facts_of(request).shown(),
            chain=(arm,),
            record={"split": self.name, "unit": unit, "weights": dict(self.weights), "arm": assigned.arm},
        )


def _refreshed(experiment: Experiment) -> None:
    """Learn how it stands before the first decision; where the ledger can't be read, it does not run."""
    with suppress(LedgerError):
        experiment.learn()
