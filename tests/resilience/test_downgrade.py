"""Downgrades: a cheaper model when the budget has no room for the one that was asked."""

from __future__ import annotations

import pytest

from orchestra import BudgetExceeded, Downgrade, Request
from orchestra.testing import Scripted
from orchestra.types import Model

FULL = BudgetExceeded("no room", budget="daily")


def node(model: Scripted, *cheaper: Scripted, early: bool | None = None) -> Downgrade:
    async def reached(request: Request) -> bool:
        return bool(early)

    def offered(request: Request, refusal: BudgetExceeded | None) -> list[tuple[str, Model]]:
        return [(m.name, m) for m in cheaper]

    return Downgrade(model, frozenset({"daily"}), offered, None if early is None else reached)


async def test_while_there_is_room_the_asked_model_answers() -> None:
    """Nothing cheaper is asked."""
    cheap = Scripted("cheap")
    assert (await node(Scripted("asked"), cheap)(Request())).text == "asked"
    assert cheap.requests == []


async def test_without_room_the_first_that_fits_answers_and_the_note_says_so() -> None:
    """A cheaper one that does not fit either is followed by a free one."""
    response = await node(Scripted(FULL), Scripted(FULL, name="cheap"), Scripted("free", name="local"))(Request())
    assert response.text == "free"
    assert "budget 'daily' had no room: downgraded to local" in response.note


async def test_when_nothing_fits_the_first_refusal_is_raised() -> None:
    """It is the asked model's, which names the budget."""
    first = BudgetExceeded("first", budget="daily")
    with pytest.raises(BudgetExceeded, match="first"):
        await node(Scripted(first), Scripted(FULL))(Request())


async def test_a_budget_that_refuses_is_not_downgraded() -> None:
    """`on_exceeded: refuse` of another budget means what it says."""
    cheap = Scripted("cheap")
    with pytest.raises(BudgetExceeded):
        await node(Scripted(BudgetExceeded("no", budget="strict")), cheap)(Request())
    assert cheap.requests == []


async def test_from_its_share_on_the_cheaper_model_is_asked_at_once() -> None:
    """`downgrade_at` spares what is left; where nothing cheaper fits, the asked model is tried after all."""
    asked = Scripted("asked")
    assert (await node(asked, Scripted("cheap"), early=True)(Request())).text == "cheap"
    assert asked.requests == []
    assert (await node(asked, early=True)(Request())).text == "asked"
