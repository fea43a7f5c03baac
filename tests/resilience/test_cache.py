"""The cache: an equal request gets the answer that is there, and identical calls in flight are made once."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from orchestra import AllFailed, BudgetExceeded, Cached, ConfigError, Cut, Request, Response, Unavailable
from orchestra.build import build
from orchestra.resilience import Store
from orchestra.resilience.entry import Answer, recalled, written
from orchestra.resilience.store import cache_place
from orchestra.settings import parse
from orchestra.stream import Stream
from orchestra.testing import FakeClock, Scripted
from orchestra.types import Attempt, Chunk, Citation, Hold, Model, Sink, Unlimited, Usage, Want


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "cache")
    yield store
    store.close()


def ask(content: str = "hello", **more: Any) -> Request:
    return Request(messages=({"role": "user", "content": content},), **more)


class Slow:
    """A model that counts its calls and answers when it is told to."""

    def __init__(self, *outcomes: str | Exception) -> None:
        self.outcomes = list(outcomes) or ["answer"]
        self.calls = 0
        self.arrived = threading.Event()
        self.go = threading.Event()

    def __repr__(self) -> str:
        return "Slow()"

    async def __call__(self, request: Request) -> Response:
        self.calls += 1
        outcome = self.outcomes[min(self.calls, len(self.outcomes)) - 1]
        self.arrived.set()
        await soon(self.go.is_set)
        if isinstance(outcome, Exception):
            raise outcome
        return Response(text=outcome, model="slow", result=outcome)


@dataclass(frozen=True)
class Noted(Unlimited):
    """Budgets that keep what they were told."""

    noted: list[Attempt] = field(default_factory=list)
    wanted: list[Sequence[Want]] = field(default_factory=list)

    async def reserve(self, wants: Sequence[Want]) -> Sequence[Hold]:
        self.wanted.append(wants)
        return await Unlimited().reserve(wants)

    def note(self, attempt: Attempt) -> None:
        self.noted.append(attempt)


@dataclass
class Pushed:
    """A sink that its reader is slow to empty."""

    started: bool = False
    texts: list[str] = field(default_factory=list)

    async def push(self, chunk: Chunk) -> None:
        self.started = True
        await asyncio.sleep(0.01)
        self.texts.append(chunk.text)


async def kept(store: Store) -> None:
    """Wait until what was answered is written down."""
    await store.get("nothing")


async def soon(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in other threads and loops too
            await asyncio.sleep(0.001)


async def test_an_equal_request_gets_the_answer_that_is_there(store: Store) -> None:
    """The model is asked once; the second answer is the first, with a note."""
    model = Scripted(["first", "second"])
    node = Cached(model, store)
    first = await node(ask())
    await kept(store)
    second = await node(ask())
    assert (first.text, second.text, len(model.requests)) == ("first", "first", 1)
    assert "from the cache" in second.note
    assert (await node(ask("other"))).text == "second"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0, 1]), st.sampled_from([None, 7])), max_size=8))
def test_a_cache_changes_no_answer(tmp_path_factory: Any, asked: list[tuple[str, int, int | None]]) -> None:
    """For any sequence of requests to a model that always answers the same, and the model is asked once for each."""

    def told(request: Request) -> str:
        return f"{request.messages[0]['content']} {request.sample} {request.params}"

    model = Scripted(told)
    store = Store(tmp_path_factory.mktemp("law") / "cache")
    requests = [ask(content, sample=sample, params={"seed": seed}) for content, sample, seed in asked]

    async def run() -> list[str]:
        node = Cached(model, store)
        return [(await node(request)).text for request in requests]

    assert asyncio.run(run()) == [told(request) for request in requests]
    assert len(model.requests) == len(set(asked))
    store.close()


async def test_an_answer_is_given_again_only_for_its_time(store: Store) -> None:
    """Not at the end of it, and not from the future, when a clock was wrong; each node has a time of its own."""
    clock, model = FakeClock(), Scripted(["first", "second", "third"])
    node = Cached(model, store, 60, wall=clock)
    await node(ask())
    await kept(store)
    clock.advance(59.5)
    assert (await node(ask())).text == "first"
    clock.advance(0.5)
    assert (await node(ask())).text == "second"
    await kept(store)
    clock.advance(-1)
    assert (await node(ask())).text == "third"
    await kept(store)
    clock.advance(30)
    assert (await Cached(model, store, 10, wall=clock)(ask())).text == "third"
    assert len(model.requests) == 4


async def test_a_hit_comes_back_whole(store: Store) -> None:
    """All that is plain data is as it was; usage counts the tokens and costs nothing."""
    whole = Response(
        text="49 USD",
        model="openai/m",
        name="m",
        result={"price": 49, "parts": [1, None, "ü"]},
        score=0.5,
        tool_calls=({"id": "1", "function": {"name": "f"}},),
        citations=(Citation(url="http://127.0.0.1/x", title="X", span=(0, 2)), Citation(title="Y")),
        reasoning="because",
        finish_reason="stop",
        usage=Usage(7, 5, 2, 1, Decimal("0.25")),
    )
    node = Cached(Scripted(whole, cost_usd="0.25"), store)
    first = await node(ask())
    await kept(store)
    second = await node(ask())
    same = replace(second, note=first.note, usage=first.usage, latency_s=first.latency_s, id=first.id)
    assert same == first
    assert second.usage == replace(first.usage, cost=Decimal(0))


async def test_a_hit_costs_nothing_and_is_booked_with_what_it_saved(store: Store) -> None:
    """One line in the journal and one note to the budgets; nothing is held."""
    node = Cached(Scripted("ok", name="m", cost_usd="0.25"), store)
    await node(ask(task_type="code"))
    await kept(store)
    budgets = Noted()
    request = ask(budgets=budgets, task_type="code", path=("here",), labels={"arm": "a"})
    response = await node(request)
    (attempt,) = request.journal
    assert budgets.noted == [attempt]
    assert budgets.wanted == []
    assert (attempt.usage, attempt.basis, attempt.saved) == (Usage(1, 1, cost=Decimal(0)), "usage", Decimal("0.25"))
    assert (attempt.model, attempt.name, attempt.provider, attempt.call) == ("m", "m", "scripted", "chat")
    assert (attempt.request, attempt.path, attempt.task_type) == (request.id, ("here",), "code")
    assert attempt.labels == {"arm": "a", "cache": "hit"}
    assert response.cost_usd == 0


async def test_what_is_saved_is_what_all_the_calls_came_to(store: Store) -> None:
    """Failures on the way included, the calls of others in the same journal not; unknown prices save nothing known."""

    async def twice(request: Request) -> Response:
        for name in ("a", "b"):
            await Scripted("ok", name=name, cost_usd="0.25")(request.at(name))
        return Response(text="ok", model="b")

    node = Cached(twice, store)
    request = ask(path=("here",))
    await asyncio.gather(node(request), Scripted("x", cost_usd="9")(replace(request, path=("elsewhere",))))
    again = ask()
    await node(again)
    assert again.journal[0].saved == Decimal("0.5")
    unknown = Cached(Scripted("ok", cost_usd=None), store)
    await unknown(ask())
    free = ask()
    await unknown(free)
    assert (free.journal[0].saved, free.journal[0].usage.cost) == (0, 0)


async def test_a_cache_in_a_cache_saves_what_the_model_costs(store: Store) -> None:
    """An answer that was itself a hit is worth what it was worth."""
    inner = Cached(Scripted("ok", cost_usd="0.25"), store)
    outer = Cached(inner, store)
    await inner(ask())
    await outer(ask())
    request = ask()
    await outer(request)
    assert request.journal[0].saved == Decimal("0.25")


@pytest.mark.parametrize(
    "bad",
    [
        Response(text="cut", model="m", success=False),
        Response(text="cut", model="m", finish_reason="length"),
        Response(text="filtered", model="m", finish_reason="content_filter"),
        Response(text="half a character: \ud800", model="m"),
        Response(text="odd", model="m", result={1, 2}),
        Response(text="odd", model="m", parsed=object()),
        Response(text="odd", model="m", raw=object()),
        Response(text="odd", model="m", tool_calls=(object(),)),
        Unavailable("down"),
    ],
    ids=["unsuccessful", "cut", "filtered", "surrogate", "result", "parsed", "raw", "tool call", "failure"],
)
async def test_what_is_no_whole_answer_is_not_kept(store: Store, bad: Any) -> None:
    """The next equal request asks the model."""
    model = Scripted([bad, "good"])
    node = Cached(model, store)
    if isinstance(bad, Exception):
        with pytest.raises(Unavailable):
            await node(ask())
    else:
        assert (await node(ask())).text == bad.text
    assert (await node(ask())).text == "good"


@pytest.mark.parametrize(
    "private",
    [
        {"params": {"cache": False}},
        {"params": {"cache": {"no-cache": True}}},
        {"params": {"cache": {"no-store": True}}},
        {"tags": {"private": "yes"}},
        {"params": {"x": {1, 2}}},
    ],
    ids=["cache=False", "no-cache", "no-store", "private", "not JSON"],
)
async def test_a_request_can_stay_out(store: Store, private: dict[str, Any]) -> None:
    """It is neither answered from the cache nor kept nor joined."""
    model = Slow("one", "two", "three")
    model.go.set()
    node = Cached(model, store)
    assert (await node(ask(tags=private.get("tags", {})) if "params" in private else ask())).text == "one"
    together = await asyncio.gather(node(ask(**private)), node(ask(**private)))
    assert {response.text for response in together} == {"two", "three"}
    assert (await node(ask())).text == "one"


async def test_embedding_calls_are_kept_too(store: Store) -> None:
    """Vectors come back as they were; a chat with the same words is another thing."""
    vectors = [[0.1, -2.5e-8, float(2**60)], [0.0, 1.0, 3.3]]
    model = Scripted(Response(text="", model="m", result=vectors))
    node = Cached(model, store)
    embedding = {"call": "embedding", "params": {"input": ["a", "b"]}}
    await node(Request(**embedding))
    await kept(store)
    assert (await node(Request(**embedding))).result == vectors
    await node(Request(**{**embedding, "call": "rerank"}))
    assert len(model.requests) == 2


class Price(BaseModel):
    usd: int


async def test_a_structured_answer_is_read_again_for_the_one_who_asks(store: Store) -> None:
    """`parsed` is an instance of the caller's own class, `result` the same."""
    answer = Response(text='{"usd": 49}', model="m", parsed=Price(usd=49), result=Price(usd=49))
    model = Scripted([answer, "other"])
    node = Cached(model, store)
    request = {"params": {"response_format": Price}}
    await node(ask(**request))
    await kept(store)
    again = await node(ask(**request))
    assert again.parsed == again.result == Price(usd=49)
    assert (await node(ask())).text == "other"


