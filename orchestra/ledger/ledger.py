"""The ledger: what every call was held, cost and booked at, over all tasks, threads, processes and machines."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from orchestra.errors import LedgerError, LedgerUnavailable
from orchestra.events import warn
from orchestra.ledger import reading
from orchestra.ledger.alerts import Alerts
from orchestra.ledger.engine import engine_for
from orchestra.ledger.entry import Entry
from orchestra.ledger.money import billed
from orchestra.ledger.ops import (
    Alert,
    Append,
    Ask,
    Book,
    Claim,
    Granted,
    Op,
    Peek,
    Purge,
    Refused,
    Release,
    RepairClock,
    Reserve,
    Result,
    Seen,
    Standing,
)
from orchestra.ledger.query import newest_of
from orchestra.ledger.writer import Writer
from orchestra.types import Attempt, new_id

PASSED_OVER = "ledger.passed_over"
WARN_EVERY_S = 60.0

Durability = Literal["power", "process"]
"""What an acknowledged operation survives: a power cut, or only the end of the process."""


class Ledger:
    """Holds and settlements in a file, or in PostgreSQL.

    `place` is a path or a URL that begins with `postgresql://`; nothing is opened before the first use. `wall` is the
    clock, in seconds since the epoch (`None`: the machine's, for PostgreSQL the server's). `patience_s` is how long an
    operation may wait for a ledger that others keep locked. `webhook` is where alerts are posted as JSON. Everything
    raises `LedgerError`.
    """

    def __init__(
        self,
        place: str | Path,
        *,
        durability: Durability = "power",
        wall: Callable[[], float] | None = None,
        patience_s: float = 15.0,
        webhook: str | None = None,
    ) -> None:
        self.patience_s = patience_s
        self.alerts = Alerts(webhook)
        self._warned_at = float("-inf")
        owner = new_id()
        self._engine = engine_for(place, owner, wall=wall, power_safe=durability == "power")
        self._writer = Writer(self._engine, owner, self.alerts.tell)

    def __repr__(self) -> str:
        return f"Ledger({self.place!r})"

    @property
    def place(self) -> str:
        """Where the books are, without a password."""
        return self._engine.place

    @property
    def owner(self) -> str:
        """The id of this ledger in this process; a forked child has another."""
        return self._writer.owner

    def on_alert(self, callback: Callable[[Alert], object]) -> None:
        """Call `callback`, on a thread of its own, when a budget's spending first reaches its alert or its limit.

        One process is called for each window and threshold, wherever the spending was.
        """
        self.alerts.callbacks.append(callback)

    async def reserve(self, asks: Sequence[Ask]) -> Granted | Refused:
        """Hold all of `asks` or none; returns when that is durable. Cancelled, it leaves nothing held."""
        result = await self._durable(Reserve(tuple(asks)))
        assert isinstance(result, Granted | Refused)
        return result

    async def free(self, claims: Sequence[Claim]) -> Seen:
        """How the windows of `claims` stand now."""
        result = await self._durable(Peek(tuple(claims)))
        assert isinstance(result, Seen)
        return result

    def passed_over(self, error: LedgerError) -> None:
        """Warn, once a minute, that calls go out although the ledger can't hold their money."""
        if time.monotonic() - self._warned_at >= WARN_EVERY_S:
            self._warned_at = time.monotonic()
            warn(PASSED_OVER, error=str(error))

    def book(
        self, attempt: Attempt, *, bound: int | None = None, claims: Sequence[Claim] = (), price: str = ""
    ) -> Future[Result]:
        """Settle the hold of `attempt`, or enter a call that had none; queued, never waits.

        `bound` is what a call without a hold whose cost is not known is entered at, in nano-USD; `claims` are its
        windows.
        """
        return self._writer.submit(Book(attempt, billed(attempt.usage.cost), bound, tuple(claims), price))

    def release(self, ids: Sequence[str]) -> Future[Result]:
        """Give back holds whose calls were never made; queued."""
        return self._writer.submit(Release(tuple(ids)))

    def event(self, kind: str, key: str | None, payload: Mapping[str, Any]) -> Future[Result]:
        """Add an event; one of a kind and key that is there changes nothing (`Done.fresh`). No key is a new one."""
        return self._writer.submit(Append(kind, key or new_id(), json.dumps(payload, default=str)))

    def rows(
        self, since: float | None = None, until: float | None = None, *, request: str | None = None
    ) -> list[Entry]:
        """One entry for each call that money was held for in [since, until), seconds since the epoch, oldest first."""
        return reading.calls(self.entries(since, until, request=request))

    def entries(
        self,
        since: float | None = None,
        until: float | None = None,
        *,
        request: str | None = None,
        id: str | None = None,
    ) -> list[Entry]:
        """Every line of the books, a charge and its correction apart."""
        self.flush()
        with self._engine.reading() as session:
            return reading.entries(session, since, until, request=request, id=id)

    def windows(self, at: float | None = None) -> list[Standing]:
        """The windows that were counted in, newest first; with `at` those that are open then."""
        self.flush()
        with self._engine.reading() as session:
            return reading.windows(session, at)

    def holds(self) -> list[reading.HeldRow]:
        """The money that is held now."""
        self.flush()
        with self._engine.reading() as session:
            return reading.holds(session)

    def events(self, kind: str | None = None, under: str | None = None) -> list[reading.Event]:
        """What was noted, oldest first; with `under` what has that key, or one that begins with it and a slash."""
        self.flush()
        with self._engine.reading() as session:
            return reading.events(session, kind, under)

    def news(
        self, after: reading.Place, kinds: Sequence[str], *, entries: bool = False
    ) -> tuple[list[reading.Event], list[Entry], reading.Place]:
        """The events of `kinds`, and the entries if asked for, that came after a place; and how far that is."""
        self.flush()
        with self._engine.reading() as session:
            return reading.news(session, after, kinds, entries=entries)

    def newest(self) -> float:
        """The time of the newest commit, in seconds since the epoch; 0 when there is none."""
        self.flush()
        with self._engine.reading() as session:
            return newest_of(session)

    def audit(self) -> list[str]:
        """Prove that the books add up: a line for each thing that does not."""
        self.flush()
        faults = self._engine.check()
        with self._engine.reading() as session:
            return faults + reading.audit(session)

    def repair_clock(self) -> bool:
        """Let the ledger's time go back to this machine's; False when there was no need."""
        return self._done(RepairClock())

    def purge(self, before: float) -> bool:
        """Remove what was made before `before`; windows that go on keep their sums. False when there was nothing."""
        return self._done(Purge(before))

    def flush(self) -> None:
        """Wait until all that was queued is durable."""
        self._finished(self._writer.submit(Peek(())))

    def close(self) -> None:
        """Write what is queued and let go of the file; a later use opens it again."""
        self._writer.close()
        self.alerts.close()

    def _done(self, op: Op) -> bool:
        result = self._finished(self._writer.submit(op))
        return bool(getattr(result, "fresh", True))

    def _finished(self, future: Future[Result]) -> Result:
        try:
            return future.result(self.patience_s)
        except TimeoutError as error:
            raise self._stuck() from error

    async def _durable(self, op: Op) -> Result:
        """Wait for the commit. Whoever stops waiting gives back what is held after all."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        future = self._writer.submit(op)
        future.add_done_callback(lambda _: _wake_from_thread(loop, waiter))
        late = loop.call_later(self.patience_s, _wake, waiter)
        try:
            await waiter
            if not future.done():
                raise self._stuck()
        except BaseException:
            if not future.cancel():
                future.add_done_callback(self._give_back)
            raise
        finally:
            late.cancel()
        return future.result()

    def _give_back(self, future: Future[Result]) -> None:
        granted = None if future.exception() else future.result()
        if isinstance(granted, Granted) and granted.fresh:
            self.release(granted.ids)

    def _stuck(self) -> LedgerUnavailable:
        return LedgerUnavailable(
            f"the ledger {self.place} did not answer within {self.patience_s:g} s: another process keeps it locked, or "
            "its disk or server hangs"
        )


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _wake_from_thread(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(_wake, waiter)
