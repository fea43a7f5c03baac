"""Clocks that jump, days that end, zones that change: never a second fresh limit for one day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestra.errors import BudgetExceeded, LedgerClock
from orchestra.ledger import Budget, Ledger, Ledgered, nano

from .support import Time, attempt, call, want

HOUR, DAY = 3_600, 86_400


@pytest.fixture
def place(tmp_path: Path) -> str:
    """A file: time is reckoned the same on every engine."""
    return str(tmp_path / "ledger.db")


def _daily(ledger: Ledger, zone: str = "UTC", limit: str = "0.003") -> Ledgered:
    return Ledgered(ledger=ledger, budgets=(Budget(name="daily", limit_nano=nano(limit), timezone=zone),), patience_s=0)


def _at(time: Time, text: str, zone: str = "UTC") -> None:
    time.now = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


async def _spend(budgets: Ledgered) -> int:
    """Call until the budget refuses; the number of calls."""
    for made in range(100):
        try:
            await call(budgets)
        except BudgetExceeded:
            return made
    raise AssertionError("nothing was refused")


async def test_each_day_has_the_limit_once(ledger: Ledger, time: Time) -> None:
    """A new day is a new window, a year on too."""
    assert await _spend(_daily(ledger)) == 3
    time.pass_(DAY)
    assert await _spend(_daily(ledger)) == 3
    time.pass_(366 * DAY)
    assert await _spend(_daily(ledger)) == 3


@pytest.mark.parametrize("back_s", [60, HOUR - 1, HOUR])
async def test_a_clock_that_is_set_back_a_little_goes_on_with_the_same_day(
    ledger: Ledger, time: Time, back_s: float
) -> None:
    """Just after midnight, set back to before it: the new day goes on, the old one is not opened again."""
    _at(time, "2026-11-24T00:10")
    await call(_daily(ledger))
    ledger.flush()
    time.pass_(-back_s)
    assert await _spend(_daily(ledger)) == 2
    assert len(ledger.windows()) == 1


async def test_a_clock_that_is_set_back_much_is_an_error_until_it_is_mended(ledger: Ledger, time: Time) -> None:
    """No call goes out under it; what is in flight is settled; the message names the way out."""
    budgets = _daily(ledger)
    (held,) = await budgets.reserve([want()])
    time.pass_(-HOUR - 1)
    with pytest.raises(LedgerClock, match=r"60 minutes behind.*orchestra ledger repair-clock"):
        await call(budgets)
    held.book(attempt(held.want))
    assert ledger.windows()[0].spent == nano("0.001")
    time.pass_(HOUR + 1)
    await call(budgets)


async def test_a_ledger_that_was_written_in_the_future_can_be_repaired(ledger: Ledger, time: Time) -> None:
    """Once a wrong clock is set right, the ledger's own time can follow it, and what was spent is still spent."""
    budgets = _daily(ledger)
    await call(budgets)
    ledger.flush()
    time.pass_(300 * DAY)
    await call(budgets)
    ledger.flush()
    time.pass_(-300 * DAY)
    with pytest.raises(LedgerClock):
        await call(budgets)
    assert ledger.repair_clock()
    assert ledger.newest() == time.now
    assert await _spend(budgets) == 2
    assert not ledger.repair_clock()
    assert [event.payload["to"] for event in ledger.events("ledger.clock")] == [time.now]
    assert ledger.audit() == []


async def test_a_clock_that_jumped_ahead_charges_no_living_call_twice(
    opened: Callable[..., Ledger], time: Time
) -> None:
    """Others seem silent and are charged; when they settle, it is corrected."""
    first, second = opened(), opened()
    (held,) = await _daily(first, limit="1").reserve([want()])
    time.pass_(DAY)
    await call(_daily(second, limit="1"))
    second.flush()
    held.book(attempt(held.want, "0.0002"))
    spent = sorted(window.spent for window in first.windows())
    assert spent == [nano("0.0002"), nano("0.001")]
    assert first.audit() == []


async def test_a_call_settles_in_the_day_that_it_was_made_in(ledger: Ledger, time: Time) -> None:
    """Begun before midnight, ended after it: it counts for the old day."""
    _at(time, "2026-11-23T23:59:50")
    budgets = _daily(ledger)
    (held,) = await budgets.reserve([want()])
    time.pass_(20)
    held.book(attempt(held.want))
    assert await _spend(budgets) == 3
    assert [window.spent for window in ledger.windows()] == [nano("0.003"), nano("0.001")]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2028-02-29", 24)])
async def test_a_day_of_any_length_has_one_limit(ledger: Ledger, time: Time, day: str, hours: int) -> None:
    """Hour by hour through the nights on which clocks change: three calls, however many hours there are."""
    _at(time, f"{day}T00:00", "Europe/Berlin")
    budgets = _daily(ledger, "Europe/Berlin")
    made = 0
    for _ in range(hours):
        made += await _spend(budgets)
        time.pass_(HOUR)
    assert made == 3
    assert await _spend(budgets) == 3


async def test_a_change_of_zone_gives_no_second_limit_for_what_is_spent(ledger: Ledger, time: Time) -> None:
    """The day of the new zone begins with what was spent in it."""
    assert await _spend(_daily(ledger, "UTC")) == 3
    assert await _spend(_daily(ledger, "Asia/Tokyo")) == 0
    assert await _spend(_daily(ledger, "America/Los_Angeles")) == 0
    assert await _spend(_daily(ledger, "UTC")) == 0


async def test_two_machines_with_different_clocks_share_one_day(opened: Callable[..., Ledger], time: Time) -> None:
    """The later clock opens the new day for both."""
    ahead = Time(time.now + 40 * 60)
    _at(time, "2026-11-23T23:30")
    ahead.now = time.now + 40 * 60
    early, late = opened(), opened(wall=ahead)
    await call(_daily(late))
    late.flush()
    assert await _spend(_daily(early)) == 2
    assert len(early.windows()) == 1