async def test_identical_calls_in_flight_are_made_once(store: Store) -> None:
    """All get the answer; those that joined are booked at nothing, with what it saved, and reserve no money."""
    model = Slow()
    node = Cached(model, store)
    requests = [ask(budgets=Noted()) for _ in range(5)]
    calls = [asyncio.create_task(node(request)) for request in requests]
    await soon(model.arrived.is_set)
    await asyncio.sleep(0.01)
    model.go.set()
    assert [(await call).text for call in calls] == ["answer"] * 5
    assert model.calls == 1
    joined = [request.journal[0] for request in requests if request.journal]
    assert [attempt.labels["cache"] for attempt in joined] == ["joined"] * 4
    assert [request.budgets.wanted for request in requests[1:]] == [[()]] * 4  # type: ignore[attr-defined]


async def test_an_answer_that_is_about_to_be_written_down_is_a_hit_already(store: Store) -> None:
    """However long the disk takes; and no longer than for its time."""
    clock, model, disk = FakeClock(), Slow("first", "second"), threading.Event()
    node = Cached(model, store, 60, wall=clock)
    call = asyncio.create_task(node(ask()))
    await soon(model.arrived.is_set)
    store._submit(lambda cache: disk.wait(20))
    model.go.set()
    assert (await call).text == "first"
    again = ask(budgets=Noted())
    assert "from the cache" in (await node(again)).note
    assert again.journal[0].labels["cache"] == "hit"
    clock.advance(60)
    assert (await node(ask())).text == "second"
    disk.set()


