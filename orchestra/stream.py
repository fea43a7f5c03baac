"""A streamed answer, as its reader sees it: an async one and a sync one over the same tree."""

from __future__ import annotations

import asyncio
import queue
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from orchestra.door import door
from orchestra.types import Chunk, Response, Sink

AHEAD = 8
"""Chunks that a model may be ahead of its async reader."""

Run = Callable[[Sink], Awaitable[Response]]
"""Runs the tree, pushing chunks into the sink; returns its response."""


class Stream(AsyncIterator[Chunk]):
    """The chunks of an answer, as they come; `response` afterwards.

    Leaving the loop early, or `async with`, closes the upstream, and what came is booked. Iterating raises what the
    tree raises; a stream that breaks after its first chunk raises `Cut`.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._pipe: _Pipe | None = None
        self._task: asyncio.Task[Response] | None = None

    @property
    def response(self) -> Response:
        """The whole answer with usage, cost and trace; raises `RuntimeError` before the stream has ended."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            raise RuntimeError("the response is there when the stream has been read to its end")
        return self._task.result()

    async def __anext__(self) -> Chunk:
        if self._task is None or self._pipe is None:
            self._pipe = _Pipe()
            self._task = asyncio.create_task(_feed(self._run, self._pipe))
            weakref.finalize(self, _drop, asyncio.get_running_loop(), self._task)
        chunk = await self._pipe.get()
        if chunk is not None:
            return chunk
        await self._task
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop the answer where it is; returns when the upstream is closed."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class SyncStream(Iterator[Chunk]):
    """The same for callers that are not async: iterate it, or use it in a `with` block."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._chunks: _SyncSink | None = None
        self._future: Future[Any] | None = None
        self._response: Response | None = None

    @property
    def response(self) -> Response:
        """The whole answer with usage, cost and trace; raises `RuntimeError` before the stream has ended."""
        if self._response is None:
            raise RuntimeError("the response is there when the stream has been read to its end")
        return self._response

    def __next__(self) -> Chunk:
        if self._response is not None:
            raise StopIteration
        if self._chunks is None or self._future is None:
            self._chunks = sink = _SyncSink()
            run = self._run
            self._future = door.start(lambda: _feed(run, sink))
            weakref.finalize(self, self._future.cancel)
        chunk = self._chunks.get()
        if chunk is not None:
            return chunk
        self._response = self._future.result().unwrap()
        raise StopIteration

    def close(self) -> None:
        """Stop the answer where it is; does not wait for the upstream to close."""
        if self._future is not None:
            self._future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Pipe:
    """Chunks from the tree to its async reader; the tree waits when it is too far ahead."""

    def __init__(self) -> None:
        self.started = False
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(AHEAD)

    async def push(self, chunk: Chunk) -> None:
        first, self.started = not self.started, True
        await self._room.acquire()
        self._chunks.put_nowait(chunk)
        if first:
            await asyncio.sleep(0)  # the reader has its first chunk before the next one is made

    def end(self) -> None:
        self._chunks.put_nowait(None)

    async def get(self) -> Chunk | None:
        chunk = await self._chunks.get()
        if chunk is None:
            self._chunks.put_nowait(None)  # the end stays the end
        else:
            self._room.release()
        return chunk


class _SyncSink:
    """Chunks from the tree to a reader in another thread; the tree never waits for it."""

    def __init__(self) -> None:
        self.started = False
        self._chunks: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()

    async def push(self, chunk: Chunk) -> None:
        self.started = True
        self._chunks.put(chunk)

    def end(self) -> None:
        self._chunks.put(None)

    def get(self) -> Chunk | None:
        return self._chunks.get()


async def _feed(run: Run, pipe: _Pipe | _SyncSink) -> Response:
    """Run the tree into the pipe; a tree that pushed nothing has its final answer replayed."""
    try:
        response = await run(pipe)
        if not pipe.started and (response.text or response.tool_calls):
            await pipe.push(Chunk(text=response.text, reasoning=response.reasoning, tool_calls=response.tool_calls))
        await pipe.push(Chunk(finish_reason=response.finish_reason or "stop"))
        return response
    finally:
        pipe.end()


def _drop(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Response]) -> None:
    """Nobody reads any more: have the task cancelled on its own loop, without waiting."""
    if not task.done() and not loop.is_closed():
        loop.call_soon_threadsafe(task.cancel)
