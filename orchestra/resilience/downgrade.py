"""A cheaper model when the budget has no room for the one that was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace

from orchestra.errors import BudgetExceeded
from orchestra.events import BUDGET_DOWNGRADED, emit
from orchestra.types import Failure, Model, Request, Response

Cheaper = Callable[[Request, BudgetExceeded | None], Iterable[tuple[str, Model]]]
"""The models to ask instead, the first first; free ones last. What was refused says which budget it was."""


@dataclass(frozen=True, slots=True)
class Downgrade:
    """Ask `model`; where a budget that allows it has no room, ask the first of `cheaper` that fits, then a free one.

    `early(request)` is True when a share of a budget is spent from which the cheaper model is asked at once. Raises the
    refusal of `model` when nothing cheaper fits, or when the budget that refused is not one of `budgets`.
    """

    model: Model
    budgets: frozenset[str]
    cheaper: Cheaper = field(repr=False)
    early: Callable[[Request], Awaitable[bool]] | None = field(default=None, repr=False)

    async def __call__(self, request: Request) -> Response:
        refusal: BudgetExceeded | None = None
        if self.early is None or not await self.early(request):
            try:
                return await self.model(request)
            except BudgetExceeded as full:
                if full.budget not in self.budgets or request.started:
                    raise
                refusal = full
        for name, model in self.cheaper(request, refusal):
            try:
                response = await model(request.at(name))
            except BudgetExceeded as full:
                refusal = refusal or full
                continue
            emit(BUDGET_DOWNGRADED, request=request.id, budget=refusal.budget if refusal else None, model=name)
            why = f"budget {refusal.budget!r} had no room" if refusal else "most of the budget is spent"
            note = f"{why}: downgraded to {name}"
            failures = (Failure(name="asked", error=refusal),) if refusal else ()
            return replace(
                response,
                note="; ".join(part for part in (note, response.note) if part),
                sources=(*failures, replace(response, sources=())),
            )
        if refusal is not None:
            raise refusal
        return await self.model(request)
