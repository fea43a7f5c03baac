"""Laws of every node that asks several: the cost of the tree, what is left running, what a failure costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra import BudgetExceeded, ModelError, Request, Unavailable
from orchestra.ensemble import Cascade, Vote
from orchestra.testing import Scripted
from orchestra.types import Model

from .support import Purse, nobody_else, settle

Members = tuple[tuple[str, Model], ...]

NODES: dict[str, Callable[[Members], Model]] = {
    "vote": Vote,
    "vote decided": lambda members: Vote(members, stop="decided"),
    "vote launched together": lambda members: Vote(members, stop="decided", launch="all"),
    "vote otherwise": lambda members: Vote(members[1:], otherwise=members[0]),
    "cascade": Cascade,
    "cascade of votes": lambda members: Cascade((("cheap", Vote(members[1:], stop="decided")), members[0])),
    "vote of votes": lambda members: Vote((("inner", Vote(members[1:])), members[0])),
}  # fmt: skip


def members(plan: Sequence[tuple[str, int]], leaves: list[Scripted] | None = None) -> Members:
    made = [
        Scripted(Unavailable("down") if reply == "fail" else reply, name=f"m{n}", cost_usd=f"0.00{cents}")
        for n, (reply, cents) in enumerate(plan)
    ]
    if leaves is not None:
        leaves += made
    return tuple((leaf.name, leaf) for leaf in made)


plans = st.lists(st.tuples(st.sampled_from(["1", "2", "fail"]), st.integers(1, 9)), min_size=3, max_size=5)


@pytest.mark.parametrize("kind", NODES)
@settings(max_examples=25, report_multiple_bugs=False)
@given(plan=plans, room=st.none() | st.integers(0, 30))
def test_the_cost_of_the_tree_is_that_of_its_leaves(kind: str, plan: list[tuple[str, int]], room: int | None) -> None:
    """Every call is in the journal once, at what it cost; every hold is settled once; a failure too."""

    async def run() -> None:
        purse, leaves = Purse("1000" if room is None else f"0.{room:03}"), []
        request = Request(budgets=purse)
        node = NODES[kind](members(plan, leaves))
        with_answer = True
        try:
            response = await node(request)
        except (ModelError, BudgetExceeded):
            with_answer = False
        paid = sum((attempt.usage.cost or Decimal(0) for attempt in request.journal), Decimal(0))
        granted = [held.want.model for held in purse.holds]
        assert sorted(granted) == sorted(attempt.name for attempt in request.journal)
        assert [held.ends for held in purse.holds] == [1] * len(granted)
        of = {leaf.name: leaf.cost_usd or Decimal(0) for leaf in leaves}
        assert paid == sum((of[a.name] for a in request.journal if a.basis != "void"), Decimal(0))
        assert all(a.basis == "void" for a in request.journal if a.error == "Unavailable")
        assert not with_answer or response.text in ("1", "2")
        assert await nobody_else()

    asyncio.run(run())


@pytest.mark.parametrize("kind", NODES)
@settings(max_examples=25, report_multiple_bugs=False)
@given(plan=plans, step=st.integers(0, 60))
def test_cancelled_at_any_await_nothing_is_left(kind: str, plan: list[tuple[str, int]], step: int) -> None:
    """No task runs on; what was held is booked or given back."""

    async def run() -> None:
        purse = Purse(turns=2)
        task = asyncio.ensure_future(NODES[kind](members(plan))(request := Request(budgets=purse)))  # type: ignore[arg-type]
        await settle(step)
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.done()
        assert task.cancelled() or task.exception() is None or isinstance(task.exception(), ModelError)
        assert [held.ends for held in purse.holds] == [1] * len(purse.holds)
        assert len(request.journal) == len(purse.holds) - purse.released
        assert await nobody_else()

    asyncio.run(run())


@pytest.mark.parametrize("kind", NODES)
async def test_a_child_sees_no_sink_unless_its_answer_is_the_last_word(kind: str) -> None:
    """Members that are weighed up push nothing; the request is not changed."""
    leaves: list[Scripted] = []

    class Sink:
        started = False

        async def push(self, chunk: Any) -> None:
            self.started = True

    sink = Sink()
    request = Request(sink=sink)
    response = await NODES[kind](members([("1", 1), ("2", 1), ("2", 1), ("1", 1)], leaves))(request)
    streamed = [leaf.name for leaf in leaves for asked in leaf.requests if asked.sink is not None]
    assert len(streamed) <= 1
    assert sink.started == bool(streamed)
    assert not streamed or response.model == streamed[0]
    assert request.path == ()
