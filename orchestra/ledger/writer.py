"""The one thread that writes: operations queue up while it commits, and share the next commit."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress

from orchestra.errors import LedgerUnavailable
from orchestra.ledger.engine import Engine
from orchestra.ledger.ops import Append, Beat, Book, Done, Granted, Notice, Op, Outage, Release, Result
from orchestra.types import new_id

BEAT_S = 20.0
IDLE_S = 5.0
LATER_S = 1.0
BATCH = 500
WARN_S = 60.0
FORK_S = 5.0

UNSEEN = (Book, Release, Append)
"""Operations that nobody waits for: whoever waits is told by the error."""

Waiting = tuple[Op, "Future[Result]"]
Finished = tuple["Future[Result]", Result | Exception]


class Writer:
    """Applies operations in groups, in the order in which they came; knows no event loop.

    The thread starts with the first operation and ends when there is nothing to do. A settlement that can't be written
    is kept and tried again. `notify` is called on this thread with what the commits gave notice of.
    """

    def __init__(self, engine: Engine, owner: str, notify: Callable[[Sequence[Notice]], None]) -> None:
        self.engine, self.owner = engine, owner
        self._notify = notify
        self._begin()
        _WRITERS.add(self)

    def _begin(self) -> None:
        self._queue: deque[Waiting] = deque()
        self._ready = threading.Condition()
        self._working = threading.Lock()
        self._forking = ExitStack()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._late: list[Waiting] = []
        self._news: list[Notice] = []
        self._held: set[str] = set()
        self._beaten_at = float("-inf")
        self._warned_at = float("-inf")

    def submit(self, op: Op) -> Future[Result]:
        """Queue an operation; its future is done when it is committed."""
        future: Future[Result] = Future()
        with self._ready:
            self._queue.append((op, future))
            if self._thread is None:
                self._start()
            self._ready.notify()
        return future

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what is queued and close the connection; a later operation opens it again."""
        with self._ready:
            thread = self._thread
            self._closing = thread is not None or bool(self._queue)
            self._ready.notify()
        if thread is not None:
            thread.join(timeout_s)
        elif self._closing:
            self._run()

    def before_fork(self) -> None:
        """Let the batch finish and close the connection: a child must not inherit one."""
        if self._working.acquire(timeout=FORK_S):
            self._forking.callback(self._working.release)
            self._forking.enter_context(self.engine.quiet())

    def after_fork(self) -> None:
        """Go on; the connection opens at its next use."""
        self._forking.close()

    def in_child(self) -> None:
        """Begin anew: what was queued and what is held is the parent's."""
        self.owner = new_id()
        self.engine.inherit(self.owner)
        self._begin()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="orchestra-ledger", daemon=True)
        with suppress(RuntimeError):  # the interpreter is ending: `close` does what is queued
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        try:
            while (batch := self._next()) is not None:
                self._tell(self._written(batch))
                if self._closing:
                    self._give_up()
        finally:
            with self._ready:
                self._thread, self._closing = None, False
                if self._queue:
                    self._start()
            with self._working:
                self.engine.close()

    def _next(self) -> list[Waiting] | None:
        """What to write next, which may be nothing but a sign of life; `None` when there is nothing to wait for."""
        with self._ready:
            if not self._queue and not self._closing:
                self._ready.wait(self._patience_s())
            batch = self._late + [self._queue.popleft() for _ in range(min(len(self._queue), BATCH))]
            idle = not batch and (self._closing or not self._held)
            return None if idle else batch

    def _patience_s(self) -> float:
        if self._late:
            return LATER_S
        return min(IDLE_S, max(0.0, BEAT_S - self._since(self._beaten_at))) if self._held else IDLE_S

    def _written(self, waiting: list[Waiting]) -> list[Finished]:
        """One transaction; what was cancelled while it waited is left out."""
        waiting = [(op, future) for op, future in waiting if future.running() or future.set_running_or_notify_cancel()]
        ops = [op for op, _ in waiting]
        beat = bool(ops or self._held) and self._since(self._beaten_at) >= BEAT_S
        if not ops and not beat:
            return []
        self._late = []
        finished: list[Finished] = []
        try:
            with self._working:
                results = self.engine.apply([Beat(), *ops] if beat else ops)
        except LedgerUnavailable as error:
            return self._postponed(waiting, error)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the callers' to see, and the thread lives on
            return [(future, error) for _, future in waiting]
        if beat:
            self._beaten_at = time.monotonic()
            finished.append((Future(), results.pop(0)))
        for (op, future), result in zip(waiting, results, strict=True):
            self._track(op, result)
            finished.append((future, result))
        return finished

    def _postponed(self, waiting: list[Waiting], error: LedgerUnavailable) -> list[Finished]:
        self._late = [(op, future) for op, future in waiting if isinstance(op, Book | Release)]
        unseen = any(isinstance(op, UNSEEN) for op, _ in waiting)
        if unseen and self._since(self._warned_at) >= WARN_S:
            self._warned_at = time.monotonic()
            self._news.append(Outage(error=str(error), waiting=len(self._late)))
        return [(future, error) for op, future in waiting if not isinstance(op, Book | Release)]

    def _track(self, op: Op, result: Result) -> None:
        """Which holds are this process's to keep alive."""
        match op, result:
            case _, Granted(ids=ids):
                self._held.update(ids)
            case Book(attempt=attempt), Done():
                self._held.discard(attempt.id)
            case Release(ids=ids), Done():
                self._held.difference_update(ids)

    def _tell(self, finished: Sequence[Finished]) -> None:
        for future, result in finished:
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
                if isinstance(result, Granted | Done):
                    self._news += result.notices
        if self._news:
            news, self._news = self._news, []
            self._notify(news)

    def _give_up(self) -> None:
        """Nothing is tried again once the ledger closes: such a hold is charged in full when its time is over."""
        error = LedgerUnavailable(f"the ledger closed before {len(self._late)} settlements could be written")
        late, self._late = self._late, []
        self._tell([(future, error) for _, future in late])

    @staticmethod
    def _since(moment: float) -> float:
        return time.monotonic() - moment


_WRITERS: weakref.WeakSet[Writer] = weakref.WeakSet()
"""The writers that a fork or the end of the process must not cut short."""


def _each(do: Callable[[Writer], None]) -> Callable[[], None]:
    def run() -> None:
        for writer in list(_WRITERS):
            do(writer)

    return run


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_each(Writer.before_fork),
        after_in_parent=_each(Writer.after_fork),
        after_in_child=_each(Writer.in_child),
    )
atexit.register(_each(Writer.close))
