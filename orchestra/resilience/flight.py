"""Identical calls in flight, joined into one."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from threading import Lock
from types import TracebackType
from typing import Generic, Self, TypeVar

from orchestra.types import Chunk, Sink

T = TypeVar("T")


class Flights(Generic[T]):
    """Which calls are in flight, by key, over all tasks, threads and event loops of the process.

    A flight ends with its outcome; `None`: the one who led it left without one, and another may lead.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._flights: dict[tuple[int, str], Future[T | None]] = {}

    def board(self, key: str) -> tuple[Future[T | None], bool]:
        """The flight of `key`, and whether it begins here: whoever begins it must `land` and `end` it."""
        of_process = (os.getpid(), key)  # a forked child's flights are its own
        with self._lock:
            flight = self._flights.get(of_process)
            if flight is not None:
                return flight, False
            flight = self._flights[of_process] = Future()
            flight.set_running_or_notify_cancel()  # from here on no one of those who wait can cancel it for the others
            return flight, True

    def end(self, key: str) -> None:
        """The next call of `key` begins a new flight."""
        with self._lock:
            self._flights.pop((os.getpid(), key), None)


class Ahead:
    """A sink that its reader cannot slow down, because others wait for the whole of the same answer.

    A context: leaving it waits until the reader has all chunks; cancelled, it drops them.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._pushed = False
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue()

    @property
    def started(self) -> bool:
        return self._pushed or self._sink.started

    async def push(self, chunk: Chunk) -> None:
        if self._pump.done():
            self._pump.result()  # what the reader's end raised
        self._pushed = True
        self._chunks.put_nowait(chunk)
        await asyncio.sleep(0)  # the reader's turn

    async def __aenter__(self) -> Self:
        self._pump = asyncio.create_task(self._pumped())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._chunks.put_nowait(None)
        if error is not None and not isinstance(error, Exception):
            self._pump.cancel()
        try:
            await asyncio.wait([self._pump])
        finally:
            self._pump.cancel()
        if not self._pump.cancelled() and (broken := self._pump.exception()) is not None and error is None:
            raise broken

    async def _pumped(self) -> None:
        while (chunk := await self._chunks.get()) is not None:
            await self._sink.push(chunk)