async def test_an_answer_that_can_not_be_kept_is_shared_all_the_same(store: Store) -> None:
    """Whoever joined gets it; whoever comes later does not."""

    async def odd(request: Request) -> Response:
        await asyncio.sleep(0.05)
        return Response(text="odd", model="m", result={1, 2})

    node = Cached(odd, store)
    together = await asyncio.gather(*(node(ask()) for _ in range(3)))
    assert [response.result for response in together] == [{1, 2}] * 3
    assert sum("in flight" in response.note for response in together) == 2


async def test_joined_answers_do_not_share_what_can_be_changed(store: Store) -> None:
    """What one caller does to the lists of its answer no other caller sees."""
    model = Scripted(Response(text="x", model="m", result=["a"]), delay_s=0.05)
    node = Cached(model, store)
    one, other = await asyncio.gather(node(ask()), node(ask()))
    one.result.append("b")
    assert other.result == ["a"]


def test_threads_and_event_loops_share_one_call(store: Store) -> None:
    """Each thread runs a loop of its own; one call is made for all."""
    model = Slow()
    node = Cached(model, store)
    texts: list[str] = []

    def run() -> None:
        texts.append(asyncio.run(node(ask())).text)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert model.arrived.wait(20)
    model.go.set()
    for thread in threads:
        thread.join(20)
    assert texts == ["answer"] * 4
    assert model.calls == 1


