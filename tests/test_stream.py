"""Streams: chunks as they come, the response afterwards, and nothing left behind when the reader leaves."""

from __future__ import annotations

import asyncio
import gc

import pytest

from orchestra import Chunk, Cut, Request, Response, Stream, SyncStream, Unavailable
from orchestra.stream import AHEAD
from orchestra.testing import Scripted
from orchestra.types import Sink


def stream_of(model: Scripted) -> Stream:
    return Stream(lambda sink: model(Request(sink=sink)))


async def test_the_chunks_make_the_text_and_the_last_says_why_it_ended() -> None:
    """The response is there after the loop, and not before."""
    stream = stream_of(Scripted("once upon a time"))
    with pytest.raises(RuntimeError, match="read to its end"):
        _ = stream.response
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.text for chunk in chunks) == "once upon a time" == stream.response.text
    assert [chunk.finish_reason for chunk in chunks] == [None, None, None, None, "stop"]


async def test_a_tree_that_pushes_nothing_has_its_answer_replayed() -> None:
    """A node that needs the whole answer first streams its end."""

    async def whole(sink: Sink) -> Response:
        return Response(text="42", model="m")

    assert [chunk.text async for chunk in Stream(whole)] == ["42", ""]


async def test_an_error_before_the_first_chunk_is_raised_to_the_reader() -> None:
    """As by a plain call."""
    with pytest.raises(Unavailable):
        _ = [chunk async for chunk in stream_of(Scripted(Unavailable("down")))]


async def test_a_stream_that_breaks_gives_what_came_and_then_the_error() -> None:
    """The error carries the text so far."""

    async def breaks(sink: Sink) -> Response:
        await sink.push(Chunk(text="once"))
        raise Cut("broke", text="once")

    seen: list[str] = []
    with pytest.raises(Cut) as caught:
        async for chunk in Stream(breaks):
            seen.append(chunk.text)  # noqa: PERF401  # what came before the error is the point
    assert (seen, caught.value.text) == (["once"], "once")


async def test_the_model_is_never_far_ahead_of_its_reader() -> None:
    """The queue is bounded: a slow reader slows the upstream down."""
    pushed = 0

    async def endless(sink: Sink) -> Response:
        nonlocal pushed
        for _ in range(100):
            await sink.push(Chunk(text="x"))
            pushed += 1
        return Response(text="", model="m")

    stream = Stream(endless)
    await anext(stream)
    await asyncio.sleep(0.05)
    assert pushed <= AHEAD + 1
    await stream.aclose()


@pytest.mark.parametrize("leave", ["break", "with"])
async def test_leaving_early_cancels_the_tree(leave: str) -> None:
    """By `break` alone, and by the end of a `with` block; no task is left."""
    cancelled = asyncio.Event()

    async def endless(sink: Sink) -> Response:
        try:
            while True:
                await sink.push(Chunk(text="x"))
        except asyncio.CancelledError:
            cancelled.set()
            raise

    before = asyncio.all_tasks()
    if leave == "with":
        async with Stream(endless) as stream:
            await anext(stream)
    else:
        async for _ in Stream(endless):
            break
        gc.collect()
    await asyncio.wait_for(cancelled.wait(), 5)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


def test_a_sync_stream_is_the_same_for_sync_callers() -> None:
    """Iterate it; the response afterwards."""
    model = Scripted("once upon a time")
    stream = SyncStream(lambda sink: model(Request(sink=sink)))
    assert "".join(chunk.text for chunk in stream) == "once upon a time" == stream.response.text
    with pytest.raises(StopIteration):
        next(stream)


def test_a_sync_stream_raises_what_the_tree_raises() -> None:
    """In the thread of its reader."""
    model = Scripted(Unavailable("down"))
    with pytest.raises(Unavailable):
        list(SyncStream(lambda sink: model(Request(sink=sink))))


def test_closing_a_sync_stream_books_what_was_under_way() -> None:
    """Closing posts a cancel; the attempt is booked at its bound."""
    model, journal = Scripted("never", delay_s=60), []
    started = asyncio.Event()

    async def run(sink: Sink) -> Response:
        await sink.push(Chunk(text="x"))
        started.set()
        return await model(Request(sink=sink, journal=journal))

    with SyncStream(run) as stream:
        next(stream)
    for _ in range(100):
        if journal:
            break
        import time

        time.sleep(0.05)
    assert [attempt.basis for attempt in journal] == ["reserved"]
