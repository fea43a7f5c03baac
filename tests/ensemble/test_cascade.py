"""Cascade: the cheap answer where it is good enough, the strong one elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from orchestra import (
    AllFailed,
    BudgetExceeded,
    ConfigError,
    Failure,
    NoModelAvailable,
    OrchestraError,
    Request,
    Response,
    Unavailable,
)
from orchestra.ensemble import Cascade, Vote
from orchestra.ensemble.cascade import Agreement, Judged, fits
from orchestra.testing import Scripted
from orchestra.types import Chunk, Model, Verdict

from .support import Purse


class Sink:
    def __init__(self) -> None:
        self.started = False

    async def push(self, chunk: Chunk) -> None:
        self.started = True


def pair(one: Any, other: Any) -> Vote:
    return Vote((("a", Scripted(one, name="a")), ("b", Scripted(other, name="b"))), stop="decided", min_agreement=1.0)


def cascade(cheap: Model, strong: Any = "9", **options: Any) -> tuple[Cascade, Scripted]:
    last = Scripted(strong, name="strong")
    return Cascade((("cheap", cheap), ("strong", last)), **options), last


async def test_cheap_models_that_agree_are_enough() -> None:
    """The strong model is not asked, and nothing is streamed before it was known."""
    node, strong = cascade(pair("4", "4.0"), accept=Agreement(1.0))
    response = await node(request := Request(sink=Sink()))
    assert (response.text, response.success, strong.requests) == ("4", True, [])
    assert [attempt.path for attempt in request.journal] == [("cheap", "a"), ("cheap", "b")]


async def test_where_they_differ_the_strong_one_answers_and_may_stream() -> None:
    """The note says why; the answer that was passed over stays in the tree."""
    node, strong = cascade(pair("4", "5"), accept=Agreement(1.0))
    sink = Sink()
    response = await node(Request(sink=sink))
    assert (response.text, response.model, response.success, sink.started) == ("9", "strong", True, True)
    assert response.note.startswith("cheap passed over: agreement 0.50 is less than 1.00; strong answered")
    assert [getattr(source, "text", None) for source in response.sources] == ["4", "9"]
    assert len(strong.requests) == 1


async def test_an_answer_that_nobody_voted_on_has_no_agreement() -> None:
    """A single cheap model can be accepted by its schema, or by a judge."""
    response = await cascade(Scripted("4"))[0](Request())
    assert (response.text, "nobody voted on it" in response.note) == ("9", True)
    assert (await cascade(Scripted("4"), accept=fits)[0](Request())).text == "4"
    cut = Scripted(Response(text="4", model="m", success=False, note="cut at max_tokens"))
    assert (await cascade(cut, accept=fits)[0](Request())).text == "9"


async def test_a_judge_decides_where_it_is_asked() -> None:
    """From its threshold on; one that fails passes the answer over."""

    async def judge(request: Request, responses: Sequence[Response]) -> Sequence[Verdict]:
        assert request.path == ("judge",)
        return [Verdict(score=len(one.text) / 10) for one in responses]

    async def broken(request: Request, responses: Sequence[Response]) -> Sequence[Verdict]:
        raise Unavailable("down")

    assert (await cascade(Scripted("long enough"), accept=Judged(judge, 0.5))[0](Request())).text == "long enough"
    assert (await cascade(Scripted("no"), accept=Judged(judge, 0.5))[0](Request())).text == "9"
    assert (await cascade(Scripted("no"), accept=Judged(broken))[0](Request())).text == "9"


async def test_a_step_that_fails_is_passed_over_and_listed() -> None:
    """The next is asked; when all fail, every error is kept."""
    response = await cascade(Scripted(Unavailable("down")))[0](Request())
    assert response.text == "9"
    assert isinstance(response.sources[0], Failure)
    with pytest.raises(AllFailed) as caught:
        await cascade(Scripted(Unavailable("down")), Unavailable("too"))[0](Request())
    assert [str(error) for error in caught.value.exceptions] == ["down", "too"]


async def test_without_a_strong_answer_the_last_that_came_is_given_and_marked() -> None:
    """Down, or no room in the budget for it."""
    for strong, budget in ((Unavailable("down"), Purse()), ("9", Purse("0.002"))):
        node, _ = cascade(pair("4", "5"), strong, accept=Agreement(1.0))
        response = await node(Request(budgets=budget))
        assert (response.text, response.success) == ("4", False)
        assert "strong passed over" in response.note
    with pytest.raises(BudgetExceeded):
        await cascade(pair("4", "4"))[0](Request(budgets=Purse("0.001")))


@pytest.mark.parametrize("broken", [Unavailable("down"), NoModelAvailable("no key"), BudgetExceeded("no room")])
async def test_an_answer_that_could_not_be_judged_is_not_lost(broken: OrchestraError) -> None:
    """It was paid for: it stays in the tree as the response that it is, and is given where nothing better comes."""

    async def judge(request: Request, responses: Sequence[Response]) -> Sequence[Verdict]:
        raise broken

    response = await cascade(Scripted("4"), accept=Judged(judge))[0](Request())
    assert (response.text, response.success) == ("9", True)
    assert response.note.startswith(f"cheap passed over: not judged: {type(broken).__name__}; strong answered")
    assert [getattr(source, "text", None) for source in response.sources] == ["4", "9"]
    for strong in (Unavailable("too"), BudgetExceeded("no room")):
        response = await cascade(Scripted("4"), strong, accept=Judged(judge))[0](Request())
        assert (response.text, response.success) == ("4", False)


def test_a_cascade_of_one_is_refused() -> None:
    """There is nothing to pass on to."""
    with pytest.raises(ConfigError):
        Cascade((("a", Scripted("1")),))