async def test_a_failure_is_each_callers_own(store: Store) -> None:
    """The same class and words with the provider's error as its cause, but another object; nobody asks again."""
    failure = AllFailed("both", [Unavailable("down", model="m", status=503), Cut("cut", text="x")])
    failure.__cause__ = OSError("refused")
    model = Slow(failure)
    node = Cached(model, store)
    calls = [asyncio.create_task(node(ask())) for _ in range(3)]
    await soon(model.arrived.is_set)
    await asyncio.sleep(0.01)
    model.go.set()
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert model.calls == 1
    assert len({id(error) for error in errors}) == 3
    assert {(type(error), str(error), error.__cause__) for error in errors} == {  # type: ignore[union-attr]
        (AllFailed, str(failure), failure.__cause__)
    }


@pytest.mark.parametrize(
    "failure", [BudgetExceeded("no room"), Cut("broke", text="once"), ValueError("a bug")], ids=["budget", "cut", "bug"]
)
async def test_a_failure_of_one_callers_own_is_not_shared(store: Store, failure: Exception) -> None:
    """Another's budget, a stream that broke while it was read, a bug: the next in line asks for itself."""
    model = Slow(failure, "answer")
    node = Cached(model, store)
    calls = [asyncio.create_task(node(ask())) for _ in range(3)]
    await soon(model.arrived.is_set)
    model.go.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert results[0] is failure
    assert [getattr(result, "text", None) for result in results[1:]] == ["answer"] * 2
    assert model.calls == 2


async def test_when_the_one_who_asks_is_cancelled_another_takes_over(store: Store) -> None:
    """The others wait for the next call; who was cancelled is."""
    model = Slow("lost", "answer")
    node = Cached(model, store)
    calls = [asyncio.create_task(node(ask())) for _ in range(3)]
    await soon(model.arrived.is_set)
    await asyncio.sleep(0.01)
    model.arrived.clear()
    calls[0].cancel()
    await soon(model.arrived.is_set)
    model.go.set()
    assert [(await call).text for call in calls[1:]] == ["answer"] * 2
    assert calls[0].cancelled()
    assert model.calls == 2


async def test_whoever_stops_waiting_stops_nobody_else(store: Store) -> None:
    """Cancelling one that joined leaves the call and the others alone."""
    model = Slow()
    node = Cached(model, store)
    calls = [asyncio.create_task(node(ask())) for _ in range(3)]
    await soon(model.arrived.is_set)
    await asyncio.sleep(0.01)
    calls[1].cancel()
    await asyncio.sleep(0.01)
    model.go.set()
    assert [(await call).text for call in (calls[0], calls[2])] == ["answer"] * 2
    assert model.calls == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_call_of_its_parent(store: Store) -> None:
    """The parent's call goes on in the parent only."""
    model = Slow()
    node = Cached(model, store)
    asking = threading.Thread(target=lambda: asyncio.run(node(ask())))
    asking.start()
    assert model.arrived.wait(20)
    model.go.set() if (pid := os.fork()) == 0 else None
    if pid == 0:  # the child leaves at once, whatever happens
        try:
            os._exit(0 if asyncio.run(asyncio.wait_for(node(ask()), 20)).text == "answer" else 1)
        except BaseException:  # noqa: BLE001
            os._exit(2)
    child = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    model.go.set()
    asking.join(20)
    assert child == 0


async def streamed(node: Model, request: Request) -> tuple[list[str], Response]:
    async def run(sink: Sink) -> Response:
        return await node(replace(request, sink=sink))

    stream = Stream(run)
    texts = [chunk.text async for chunk in stream if chunk.text]
    return texts, stream.response


async def test_a_stream_is_live_the_first_time_and_replayed_from_then_on(store: Store) -> None:
    """Chunk by chunk for the one who asks, whole for the others; plain calls and streams share their answers."""
    node = Cached(Scripted("one two three"), store)
    assert (await streamed(node, ask()))[0] == ["one ", "two ", "three"]
    texts, response = await streamed(node, ask())
    assert (texts, response.text) == (["one two three"], "one two three")
    assert (await node(ask())).text == "one two three"


