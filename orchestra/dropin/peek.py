"""A look at the budgets before a stream is handed out, because what it raises later is raised in the reader's loop."""

from __future__ import annotations

from contextlib import suppress

from orchestra.api import MultiModelAPI, decided
from orchestra.door import door
from orchestra.errors import BudgetBusy, LedgerError
from orchestra.routing import facts_of
from orchestra.routing.arm import expected_usd, unable
from orchestra.settings.flat import DEFAULT
from orchestra.types import Request, Want, new_id


def peek(api: MultiModelAPI, request: Request) -> None:
    """Raise what refuses the request already now: no model for it, or a budget without room for the cheapest.

    Money is held for a moment and given back; where a budget would have a cheaper model asked, nothing is refused here.
    """
    budgets = api.tree.money.budgets
    arm = api.tree.find(request.model or DEFAULT)
    facts = facts_of(request)
    with suppress(LedgerError):  # whether the books have to be kept for this call, the hold says
        decided(arm, request, live=True)
    if not budgets or any(budget.on_exceeded == "downgrade" for budget in budgets):
        return
    able = [(model, expected_usd(model, facts)) for model in arm.members if unable(model, facts) is None]
    priced = [(cost, model) for model, cost in able if cost is not None]
    if not priced or len(priced) < len(able):
        return
    cost, model = min(priced, key=lambda row: row[0])
    want = Want(
        id=new_id(),
        request=request.id,
        model=model.model,
        provider=model.provider,
        most_usd=cost,
        free=model.card.free,
        tags=request.tags,
        deadline=api.tree.runtime.clock(),
    )

    async def held() -> None:
        for hold in await api.tree.money.reserve([want]):
            hold.release()

    with suppress(BudgetBusy):  # there may be room when the stream is read
        door.run(held)
