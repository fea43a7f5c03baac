"""From a request to the facts that a route decides from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from orchestra.routing.classify import Classifier
from orchestra.routing.facts import Facts, facts_of
from orchestra.routing.text import said
from orchestra.types import Request

TASK, SURE = "task", "task_confidence"
"""The labels of a request whose task a route has told."""

Asking = Callable[[Request], Awaitable[str | None]]
"""Asks somebody what kind of task a request is; `None` when that did not tell."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Finds the facts of a request.

    `classifier` tells the task where the caller does not say, `ask` where the classifier leaves it open; `traits` are
    the numbers of the text that a strategy learns from. Without them, only what the caller says counts.
    """

    classifier: Callable[[], Classifier] | None = None
    ask: Asking | None = None
    traits: Callable[[str, Facts], Mapping[str, float]] | None = field(default=None, repr=False)

    def read(self, request: Request) -> Facts:
        """The facts, as far as they are found here."""
        facts = facts_of(request)
        told = request.labels.get(TASK)
        if facts.task is None and told:
            facts = replace(facts, task=told, confidence=float(request.labels[SURE]))
        if (facts.task is not None or self.classifier is None) and self.traits is None:
            return facts
        text = said(request)
        if self.classifier is not None:
            facts = self.classifier().classified(facts, text)
        return facts if self.traits is None else replace(facts, traits=self.traits(text, facts))

    @staticmethod
    def labelled(request: Request, facts: Facts) -> Request:
        """The request with the task that was told, for the routes further down and for the ledger."""
        if facts.task is None or facts.confidence is None:
            return request
        return replace(request, labels={**request.labels, TASK: facts.task, SURE: f"{facts.confidence:g}"})

    async def asked(self, request: Request) -> Facts:
        """The facts, with the task asked for where nothing else tells it; that costs what the call costs."""
        facts = self.read(request)
        if facts.task is None and self.ask is not None and facts.call == "chat":
            task = await self.ask(request)
            facts = facts if task is None else replace(facts, task=task, confidence=1.0)
        return facts
