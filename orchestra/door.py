"""The one background event loop, for callers that are not async."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from orchestra.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[T]):
    """What became of a task; an error is carried, so that it reaches its own caller and nobody else."""

    value: T | None = None
    error: BaseException | None = None

    def unwrap(self) -> T:
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # without an error there is a value


class Door:
    """Runs coroutines on an event loop of its own, in a thread that is started when it is first needed.

    LiteLLM keeps its HTTP clients by event loop, so all sync callers share this one. A forked child gets a new one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context: AbstractContextManager[BlockingPortal] | None = None
        self._portal: BlockingPortal | None = None
        self._thread: int | None = None
        self._lost: list[object] = []

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work()` on the loop and wait for it; an exception in the waiting caller (Ctrl-C) cancels it.

        Raises `ConfigError` when called on the loop itself, where waiting would never end.
        """
        future = self.start(work)
        try:
            return future.result().unwrap()
        except BaseException:
            future.cancel()
            raise

    def start(self, work: Callable[[], Awaitable[T]]) -> Future[_Outcome[T]]:
        """Start `work()` on the loop; cancelling the future cancels it."""
        portal = self._opened()
        if threading.get_ident() == self._thread:
            raise ConfigError("a sync call from inside a running request would wait for itself; use the async call")

        async def guarded() -> _Outcome[T]:
            try:
                return _Outcome(await work())
            except BaseException as error:  # noqa: BLE001  # it is its caller's, who raises it
                return _Outcome(error=error)

        return portal.start_task_soon(guarded)

    def close(self) -> None:
        """Stop the loop; what still runs on it is cancelled."""
        with self._lock:
            context, self._context, portal, self._portal = self._context, None, self._portal, None
        if context is not None and portal is not None:
            portal.start_task_soon(portal.stop, True)
            context.__exit__(None, None, None)

    def forget(self) -> None:
        """Drop the loop without touching it: in a forked child its thread does not exist."""
        self._lost.append(self._context)  # collecting it would wait for the thread that is not there
        self._lock = threading.Lock()
        self._context = self._portal = self._thread = None

    def _opened(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None:
                self._context = start_blocking_portal("asyncio")
                self._portal = self._context.__enter__()
                self._thread = self._portal.start_task_soon(_ident).result()
            return self._portal


async def _ident() -> int:
    return threading.get_ident()


door = Door()
"""The door of this process: the one loop that all sync callers share."""

atexit.register(door.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=door.forget)


def sync(work: Callable[..., Awaitable[T]], /, *args: Any, **options: Any) -> T:
    """Call an async function from sync code."""
    return door.run(lambda: work(*args, **options))
