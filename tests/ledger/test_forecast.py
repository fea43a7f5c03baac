"""How a window stands, and when it is used up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.ledger import Budget, Ledger, Ledgered, Standing, nano
from orchestra.ledger.books import ALERT
from orchestra.ledger.forecast import RECENT_S, Outlook, exhausted_at, outlooks

from .rows import row
from .support import NOON, Time, call

HOUR_S = 3600
MIDNIGHT = int(NOON) - 12 * HOUR_S
DAILY = Budget(name="daily", limit_nano=nano(20))
TODAY = Standing(
    budget="daily",
    rule=DAILY.rule,
    scope="",
    starts=MIDNIGHT,
    ends=MIDNIGHT + 24 * HOUR_S,
    limit=nano(20),
    spent=nano("12"),
    held=nano(1),
)


def _reached(standing: Standing = TODAY, at: float = NOON) -> float | None:
    (outlook,) = outlooks([DAILY], [standing], at)
    return outlook.exhausted_at


def test_spending_goes_on_as_it_did() -> None:
    """$12 in twelve hours: the other $8 are gone at 20:00."""
    assert _reached() == NOON + 8 * HOUR_S


@pytest.mark.parametrize(
    ("spent", "at", "reached"),
    [
        ("0", NOON, None),
        ("10", NOON, None),
        ("9", NOON, None),
        ("20", NOON, NOON),
        ("25", NOON, NOON),
        ("5", MIDNIGHT + 60, None),
        ("10.000001", NOON, NOON + 12 * HOUR_S - 0.00864),
    ],
)
def test_what_lasts_is_not_exhausted(spent: str, at: float, reached: float | None) -> None:
    """Nothing spent, a rate that the window outlives, a window that has just begun; used up is used up."""
    found = _reached(replace(TODAY, spent=nano(spent)), at)
    assert found == (reached if reached is None else pytest.approx(reached))


@given(st.integers(0, 10**12), st.integers(1, 24 * HOUR_S - 1))
def test_exhaustion_is_in_what_is_left_of_the_window(spent: int, elapsed_s: int) -> None:
    """A projection is never in the past, and never after the window."""
    at = MIDNIGHT + elapsed_s
    found = exhausted_at(replace(TODAY, spent=spent), at, MIDNIGHT, spent, 24 * HOUR_S)
    assert found is None or at <= found < MIDNIGHT + 24 * HOUR_S


def test_a_budget_without_end_goes_by_the_last_week() -> None:
    """Only calls that it counts make its rate, and no more than the last seven days of them."""
    total = Budget(name="project", limit_nano=nano(100), per="total", tags={"team": "red"})
    standing = replace(TODAY, budget="project", rule=total.rule, starts=0, ends=None, limit=nano(100), spent=nano(90))
    red = {"team": "red"}
    recent = [
        row("50", made=NOON - RECENT_S - 1, tags=red),
        row("5", made=NOON - RECENT_S / 2, tags=red),
        row("5", made=NOON, tags=red),
        row("1000", made=NOON - 3, tags={"team": "blue"}),
    ]
    (outlook,) = outlooks([total], [standing], NOON, recent)
    assert outlook.exhausted_at == NOON + RECENT_S / 2
    assert outlooks([total], [standing], NOON, recent[2:3])[0].exhausted_at is None


@pytest.mark.parametrize(
    ("spent", "limit", "percent"),
    [("12.34", "20", 62), ("0", "20", 0), ("19.999", "20", 99), ("20", "20", 100), ("30", "20", 150), ("0", "0", 100)],
)
def test_100_percent_is_when_nothing_is_left(spent: str, limit: str, percent: int) -> None:
    """Whole points, rounded, but never up to 100."""
    standing = replace(TODAY, spent=nano(spent), limit=nano(limit))
    assert Outlook(budget=DAILY, standing=standing).percent == percent


def test_the_fullest_window_comes_first_in_its_budget() -> None:
    """Budgets stay in the order of the settings; windows of other budgets are left out."""
    each = Budget(name="each", limit_nano=nano(20), by=("user",))
    users = [
        replace(TODAY, budget="each", rule=each.rule, scope=f"user={name}", spent=nano(spent))
        for name, spent in (("a", "1"), ("b", "3"), ("c", "2"))
    ]
    gone = replace(TODAY, budget="gone", rule="0")
    found = outlooks([DAILY, each], [gone, *users, TODAY], NOON)
    assert [outlook.standing.scope for outlook in found] == ["", "user=b", "user=c", "user=a"]


async def test_an_outlook_knows_when_its_alert_was_reached(ledger: Ledger, time: Time) -> None:
    """The ledger's own event tells, on both engines; the alert of another day is not today's."""
    budget = Budget(name="daily", limit_nano=nano("0.002"), alert_at=0.5)
    budgets = Ledgered(ledger=ledger, budgets=(budget,))
    await call(budgets)
    told = outlooks([budget], await budgets.standings(), time.now, (), ledger.events(ALERT))
    assert [outlook.alerted_at for outlook in told] == [NOON]
    time.pass_(24 * HOUR_S)
    fresh = outlooks([budget], await budgets.standings(), time.now, (), ledger.events(ALERT))
    assert [(outlook.alerted_at, outlook.standing.spent) for outlook in fresh] == [(None, 0)]
