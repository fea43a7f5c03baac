"""The thread that writes: order, groups, cancellation, and what it does when it can't write."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from orchestra.errors import BudgetExceeded, LedgerUnavailable
from orchestra.ledger import Budget, Ledger, Ledgered, nano, writer
from orchestra.ledger.ops import Append, Beat, Book, Done, Granted, Notice, Op, Outage, Release, Reserve, Result
from orchestra.ledger.writer import Writer

from .support import ask, attempt, want

WIDE = Budget(name="wide", limit_nano=nano("100"))


class FakeEngine:
    """An engine that writes down what it was given, and does it when it is let."""

    place = "nowhere"

    def __init__(self) -> None:
        self.batches: list[list[Op]] = []
        self.free = threading.Event()
        self.free.set()
        self.started = threading.Event()
        self.fault: Exception | None = None
        self.closed = 0

    def apply(self, ops: Sequence[Op]) -> list[Result]:
        self.started.set()
        self.free.wait()
        if self.fault is not None:
            raise self.fault
        self.batches.append(list(ops))
        return [Granted(tuple(a.id for a in op.asks)) if isinstance(op, Reserve) else Done() for op in ops]

    def reading(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def check(self) -> list[str]:
        return []

    def close(self) -> None:
        self.closed += 1

    def quiet(self) -> AbstractContextManager[None]:
        return nullcontext()

    def inherit(self, owner: str) -> None:
        """It has nothing to inherit."""

    @property
    def done(self) -> list[Op]:
        return [op for batch in self.batches for op in batch if not isinstance(op, Beat)]


@pytest.fixture
def engine() -> FakeEngine:
    """An engine that does nothing."""
    return FakeEngine()


@pytest.fixture
def told() -> list[Notice]:
    """What the writer gave notice of."""
    return []


@pytest.fixture
def thread(engine: FakeEngine, told: list[Notice]) -> Iterator[Writer]:
    """A writer over that engine."""
    made = Writer(engine, "me", told.extend)
    yield made
    engine.free.set()
    made.close()


def _note(n: int) -> Append:
    return Append("note", str(n), "{}")


def _book(id: str) -> Book:
    return Book(attempt(want(id=id)), 1)


def test_what_comes_while_it_writes_shares_the_next_commit_in_order(engine: FakeEngine, thread: Writer) -> None:
    """Group commit: two transactions for a hundred operations."""
    engine.free.clear()
    first = thread.submit(_note(0))
    assert engine.started.wait(5)
    rest = [thread.submit(_note(n)) for n in range(1, 100)]
    engine.free.set()
    assert [future.result(5) for future in [first, *rest]] == [Done()] * 100
    assert len(engine.batches) == 2
    assert engine.done == [_note(n) for n in range(100)]


def test_what_was_cancelled_before_its_turn_is_not_done(engine: FakeEngine, thread: Writer) -> None:
    """A caller that gave up in the queue leaves no trace."""
    engine.free.clear()
    thread.submit(_note(0))
    assert engine.started.wait(5)
    gone, kept = thread.submit(_note(1)), thread.submit(_note(2))
    assert gone.cancel()
    engine.free.set()
    kept.result(5)
    assert engine.done == [_note(0), _note(2)]


def test_settlements_wait_for_a_ledger_that_is_away_and_the_rest_fails(
    engine: FakeEngine, thread: Writer, told: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a call cost is kept; what was not sent yet is refused."""
    monkeypatch.setattr(writer, "LATER_S", 0.01)
    engine.fault = LedgerUnavailable("away")
    book, release, reserve = (
        thread.submit(_book("a")),
        thread.submit(Release(("b",))),
        thread.submit(Reserve((ask("1"),))),
    )
    with pytest.raises(LedgerUnavailable, match="away"):
        reserve.result(5)
    assert not book.done()
    engine.fault = None
    assert (book.result(5), release.result(5)) == (Done(), Done())
    assert engine.done == [_book("a"), Release(("b",))]
    (notice,) = told
    assert isinstance(notice, Outage)
    assert (notice.error, notice.waiting in (1, 2)) == ("away", True)


def test_of_what_somebody_waits_for_there_is_no_notice(engine: FakeEngine, thread: Writer, told: list[Notice]) -> None:
    """Who waits is told by the error; of a note that nobody reads there is a notice."""
    engine.fault = LedgerUnavailable("away")
    with pytest.raises(LedgerUnavailable):
        thread.submit(Reserve((ask("1"),))).result(5)
    assert told == []
    with pytest.raises(LedgerUnavailable):
        thread.submit(_note(0)).result(5)
    thread.close()
    assert [type(notice) for notice in told] == [Outage]


def test_a_late_settlement_comes_before_what_is_asked_after_it(engine: FakeEngine, thread: Writer) -> None:
    """Money that came back is there for the next hold."""
    engine.fault = LedgerUnavailable("away")
    with pytest.raises(LedgerUnavailable):
        thread.submit(_note(0)).result(5)
    thread.submit(_book("a"))
    engine.fault = None
    thread.submit(_note(1)).result(5)
    assert engine.done == [_book("a"), _note(1)]


