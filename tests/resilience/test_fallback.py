"""Fallback: the next model answers when one fails, and what failed stays in the tree."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orchestra import AllFailed, ConfigError, Fallback, NoModelAvailable, RateLimited, Request, Response, Unavailable
from orchestra.testing import Scripted
from orchestra.types import Chunk


class Sink:
    def __init__(self) -> None:
        self.started = False
        self.chunks: list[Chunk] = []

    async def push(self, chunk: Chunk) -> None:
        self.started = True
        self.chunks.append(chunk)


async def test_the_first_that_answers_is_the_answer() -> None:
    """A failing model is followed by the next, which is told how many are left."""
    down, up, spare = Scripted(Unavailable("down")), Scripted("hello"), Scripted("spare")
    response = await Fallback((("a", down), ("b", up), ("c", spare)))(Request())
    assert response.text == "hello"
    assert (down.requests[0].alternatives, up.requests[0].alternatives) == (2, 1)
    assert spare.requests == []


async def test_what_failed_stays_in_the_tree_with_the_reason() -> None:
    """The response says which model failed and keeps its failure among its sources."""
    response = await Fallback((("a", Scripted(Unavailable("down"))), ("b", Scripted("hello"))))(Request())
    assert "a failed; b answered" in response.note
    assert getattr(response.sources[0], "name", "") == "a"


async def test_all_failed_is_a_group_of_every_error() -> None:
    """Each candidate's own error is kept, and the shortest Retry-After counts."""
    models = (("a", Scripted(Unavailable("down"))), ("b", Scripted(RateLimited("slow", retry_after_s=3.0))))
    with pytest.raises(AllFailed) as caught:
        await Fallback(models)(Request())
    assert [type(e) for e in caught.value.exceptions] == [Unavailable, RateLimited]
    assert caught.value.retry_after_s == 3.0
    assert "down" in str(caught.value)
    assert "slow" in str(caught.value)


async def test_one_failure_is_raised_as_itself() -> None:
    """With a single candidate there is no group around its error."""
    with pytest.raises(Unavailable):
        await Fallback((("a", Scripted(Unavailable("down"))),))(Request())


async def test_a_policy_that_has_no_model_for_the_request_is_passed_over() -> None:
    """Like one whose model fails: another may have a key, or be able."""
    nobody = Scripted(NoModelAvailable("no key"))
    response = await Fallback((("a", nobody), ("b", Scripted("hello"))))(Request())
    assert (response.text, getattr(response.sources[0], "name", "")) == ("hello", "a")
    with pytest.raises(NoModelAvailable):
        await Fallback((("a", nobody),))(Request())
    with pytest.raises(AllFailed) as caught:
        await Fallback((("a", nobody), ("b", Scripted(Unavailable("down")))))(Request())
    assert [type(e) for e in caught.value.exceptions] == [NoModelAvailable, Unavailable]


async def test_a_mistake_of_ours_does_not_fall_back() -> None:
    """A configuration error is the caller's to mend; no other model is asked."""
    spare = Scripted("spare")
    with pytest.raises(ConfigError):
        await Fallback((("a", Scripted(ConfigError("wrong"))), ("b", spare)))(Request())
    assert spare.requests == []


async def test_a_stream_that_has_begun_does_not_fall_back() -> None:
    """After the first chunk no other model can take over unseen."""
    spare = Scripted("spare")

    async def breaks(request: Request) -> Response:
        assert request.sink is not None
        await request.sink.push(Chunk(text="once upon"))
        raise Unavailable("broke")

    with pytest.raises(Unavailable):
        await Fallback((("a", breaks), ("b", spare)))(Request(sink=Sink()))
    assert spare.requests == []


async def test_a_failing_child_never_loses_its_cost() -> None:
    """Every call is in the journal, the failed one too."""
    request = Request()
    await Fallback((("a", Scripted(Unavailable("down"))), ("b", Scripted("hello", cost_usd="0.25"))))(request)
    assert [a.error for a in request.journal] == ["Unavailable", None]
    assert sum((a.usage.cost or Decimal(0) for a in request.journal), Decimal(0)) == Decimal("0.25")
