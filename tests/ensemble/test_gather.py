"""Gather: many are asked at once, their money is held as one, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestra import (
    BudgetExceeded,
    ConfigError,
    Failure,
    Fallback,
    NoModelAvailable,
    Request,
    Response,
    Retry,
    Unavailable,
)
from orchestra.errors import LedgerError
from orchestra.gather import gather
from orchestra.ledger import Budget, Ledger, Ledgered, nano
from orchestra.testing import Scripted
from orchestra.types import Hold, Model, Want

from .support import Purse, nobody_else, settle


def members(*models: Model) -> list[tuple[str, Model]]:
    return [(f"m{n}", model) for n, model in enumerate(models)]


def scripted(n: int, *steps: Any, **options: Any) -> Scripted:
    return Scripted(list(steps) or f"answer {n}", name=f"m{n}", **options)


def texts(outcomes: Sequence[Any]) -> list[Any]:
    return [outcome.text if isinstance(outcome, Response) else outcome for outcome in outcomes]


async def test_outcomes_come_in_the_order_of_the_members_with_their_paths_and_without_the_sink() -> None:
    """Whoever is slow keeps its place; children see their own path and no stream."""
    slow, fast = scripted(0, delay_s=0.01), scripted(1)
    sink: Any = object()
    outcomes = await gather(members(slow, fast), Request(path=("panel",), sink=sink))
    assert texts(outcomes) == ["answer 0", "answer 1"]
    assert [model.requests[0].path for model in (slow, fast)] == [("panel", "m0"), ("panel", "m1")]
    assert slow.requests[0].sink is None


async def test_nobody_is_asked_of_nobody() -> None:
    """No members, no outcomes."""
    assert await gather([], Request()) == []


async def test_a_member_that_fails_is_a_failure_and_the_others_answer() -> None:
    """An error of one model, and one that no model could be found for, are listed."""

    async def unroutable(request: Request) -> Response:
        raise NoModelAvailable("none is able")

    outcomes = await gather(members(scripted(0, Unavailable("down")), unroutable, scripted(2)), Request())
    first, second, third = outcomes
    assert isinstance(first, Failure)
    assert isinstance(second, Failure)
    assert (first.name, type(first.error), type(second.error)) == ("m0", Unavailable, NoModelAvailable)
    assert texts([third]) == ["answer 2"]


async def test_a_mistake_cancels_the_siblings_and_is_raised_as_itself() -> None:
    """What is not the failure of a model ends the whole, after the siblings have cleaned up."""
    cleaned = asyncio.Event()

    async def working(request: Request) -> Response:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            cleaned.set()
        raise AssertionError

    async def mistaken(request: Request) -> Response:
        await asyncio.sleep(0.001)
        raise ConfigError("no such thing")

    with pytest.raises(ConfigError, match="no such thing"):
        await gather(members(working, mistaken), Request())
    assert cleaned.is_set()
    assert await nobody_else()


async def test_a_stop_cancels_those_at_work_and_waits_for_them() -> None:
    """The third is closed: its hold is booked, its attempt is in the journal, its outcome is None."""
    purse = Purse()
    told: list[int] = []

    def two(n: int, outcome: Any) -> bool:
        told.append(n)
        return len(told) == 2

    request = Request(budgets=purse)
    outcomes = await gather(members(scripted(0), scripted(1, delay_s=60), scripted(2)), request, on_done=two)
    assert texts(outcomes) == ["answer 0", None, "answer 2"]
    assert told == [0, 2]
    assert [held.ends for held in purse.holds] == [1, 1, 1]
    assert sorted(attempt.error or "" for attempt in request.journal) == ["", "", "CancelledError"]
    assert await nobody_else()


async def test_a_member_that_cancels_itself_keeps_nobody_waiting() -> None:
    """It has no outcome; its siblings are granted their money without it."""

    async def gone(request: Request) -> Response:
        raise asyncio.CancelledError

    outcomes = await asyncio.wait_for(gather(members(scripted(0), gone), Request(budgets=Purse())), 5)
    assert texts(outcomes) == ["answer 0", None]


@pytest.mark.parametrize(
    ("broken", "raised"), [(RuntimeError("a bug"), RuntimeError), (asyncio.CancelledError(), LedgerError)]
)
async def test_books_that_break_are_raised_as_themselves(broken: BaseException, raised: type[Exception]) -> None:
    """Whatever a reservation raises, nobody waits for it for ever, and it comes in no group."""

    class Broken(Purse):
        async def reserve(self, wants: Sequence[Want]) -> Sequence[Hold]:
            await asyncio.sleep(0)
            raise broken

    with pytest.raises(raised):
        await asyncio.wait_for(gather(members(scripted(0), scripted(1)), Request(budgets=Broken())), 5)
    assert await nobody_else()


async def test_first_reservations_are_one() -> None:
    """All members' money is asked for together; a retry's goes straight through."""
    purse = Purse()
    again = Retry(scripted(0, Unavailable("down"), "up"), sleep=settle_now)
    outcomes = await gather(members(again, scripted(1, delay_s=0.01)), Request(budgets=purse))
    assert texts(outcomes) == ["up", "answer 1"]
    assert purse.asked == [["m0", "m1"], ["m0"]]


async def settle_now(_: float) -> None:
    await asyncio.sleep(0)


async def test_who_ends_without_reserving_has_arrived() -> None:
    """A member that fails before it asks for money does not hold up the others."""

    async def keyless(request: Request) -> Response:
        await asyncio.sleep(0.001)
        raise Unavailable("no key")

    purse = Purse()
    await gather(members(scripted(0), keyless, scripted(2)), Request(budgets=purse))
    assert purse.asked == [["m0", "m2"]]


async def test_all_are_refused_together() -> None:
    """Two would fit: none is called, nothing is held, and the refusal is raised."""
    purse = Purse("0.002")
    with pytest.raises(BudgetExceeded):
        await gather(members(scripted(0), scripted(1), scripted(2)), request := Request(budgets=purse))
    assert (purse.holds, request.journal) == ([], [])
    assert await nobody_else()


async def test_no_room_for_a_later_call_is_that_members_failure() -> None:
    """What was granted together goes on when a further call of one member is refused."""
    purse = Purse("0.002")

    async def twice(request: Request) -> Response:
        await Scripted("first", name="a")(request)
        return await Scripted("second", name="b")(request)

    first, second = await gather(members(twice, scripted(1)), Request(budgets=purse))
    assert isinstance(first, Failure)
    assert isinstance(first.error, BudgetExceeded)
    assert texts([second]) == ["answer 1"]


def bounding(name: str, quick: str, exact: str | None, turns: int = 3) -> Model:
    """A model that, refused at a quick bound, comes again with an exact one; as the leaf does."""

    async def model(request: Request) -> Response:
        want = Want(id=name, request=request.id, model=name, provider="p", most_usd=Decimal(quick))
        try:
            (hold,) = await request.budgets.reserve([want])
        except BudgetExceeded:
            if exact is None:
                raise
            await settle(turns)
            (hold,) = await request.budgets.reserve([replace(want, most_usd=Decimal(exact))])
        hold.release()
        return Response(text=name, model=name)

    return model


async def test_exact_bounds_are_reserved_together_too() -> None:
    """Refused at their quick bounds, both come again, at their own pace, and are granted at once."""
    purse = Purse("3")
    outcomes = await gather(members(bounding("a", "2", "1"), bounding("b", "2", "2", 9)), Request(budgets=purse))
    assert texts(outcomes) == ["a", "b"]
    assert purse.asked == [["a", "b"], ["a", "b"]]


async def test_one_that_has_no_exact_bound_refuses_the_whole() -> None:
    """Whoever could do with less does not go on alone."""
    purse = Purse("3")
    with pytest.raises(BudgetExceeded):
        await asyncio.wait_for(
            gather(members(bounding("a", "2", "1", 0), bounding("b", "2", None)), Request(budgets=purse)), 5
        )
    assert purse.holds == []


async def test_meeting_points_nest() -> None:
    """The first reservation of an ensemble within an ensemble is that of all its members."""
    purse = Purse()

    async def inner(request: Request) -> Response:
        outcomes = await gather(members(scripted(1), scripted(2, delay_s=0.01)), request)
        return Response(text=" ".join(texts(outcomes)), model="inner")

    outcomes = await gather(members(scripted(0), inner), Request(budgets=purse))
    assert texts(outcomes) == ["answer 0", "answer 1 answer 2"]
    assert purse.asked == [["m0", "m1", "m2"]]


async def test_who_waits_for_a_sibling_says_so_at_any_depth() -> None:
    """A joined cache hit reserves nothing: `reserve(())` lets the others go on, also out of an inner ensemble."""
    purse, landed = Purse(), asyncio.Event()

    async def leads(request: Request) -> Response:
        response = await scripted(0)(request)
        landed.set()
        return response

    async def joins(request: Request) -> Response:
        await request.budgets.reserve(())
        await landed.wait()
        return Response(text="joined", model="m1")

    async def inner(request: Request) -> Response:
        (outcome,) = await gather([("joins", joins)], request)
        assert isinstance(outcome, Response)
        return outcome

    outcomes = await asyncio.wait_for(gather(members(leads, inner, joins), Request(budgets=purse)), 5)
    assert texts(outcomes) == ["answer 0", "joined", "joined"]
    assert [names for names in purse.asked if names] == [["m0"]]


async def test_a_ledger_holds_all_or_none(tmp_path: Path) -> None:
    """On the real books: a trio that fits is held in one transaction, one that does not leaves no trace."""
    ledger = Ledger(tmp_path / "ledger.db")
    budgets = Ledgered(ledger=ledger, budgets=(Budget(name="b", limit_nano=nano("0.005")),), patience_s=0)
    trio = members(scripted(0), scripted(1), scripted(2))
    await gather(trio, Request(budgets=budgets))
    with pytest.raises(BudgetExceeded):
        await gather(trio, Request(budgets=budgets))
    ledger.flush()
    assert (len(ledger.entries()), ledger.holds(), ledger.audit()) == (3, [], [])
    ledger.close()


Kind = st.sampled_from(["answer", "fail", "fail first", "wait for others", "twice", "fall back"])


def child(n: int, kind: str, turns: int) -> Model:
    async def model(request: Request) -> Response:
        await settle(turns)
        own = scripted(n, Unavailable("down") if kind == "fail" else "ok")
        match kind:
            case "fail first":
                raise Unavailable("no key")
            case "wait for others":
                await request.budgets.reserve(())
                await settle(10)
            case "twice":
                await own(request)
            case "fall back":
                return await Fallback(members(scripted(n, Unavailable("down")), own))(request)  # type: ignore[arg-type]
        return await own(request)

    return model


plans = st.lists(st.tuples(Kind, st.integers(0, 6)), min_size=1, max_size=5)


def own_first(kinds: Sequence[str]) -> list[str]:
    return [f"m{n}" for n, kind in enumerate(kinds) if kind not in ("fail first", "wait for others")]


def build(plan: Sequence[tuple[str, int]], nested: bool) -> list[tuple[str, Model]]:
    flat = members(*(child(n, kind, turns) for n, (kind, turns) in enumerate(plan)))
    if not nested or len(flat) < 2:
        return flat

    async def inner(request: Request) -> Response:
        await gather(flat[1:], request)
        return Response(text="inner", model="inner")

    return [flat[0], ("inner", inner)]


@settings(max_examples=120)
@given(plans, st.booleans(), st.integers(0, 12), st.integers(0, 3))
@example([("answer", 0), ("answer", 6), ("wait for others", 0)], True, 2, 3)
def test_first_reservations_are_granted_together_or_none_is(
    plan: Sequence[tuple[str, int]], nested: bool, room: int, turns: int
) -> None:
    """Whatever the members do, at whatever pace and depth: one reservation for all firsts; refused, no call at all."""

    async def run() -> None:
        purse = Purse(f"0.{room:03}", turns)
        request = Request(budgets=purse)
        firsts = own_first([kind for kind, _ in plan])
        try:
            await asyncio.wait_for(gather(build(plan, nested), request), 10)
        except BudgetExceeded:
            assert room < len(firsts)
            assert not [held for held in purse.holds if held.want.model in firsts]
        else:
            assert room >= len(firsts)
            if firsts:
                assert any(sorted(together) == firsts for together in purse.asked)
        assert {held.ends for held in purse.holds} <= {1}
        assert await nobody_else()

    asyncio.run(run())


@settings(max_examples=120)
@given(plans, st.booleans(), st.integers(0, 40), st.integers(0, 3))
def test_cancelled_anywhere_every_hold_is_settled_once(
    plan: Sequence[tuple[str, int]], nested: bool, step: int, turns: int
) -> None:
    """At any await: no task runs on, and what was held is booked or given back, once."""

    async def run() -> None:
        purse = Purse(turns=turns)
        task = asyncio.ensure_future(gather(build(plan, nested), request := Request(budgets=purse)))
        await settle(step)
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.done()
        assert [held.ends for held in purse.holds] == [1] * len(purse.holds)
        assert len(request.journal) == len(purse.holds) - purse.released
        assert await nobody_else()

    asyncio.run(run())
