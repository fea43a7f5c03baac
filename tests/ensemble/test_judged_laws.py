"""What holds for every judged ensemble: its books, its end, its members' order, and its stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.ensemble import Fuse, Rank, Verify
from orchestra.ensemble.judges import Pairwise
from orchestra.ensemble.records import Records
from orchestra.ensemble.synthesis import Synthesis
from orchestra.errors import ModelError, OrchestraError, Unavailable
from orchestra.stream import Stream
from orchestra.testing import Scripted
from orchestra.types import Attempt, Failure, Hold, Model, Response, Want

from .judging import LIBRARY, asked, judge, request, shorter

COSTS = ("0.001", "0.02", "0.3", "4")
ANSWERS = ('{"price": 1, "size": "s"}', '{"price": 2, "size": "m"}', "It is one.", "It is one, I believe so.")


@dataclass
class Held:
    ends: int = 0

    def book(self, attempt: Attempt) -> Attempt:
        self.ends += 1
        return attempt

    def release(self) -> None:
        self.ends += 1


class Purse:
    """Budgets that remember what was asked for together; granting takes a turn of the loop."""

    bounded = True

    def __init__(self) -> None:
        self.together: list[int] = []
        self.holds: list[Held] = []

    async def reserve(self, wants: Sequence[Want]) -> Sequence[Hold]:
        self.together.append(len(wants))
        await asyncio.sleep(0)
        held = [Held() for _ in wants]
        self.holds += held
        return held

    def note(self, attempt: Attempt) -> None:
        """Nothing is kept."""


Steps = Sequence[str | Exception]


def leaves(steps: Steps) -> list[Scripted]:
    """Members that each answer once, at a price of their own, after a turn of the loop."""
    return [Scripted([step], name=f"m{n}", cost_usd=COSTS[n]) for n, step in enumerate(steps)]


def named(models: Sequence[Scripted]) -> tuple[tuple[str, Model], ...]:
    return tuple((model.name, model) for model in models)


def rank(models: Sequence[Scripted]) -> Model:
    return Rank(named(models), Pairwise(asked(judge(shorter, cost_usd="0.005"))))


def fuse(models: Sequence[Scripted]) -> Model:
    arbiter = asked(Scripted('{"1": 1}', name="arbiter", cost_usd="0.006"))
    writer = asked(Scripted("Both of them.", name="writer", cost_usd="0.007"))
    return Fuse(named(models), Records(LIBRARY, arbiter=arbiter), Synthesis(writer))


def verify(models: Sequence[Scripted]) -> Model:
    said = [json.dumps({"correct": False, "confidence": 0.1, "issues": ["no"]})] * 2 + ['{"correct": true}']
    first, *others = named(models)
    return Verify(first, asked(Scripted(said, name="checker", cost_usd="0.008")), LIBRARY, otherwise=others[0])


NODES: dict[str, Callable[[Sequence[Scripted]], Model]] = {"rank": rank, "fuse": fuse, "verify": verify}
every = pytest.mark.parametrize("made", NODES.values(), ids=NODES)
STEPS = st.lists(st.sampled_from([*ANSWERS, Unavailable("down")]), min_size=2, max_size=4)


@every
@given(steps=STEPS)
@settings(max_examples=25)
def test_the_cost_of_the_tree_is_the_sum_of_its_leaves(made: Callable[..., Model], steps: Steps) -> None:
    """Each call has its line and its price, whatever became of it; and every hold ends once."""
    models, purse = leaves(steps), Purse()
    asking = request(budgets=purse)
    response: Response | None = None
    try:
        response = asyncio.run(made(models)(asking))  # type: ignore[arg-type]  # a coroutine function
    except ModelError:
        assert all(isinstance(step, Exception) for step in steps[:1]) or all(isinstance(s, Exception) for s in steps)
    booked = {name: [one for one in asking.journal if one.name == name] for name in {a.name for a in asking.journal}}
    for model in models:
        assert len(booked.get(model.name, [])) == len(model.requests)
    assert all(held.ends == 1 for held in purse.holds)
    assert len(purse.holds) == len(asking.journal)
    if response is not None:
        whole = replace(response, attempts=tuple(asking.journal))
        assert whole.cost_usd == sum((one.usage.cost or Decimal(0) for one in asking.journal), Decimal(0))
        failed = [source.name for source in response.sources if isinstance(source, Failure)]
        assert set(failed) == {one.name for one in asking.journal if one.error}


@every
def test_the_members_hold_their_money_together(made: Callable[..., Model]) -> None:
    """One reservation for all of them, before anything is sent."""
    purse = Purse()
    asyncio.run(made(leaves(ANSWERS[:3]))(request(budgets=purse)))  # type: ignore[arg-type]  # a coroutine function
    assert purse.together[0] == (1 if made is verify else 3)


@every
def test_cancelled_anywhere_every_hold_is_settled_and_nothing_is_left(made: Callable[..., Model]) -> None:
    """At whichever turn of the loop the cancel comes."""

    async def cancelled(turns: int) -> bool:
        purse, models = Purse(), leaves(ANSWERS[1:3])
        asking = request(budgets=purse)
        task = asyncio.ensure_future(made(models)(asking))
        for _ in range(turns):
            await asyncio.sleep(0)
        done = task.done()
        task.cancel()
        await asyncio.wait([task])
        for _ in range(5):
            await asyncio.sleep(0)
        assert all(held.ends == 1 for held in purse.holds)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        sent = sum(len(model.requests) for model in models)
        assert len([one for one in asking.journal if one.name.startswith("m")]) <= sent
        return done

    turns = 0
    while not asyncio.run(cancelled(turns)):
        turns += 1
    assert turns > 10


@every
@given(order=st.permutations([0, 1, 2]))
@settings(max_examples=6)
def test_permuted_members_give_the_same_answer(made: Callable[..., Model], order: list[int]) -> None:
    """Where nothing is tied."""
    if made is verify:
        return
    texts = [*ANSWERS[2:], "One."] if made is rank else [ANSWERS[0], ANSWERS[0], ANSWERS[1]]
    models = leaves(texts)
    asking = request()
    first = asyncio.run(made(models)(asking))  # type: ignore[arg-type]  # a coroutine function
    again = asyncio.run(made([leaves(texts)[n] for n in order])(asking))  # type: ignore[arg-type]  # a coroutine function
    assert again.text == first.text


@every
async def test_a_stream_has_the_final_answer_and_nothing_else(made: Callable[..., Model]) -> None:
    """What members say on the way is not shown."""
    stream = Stream(lambda sink: made(leaves(ANSWERS[:2]))(request(sink=sink)))
    text = "".join([chunk.text async for chunk in stream])
    assert text == stream.response.text != ""


@every
async def test_no_room_for_the_members_is_refused_before_anything_is_sent(made: Callable[..., Model]) -> None:
    """All of them or none."""

    class Empty(Purse):
        async def reserve(self, wants: Sequence[Want]) -> Sequence[Hold]:
            raise OrchestraError("no room")

    asking: Any = request(budgets=Empty())
    with pytest.raises(OrchestraError, match="no room"):
        await made(leaves(ANSWERS))(asking)
    assert asking.journal == []