def test_closing_gives_up_what_can_not_be_written(engine: FakeEngine, thread: Writer) -> None:
    """One last try, then the caller is told, and the process can end."""
    engine.fault = LedgerUnavailable("away")
    book = thread.submit(_book("a"))
    thread.close()
    with pytest.raises(LedgerUnavailable, match="closed before 1 settlements"):
        book.result(0)


def test_a_mistake_of_ours_reaches_the_caller_and_the_thread_lives_on(engine: FakeEngine, thread: Writer) -> None:
    """One operation that can't be done is not the end of the ledger."""
    engine.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        thread.submit(_note(0)).result(5)
    engine.fault = None
    assert thread.submit(_note(1)).result(5) == Done()


def test_a_listener_that_fails_does_not_stop_the_ledger(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is told of something may raise; what is queued is written all the same."""
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    engine.fault = LedgerUnavailable("away")

    def fail(notices: Sequence[Notice]) -> None:
        raise ZeroDivisionError

    thread = Writer(engine, "me", fail)
    with pytest.raises(LedgerUnavailable):
        thread.submit(_note(0)).result(5)
    engine.fault = None
    assert thread.submit(_note(1)).result(5) == Done()
    thread.close()


def test_a_process_that_holds_money_gives_a_sign_of_life_while_it_waits(
    engine: FakeEngine, thread: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as something is held, and no longer."""
    monkeypatch.setattr(writer, "BEAT_S", 0.01)
    monkeypatch.setattr(writer, "IDLE_S", 0.01)
    thread.submit(Reserve((ask("1", id="a"),))).result(5)
    beaten = threading.Event()
    real = engine.apply

    def noticed(ops: Sequence[Op]) -> list[Result]:
        if list(ops) == [Beat()]:
            beaten.set()
        return real(ops)

    engine.apply = noticed  # type: ignore[method-assign]
    assert beaten.wait(5)
    thread.submit(_book("a")).result(5)
    _ended(thread)


def test_the_thread_ends_when_there_is_nothing_to_do_and_begins_again(
    engine: FakeEngine, thread: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle ledger keeps neither a thread nor a connection."""
    monkeypatch.setattr(writer, "IDLE_S", 0.01)
    for n in range(3):
        thread.submit(_note(n)).result(5)
        _ended(thread)
        assert engine.closed == n + 1
    assert len(engine.done) == 3


def _ended(thread: Writer) -> None:
    running = thread._thread
    if running is not None:
        running.join(5)
        assert not running.is_alive()


async def test_a_ledger_that_is_let_go_is_collected(
    opened: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread does not keep it."""
    monkeypatch.setattr(writer, "IDLE_S", 0.01)
    engine = FakeEngine()
    thread = Writer(engine, "me", lambda notices: None)
    thread.submit(_note(0)).result(5)
    _ended(thread)
    known = weakref.ref(thread)
    del thread
    gc.collect()
    assert known() is None


async def test_a_cancelled_reservation_leaves_nothing_held(opened: Callable[..., Ledger]) -> None:
    """Cancelled at any step of it, the money is back (promise 6)."""
    ledger = opened()
    budgets = Ledgered(ledger=ledger, budgets=(WIDE,))
    granted = []
    for step in range(40):
        task = asyncio.create_task(budgets.reserve([want(), want()]))
        for _ in range(step % 8):
            await asyncio.sleep(0)
        if step >= 8:
            await asyncio.sleep(step / 10_000)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(result, BaseException):
            granted += result
    for held in granted:
        held.release()
    ledger.flush()
    assert ledger.holds() == []
    assert sum(window.held for window in ledger.windows()) == 0
    assert ledger.audit() == []
    assert ledger.entries() == []


async def test_a_caller_that_stops_waiting_after_the_commit_gives_it_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold was granted, nobody is there to use it."""
    budgets = Ledgered(ledger=ledger, budgets=(WIDE,))
    await budgets.reserve([want()])
    entered, leave = threading.Event(), threading.Event()
    real = ledger._engine.apply

    def slow(ops: Sequence[Op]) -> list[Result]:
        results = real(ops)
        entered.set()
        leave.wait(5)
        return results

    monkeypatch.setattr(ledger._engine, "apply", slow)
    task = asyncio.create_task(budgets.reserve([want()]))
    await asyncio.to_thread(entered.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    leave.set()
    ledger.flush()
    assert len(ledger.holds()) == 1


async def test_many_tasks_at_once_are_answered_and_the_one_too_many_refused(ledger: Ledger) -> None:
    """200 holds and a refusal, in one process (T12)."""
    budgets = Ledgered(ledger=ledger, budgets=(Budget(name="b", limit_nano=nano("0.2")),), patience_s=0)
    holds = await asyncio.gather(*(budgets.reserve([want()]) for _ in range(200)))
    with pytest.raises(BudgetExceeded):
        await budgets.reserve([want()])
    for (held,) in holds:
        held.book(attempt(held.want, "0.0005"))
    assert ledger.windows()[0].spent == nano("0.1")
