"""Promise 6: a cancelled call closes its upstream, settles its hold, and leaves no task behind."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from orchestra import DeadlineExceeded, MultiModelAPI, Request, Stream
from orchestra.door import door
from orchestra.testing import Answer, Fault, Provider
from orchestra.testing.provider import Record
from orchestra.types import Chunk

KINDS = ("openai", "anthropic", "google", "groq", "cohere", "vllm")
LONG = Answer(" ".join(f"w{n}" for n in range(400)), chunk_delay_s=0.02)

Client = Callable[..., MultiModelAPI]


class Deaf:
    """A sink whose reader has stopped reading after some chunks."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.chunks: list[Chunk] = []
        self.full = asyncio.Event()

    @property
    def started(self) -> bool:
        return bool(self.chunks)

    async def push(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        if len(self.chunks) >= self.after:
            self.full.set()
            await asyncio.Event().wait()


def request(api: MultiModelAPI, sink: Deaf | None = None) -> Request:
    return Request(messages=({"role": "user", "content": "hello"},), budgets=api.tree.budgets(), sink=sink)


def held_and_settled(api: MultiModelAPI, asked: Request) -> None:
    """The hold of the one attempt was settled, once, at its bound; nothing is held now, and the books add up."""
    ledger = api.tree.money.ledger
    (attempt,) = asked.journal
    (entry,) = ledger.entries()
    assert (entry.id, entry.basis, entry.error) == (attempt.id, attempt.basis, attempt.error)
    assert (attempt.basis, attempt.error) == ("reserved", "CancelledError")
    assert entry.amount == entry.held
    assert ledger.holds() == []
    assert ledger.audit() == []


async def settled(provider: Provider) -> Record:
    """The one record of the books, once the stand-in is through with it."""
    (record,) = await asyncio.to_thread(provider.settled)
    return record


async def arrived(provider: Provider, count: int = 1) -> None:
    await asyncio.to_thread(provider.arrived, count)


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def tasks() -> set[str]:
    """The tasks that there are, but for LiteLLM's own logger and what is just ending."""
    for _ in range(20):
        await asyncio.sleep(0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    names = {getattr(task.get_coro(), "__qualname__", "") for task in others}
    return {name for name in names if "LoggingWorker" not in name}


async def warmed(client: Client, provider: Provider, kind: str) -> MultiModelAPI:
    """A client that has made its first call, and with it the tasks that LiteLLM keeps."""
    api = client(router=None, max_retries=3)
    await api.generate("hello", model=kind)
    await asyncio.to_thread(provider.settled)
    return api


@pytest.mark.parametrize("kind", KINDS)
async def test_a_plain_call(provider: Provider, client: Client, kind: str) -> None:
    """Cancelled while the provider thinks."""
    provider.always(Fault.HANG)
    api = client(router=None, daily_budget_usd=1.0)
    asked = request(api)
    task = asyncio.ensure_future(api.tree.find(kind).model(asked))
    await arrived(provider)
    await cancelled(task)
    assert (await settled(provider)).closed_early
    held_and_settled(api, asked)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_before_its_first_token(provider: Provider, client: Client, kind: str) -> None:
    """Cancelled while the reader waits for the first chunk."""
    provider.always(Answer("late", delay_s=60))
    api = client(router=None, daily_budget_usd=1.0)
    sink = Deaf(after=1)
    asked = request(api, sink)
    task = asyncio.ensure_future(api.tree.find(kind).model(asked))
    await arrived(provider)
    await cancelled(task)
    assert (await settled(provider)).closed_early
    assert sink.chunks == []
    held_and_settled(api, asked)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_in_its_middle(provider: Provider, client: Client, kind: str) -> None:
    """Cancelled between two chunks: the provider stops generating long before its end."""
    provider.always(LONG)
    api = client(router=None, daily_budget_usd=1.0)
    sink = Deaf(after=3)
    asked = request(api, sink)
    task = asyncio.ensure_future(api.tree.find(kind).model(asked))
    await sink.full.wait()
    await cancelled(task)
    record = await settled(provider)
    assert record.closed_early
    assert record.output_tokens < 400
    held_and_settled(api, asked)


@pytest.mark.parametrize("kind", KINDS)
async def test_leaving_the_loop_of_a_stream(provider: Provider, client: Client, kind: str) -> None:
    """`async with` and `break`: the upstream is closed when the block is left."""
    provider.always(LONG)
    async with client(router=None).generate_stream("hello", model=kind) as stream:
        async for chunk in stream:
            assert chunk.text
            break
    record = await settled(provider)
    assert record.closed_early
    assert record.output_tokens < 400
    with pytest.raises(RuntimeError, match="read to its end"):
        _ = stream.response


async def test_a_stream_that_is_dropped(provider: Provider, client: Client) -> None:
    """`break` without a block: the upstream is closed when the stream is collected."""
    provider.always(LONG)
    stream: Stream | None = client(router=None).generate_stream("hello", model="openai")
    assert stream is not None
    async for chunk in stream:
        assert chunk.text
        break
    stream = None
    for _ in range(20):
        await asyncio.sleep(0)
    assert (await settled(provider)).closed_early


async def test_a_stream_that_is_never_read_sends_nothing(provider: Provider, client: Client) -> None:
    """A call begins with the first chunk that is asked for."""
    stream = client(router=None).generate_stream("hello", model="openai")
    await stream.aclose()
    assert provider.calls == ()


async def test_a_reader_that_is_cancelled(provider: Provider, client: Client) -> None:
    """The task that reads a stream is cancelled from outside: with it the tree behind the stream."""
    provider.always(LONG)
    began = asyncio.Event()

    async def read() -> None:
        async with client(router=None).generate_stream("hello", model="openai") as stream:
            async for _ in stream:
                began.set()

    task = asyncio.ensure_future(read())
    await began.wait()
    await cancelled(task)
    assert (await settled(provider)).closed_early


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
async def test_a_call_whose_deadline_ends(provider: Provider, client: Client, streaming: bool) -> None:
    """The deadline cancels too: the upstream is closed, the attempt is in the error's journal."""
    api = await warmed(client, provider, "openai")
    provider.always(Fault.HANG)
    with pytest.raises(DeadlineExceeded) as caught:
        if streaming:
            [chunk async for chunk in api.generate_stream("hello", model="openai", deadline_s=1.0)]
        else:
            await api.generate("hello", model="openai", deadline_s=1.0)
    assert (await asyncio.to_thread(provider.settled))[-1].closed_early
    assert [attempt.basis for attempt in caught.value.journal] == ["reserved"]


async def test_a_wait_between_two_tries(provider: Provider, client: Client) -> None:
    """Cancelled while it waits to ask again: it does not ask again."""
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    api = client(router=None, max_retries=3)
    api.tree.runtime.sleep = sleep
    provider.always(Fault.UNAVAILABLE)
    task = asyncio.ensure_future(api.generate("hello", model="openai"))
    await waiting.wait()
    await cancelled(task)
    assert len(provider.calls) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_no_task_is_left(provider: Provider, client: Client, kind: str) -> None:
    """After streams left early and cancelled calls there are the tasks of before."""
    api = await warmed(client, provider, kind)
    before = await tasks()
    provider.always(LONG)
    for _ in range(3):
        async with api.generate_stream("hello", model=kind) as stream:
            async for _chunk in stream:
                break
    provider.always(Fault.HANG)
    for call in range(3):
        task = asyncio.ensure_future(api.generate("hello", model=kind))
        await arrived(provider, 5 + call)
        await cancelled(task)
    await asyncio.to_thread(provider.settled)
    assert await tasks() == before


def test_a_sync_stream_that_is_closed(provider: Provider, client: Client) -> None:
    """`with` and `break` in sync code; nothing is left on the background loop."""
    api = client(router=None)
    before = at_door(api)
    provider.always(LONG)
    with api.generate_stream_sync("hello", model="openai") as stream:
        for chunk in stream:
            assert chunk.text
            break
    record = provider.settled()[-1]
    assert record.closed_early
    assert record.output_tokens < 400
    assert door.run(tasks) == before


def test_a_sync_stream_that_is_dropped(provider: Provider, client: Client) -> None:
    """`break` without a block."""
    provider.always(LONG)
    for chunk in client(router=None).generate_stream_sync("hello", model="openai"):
        assert chunk.text
        break
    assert provider.settled()[0].closed_early


def test_a_sync_call_that_is_interrupted(provider: Provider, client: Client) -> None:
    """Ctrl-C in the waiting caller cancels the call behind it."""
    api = client(router=None)
    before = at_door(api)
    provider.always(Fault.HANG)
    main = threading.main_thread().ident
    assert main is not None

    def press() -> None:
        provider.arrived(2)
        signal.pthread_kill(main, signal.SIGINT)

    finger = threading.Thread(target=press)
    finger.start()
    with pytest.raises(KeyboardInterrupt):
        api.generate_sync("hello", model="openai")
    finger.join()
    assert provider.settled()[-1].closed_early
    assert door.run(tasks) == before


def at_door(api: MultiModelAPI) -> set[str]:
    """The tasks on the loop of the sync callers after a call that went well."""
    api.generate_sync("hello", model="openai")
    return door.run(tasks)