async def test_a_reader_that_stops_reading_holds_up_nobody_else(store: Store) -> None:
    """Whoever joined its call gets the answer while it still sits on its first chunk."""

    class Stuck:
        started = False

        async def push(self, chunk: Chunk) -> None:
            self.started = True
            await asyncio.sleep(3600)

    node = Cached(Scripted("one two three", delay_s=0.05), store)
    stuck = asyncio.create_task(node(ask(sink=Stuck())))
    await asyncio.sleep(0)
    assert (await streamed(node, ask()))[0] == ["one two three"]
    assert not stuck.done()
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck


async def test_what_came_before_a_stream_broke_is_read_before_the_error(store: Store) -> None:
    """Nothing that the model pushed is lost, and the break is seen as one."""

    async def breaks(request: Request) -> Response:
        assert request.sink is not None
        for word in ("once ", "upon "):
            await request.sink.push(Chunk(text=word))
        assert request.started
        raise Cut("broke", text="once upon ")

    node = Cached(breaks, store)
    sink = Pushed()
    with pytest.raises(Cut):
        await node(ask(sink=sink))
    assert sink.texts == ["once ", "upon "]


async def test_a_reader_that_fails_ends_the_call(store: Store) -> None:
    """What its end raises comes out of the call that feeds it."""

    class Broken:
        started = False

        async def push(self, chunk: Chunk) -> None:
            raise OSError("the reader is gone")

    with pytest.raises(OSError, match="gone"):
        await Cached(Scripted("one two three"), store)(ask(sink=Broken()))
    with pytest.raises(OSError, match="gone"):
        await Cached(Scripted("one"), store)(ask(sink=Broken()))


async def test_no_key_of_a_provider_is_in_the_cache(store: Store) -> None:
    """Neither what the request carries beside the question, nor the question itself."""
    node = Cached(Scripted("answer"), store)
    secret = "canary-key"
    await node(ask("who?", params={"extra_headers": {"Authorization": secret}, "api_key": secret}))
    store.close()
    written = b"".join(path.read_bytes() for path in store.directory.iterdir())
    assert b"answer" in written
    assert secret.encode() not in written
    assert b"who?" not in written


def test_a_policy_says_what_is_kept_where_and_how_long(tmp_path: Path) -> None:
    """`kind: cached` nests like any other; one folder is one store for all who use it."""
    policies = f"""\
policies:
  short: {{kind: cached, model: gpt-4o, ttl_s: 60, size_mb: 5, path: {tmp_path}/kept}}
  other: {{kind: cached, model: {{kind: fallback, models: [gpt-4o, gpt-4o-mini]}}, size_mb: 5, path: {tmp_path}/kept}}
  plain: {{kind: fallback, models: [{{kind: cached, model: gpt-4o}}, gpt-4o-mini]}}
"""
    tree = build(parse(policies, "o.yaml"))
    short, other = tree.find("short").model, tree.find("other").model
    assert isinstance(short, Cached)
    assert isinstance(other, Cached)
    assert (short.ttl_s, short.store.size_bytes, short.store.directory) == (60, 5_000_000, tmp_path / "kept")
    assert other.store is short.store
    assert [member.name for member in tree.find("other").members] == ["gpt-4o", "gpt-4o-mini"]
    (_, default), _ = tree.find("plain").model.models  # type: ignore[attr-defined]
    assert default.store.directory == cache_place()
    assert repr(short).startswith("Cached(model=Loaded(")


@pytest.mark.parametrize("rest", ["ttl_s: 0", "size_mb: 0", "ttl: 5"])
def test_a_cache_that_could_keep_nothing_is_refused(rest: str) -> None:
    """With its place in the file."""
    with pytest.raises(ConfigError, match=r"o\.yaml:1: policies\.kept\.ttl|o\.yaml:1: policies\.kept\.size_mb"):
        parse(f"policies: {{kept: {{kind: cached, model: gpt-4o, {rest}}}}}", "o.yaml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=3), parts, max_size=3),
        max_leaves=5,
    )
)
async def test_whatever_stands_in_an_entry_is_an_answer_or_a_miss(value: Any) -> None:
    """A forged entry with a right digest raises nothing: any value in the place of any field."""
    text = written(Answer(response=Response(text="x", model="m"), at=0.0), ask())
    assert text is not None
    for name in json.loads(text):
        forged = json.dumps({**json.loads(text), name: value})
        assert isinstance(await recalled(forged, ask()), Answer | None)
    assert await recalled(json.dumps(value), ask()) is None
    assert await recalled("[" * 100_000, ask()) is None
