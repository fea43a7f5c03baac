"""Budgets, as a leaf asks them for money."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestra.errors import BudgetBusy, BudgetExceeded, LedgerUnavailable, PriceUnknown
from orchestra.ledger import Budget, Ledger, Ledgered, nano
from orchestra.testing import FakeClock
from orchestra.types import Basis

from .support import NOON, Time, attempt, call, want


@pytest.fixture
def place(tmp_path: Path) -> str:
    """A file: what is tested here is the same on every engine."""
    return str(tmp_path / "ledger.db")


def _budget(limit: str = "0.01", **fields: Any) -> Budget:
    return Budget(**{"name": "daily", "limit_nano": nano(limit), **fields})


def _under(ledger: Ledger, *budgets: Budget, **options: Any) -> Ledgered:
    return Ledgered(ledger=ledger, budgets=budgets, **{"patience_s": 0, **options})


async def test_a_refusal_names_the_budget_its_figures_and_when_it_starts_again(ledger: Ledger) -> None:
    """Everything that a caller or a message needs."""
    budgets = _under(ledger, _budget(timezone="Europe/Berlin", by=("user",)))
    await call(budgets, "0.001", tags={"user": "ann"})
    await budgets.reserve([want("0.002", tags={"user": "ann"})])
    with pytest.raises(BudgetExceeded) as refused:
        await budgets.reserve([want("0.02", tags={"user": "ann"})])
    error = refused.value
    assert (error.budget, error.scope) == ("daily", "user=ann")
    figures = (error.limit_usd, error.spent_usd, error.held_usd, error.needed_usd)
    assert figures == tuple(map(Decimal, ("0.01", "0.001", "0.002", "0.02")))
    assert error.resets_at == datetime(2027, 1, 16, tzinfo=ZoneInfo("Europe/Berlin"))
    for part in ("'daily' of user=ann", "$0.02", "$0.001 of $0.01", "$0.002 held", "2027-01-16 00:00 CET"):
        assert part in str(error)


async def test_each_user_has_a_limit_of_their_own(ledger: Ledger) -> None:
    """One user's spending refuses that user only."""
    budgets = _under(ledger, _budget("0.001", by=("user",)))
    await call(budgets, tags={"user": "ann"})
    with pytest.raises(BudgetExceeded):
        await call(budgets, tags={"user": "ann"})
    await call(budgets, tags={"user": "ben"})


async def test_a_call_is_held_only_in_the_budgets_that_match_it(ledger: Ledger) -> None:
    """A budget for one provider does not bound another."""
    budgets = _under(ledger, _budget("0.001", name="openai", providers=("openai",)), _budget("0.5", name="all"))
    await call(budgets)
    with pytest.raises(BudgetExceeded, match="'openai'"):
        await call(budgets)
    await call(budgets, model="anthropic/claude", provider="anthropic")
    assert {window.budget: window.spent for window in ledger.windows()} == {"openai": 10**6, "all": 2 * 10**6}


async def test_a_free_model_is_never_refused_and_always_entered(ledger: Ledger) -> None:
    """The local model answers when nothing is left, and when the ledger holds nothing for it."""
    budgets = _under(ledger, _budget("0"))
    with pytest.raises(BudgetExceeded):
        await call(budgets)
    free = want("0", free=True, model="local/small", provider="local")
    (held,) = await budgets.reserve([free])
    held.book(attempt(free, "0"))
    (row,) = ledger.rows()
    assert (row.model, row.cost_usd, row.priced) == ("local/small", Decimal(0), True)
    assert [(window.spent, window.held) for window in ledger.windows()] == [(0, 0)]


async def test_calls_without_a_budget_are_entered_too(ledger: Ledger) -> None:
    """The log is complete; what can't be known is entered at its bound where that is known."""
    budgets = _under(ledger)
    assert not budgets.bounded
    await call(budgets, "0.003")
    await call(budgets, None, "reserved", most="0.002")
    await call(budgets, None, most=None)
    rows = ledger.rows()
    assert [row.cost_usd for row in rows] == [Decimal("0.003"), Decimal("0.002"), None]
    assert ledger.audit() == []


async def test_what_only_waits_for_others_is_granted_when_they_settle(ledger: Ledger) -> None:
    """Held money that turns out not to be needed lets the next call in: no useless refusal."""
    budgets = _under(ledger, _budget("0.001"), patience_s=30)
    (held,) = await budgets.reserve([want()])
    waiting = asyncio.create_task(budgets.reserve([want("0.0005")]))
    await asyncio.sleep(0.03)
    assert not waiting.done()
    held.book(attempt(held.want, "0.0005"))
    assert len(await waiting) == 1


async def test_waiting_ends_at_the_deadline_with_busy(ledger: Ledger) -> None:
    """Not later than the request may wait, and never longer than the patience."""
    clock = FakeClock()
    budgets = _under(ledger, _budget("0.001"), patience_s=20, clock=clock, sleep=clock.sleep)
    await budgets.reserve([want()])
    with pytest.raises(BudgetBusy, match="held by calls in flight"):
        await budgets.reserve([want(deadline=1003.0)])
    assert clock.now_s == pytest.approx(1003.0)
    with pytest.raises(BudgetBusy):
        await budgets.reserve([want()])
    assert clock.now_s == pytest.approx(1023.0)
    assert max(clock.slept) <= 0.25


async def test_what_is_spent_is_refused_at_once(ledger: Ledger) -> None:
    """Nobody waits for money that will not come back."""
    clock = FakeClock()
    budgets = _under(ledger, _budget("0.001"), patience_s=20, clock=clock, sleep=clock.sleep)
    await call(budgets)
    with pytest.raises(BudgetExceeded) as refused:
        await call(budgets)
    assert not isinstance(refused.value, BudgetBusy)
    assert clock.slept == []


async def test_a_cap_for_one_request_is_a_budget_of_that_request(ledger: Ledger) -> None:
    """Each request has its own; earlier attempts of it count."""
    capped = _under(ledger, _budget("1")).plus(_budget("0.002", name="max_cost_usd", per="request"))
    for _ in range(2):
        await call(capped, request="one")
    with pytest.raises(BudgetExceeded, match="'max_cost_usd'") as refused:
        await call(capped, request="one")
    assert refused.value.resets_at is None
    await call(capped, request="two")
    assert ledger.audit() == []


@pytest.mark.parametrize(
    ("policy", "held", "booked"),
    [({"on_unknown_price": "assume", "assume_nano": 4000}, 4000, 4000), ({"on_unknown_price": "allow"}, 0, 0)],
)
async def test_a_call_of_unknown_price_is_held_as_the_budget_says(
    ledger: Ledger, policy: dict[str, Any], held: int, booked: int
) -> None:
    """Assumed, it is held and booked at what was assumed; allowed, it is marked as having no price."""
    budgets = _under(ledger, _budget(**policy))
    (hold,) = await budgets.reserve([want(None)])
    assert [row.amount for row in ledger.holds()] == [held]
    hold.book(attempt(hold.want, None))
    (row,) = ledger.rows()
    assert (row.amount, row.priced) == (booked, bool(booked))
    assert ledger.windows()[0].spent == booked


async def test_a_call_of_unknown_price_is_refused_unless_the_budget_says_otherwise(ledger: Ledger) -> None:
    """What can't be bounded can't be held, and what is not held is not sent."""
    budgets = _under(ledger, _budget(on_unknown_price="allow", name="a"), _budget(name="b"))
    with pytest.raises(PriceUnknown, match="budget 'b' can't hold a call of 'openai/gpt-4o'"):
        await budgets.reserve([want(None)])
    assert ledger.holds() == []


async def test_an_allowed_call_whose_price_turns_out_is_booked(ledger: Ledger) -> None:
    """It counts, and shuts the window when it is more than was left."""
    budgets = _under(ledger, _budget(on_unknown_price="allow"))
    (hold,) = await budgets.reserve([want(None)])
    hold.book(attempt(hold.want, "0.02"))
    (window,) = ledger.windows()
    assert (window.spent, window.free) == (nano("0.02"), 0)
    assert ledger.audit() == []


@pytest.mark.parametrize(("policies", "booked"), [(("estimated",), "0.0004"), (("reserved", "estimated"), "0.001")])
async def test_a_call_that_we_closed_is_booked_at_its_hold_unless_every_budget_takes_an_estimate(
    ledger: Ledger, policies: tuple[Any, ...], booked: str
) -> None:
    """The provider may have generated what was never read."""
    budgets = _under(ledger, *(_budget(name=str(n), on_closed=policy) for n, policy in enumerate(policies)))
    await call(budgets, "0.0004", "estimated")
    (row,) = ledger.rows()
    assert row.amount == nano(booked)


@pytest.mark.parametrize(
    ("void", "latency_s", "status", "basis", "booked"),
    [
        (True, 0.2, 503, "reserved", "0"),
        (False, 0.2, 503, "reserved", "0.001"),
        (True, 1.5, 503, "reserved", "0.001"),
        (True, 0.2, 408, "reserved", "0.001"),
        (True, 0.2, 200, "usage", "0.0005"),
    ],
)
async def test_a_server_error_at_once_may_be_taken_as_not_billed(
    ledger: Ledger, void: bool, latency_s: float, status: int, basis: Basis, booked: str
) -> None:
    """Only a 5xx, only at once, and only where every budget says so."""
    budgets = _under(ledger, _budget(void_on_5xx=void))
    await call_with(budgets, "0.0005" if basis == "usage" else None, basis, status=status, latency_s=latency_s)
    assert [row.amount for row in ledger.rows()] == [nano(booked)]


async def call_with(budgets: Ledgered, cost: str | None, basis: Basis, **about: Any) -> None:
    (held,) = await budgets.reserve([want()])
    held.book(attempt(held.want, cost, basis, **about))


async def test_the_cheaper_model_may_go_on_up_to_the_hard_limit(ledger: Ledger) -> None:
    """The limit bounds what was asked for, the hard limit everything."""
    budgets = _under(ledger, _budget("0.001", hard_limit_nano=nano("0.002"), downgrade_to="groq/cheap"))
    await call(budgets)
    with pytest.raises(BudgetExceeded):
        await call(budgets)
    await call(budgets, model="groq/cheap", provider="groq")
    with pytest.raises(BudgetExceeded, match=r"\$0\.002 of \$0\.002"):
        await call(budgets, model="groq/cheap", provider="groq")
    assert ledger.audit() == []


async def test_what_is_left_can_be_asked_for(ledger: Ledger, time: Time) -> None:
    """A router looks before it chooses; looking changes nothing."""
    daily, users = _budget("0.01"), _budget("0.004", name="users", by=("user",))
    budgets = _under(ledger, daily, users)
    ann = want("0.003", tags={"user": "ann"})
    assert (await budgets.room(ann), ledger.windows()) == (nano("0.004"), [])
    await budgets.reserve([ann])
    await call(budgets, "0.002", tags={"user": "ben"})
    assert await budgets.room(ann) == nano("0.001")
    assert await budgets.free_nano(daily) == nano("0.005")
    assert await budgets.free_nano(users, {"user": "ben"}) == nano("0.002")
    assert await budgets.room(replace(ann, free=True)) is None
    assert await _under(ledger).room(ann) is None
    time.now += 86_400
    assert await budgets.free_nano(daily) == nano("0.01")


async def test_how_all_budgets_stand_is_told_with_the_limits_of_now(ledger: Ledger) -> None:
    """One line for a shared budget, one for each user seen in a split one."""
    budgets = _under(ledger, _budget("0.01"), _budget("0.004", name="users", by=("user",)))
    for user in ("ann", "ben"):
        await call(budgets, tags={"user": user})
    raised = _under(ledger, _budget("0.02"), _budget("0.005", name="users", by=("user",)))
    stand = {(each.budget, each.scope): (each.limit, each.spent) for each in await raised.standings()}
    assert stand == {
        ("daily", ""): (nano("0.02"), nano("0.002")),
        ("users", "user=ann"): (nano("0.005"), nano("0.001")),
        ("users", "user=ben"): (nano("0.005"), nano("0.001")),
    }


async def test_a_released_hold_leaves_room_again(ledger: Ledger) -> None:
    """A meeting point gives back what its members were granted and never used."""
    budgets = _under(ledger, _budget("0.001"))
    (held,) = await budgets.reserve([want()])
    held.release()
    await call(budgets)
    assert ledger.audit() == []


async def test_a_ledger_that_fails_stops_every_paid_call(tmp_path: Path) -> None:
    """Fail closed: no hold, no call (I8)."""
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 100)
    ledger = Ledger(tmp_path / "ledger.db")
    with pytest.raises(LedgerUnavailable):
        await _under(ledger, _budget()).reserve([want()])
    await _under(ledger, _budget()).reserve([want(free=True)])
    assert len(await _under(ledger, _budget(), on_ledger_error="allow").reserve([want()])) == 1
    ledger.close()


async def test_what_went_out_unheld_is_counted_once_the_ledger_is_back(tmp_path: Path) -> None:
    """Allowed calls still count in their budgets."""
    folder = tmp_path / "folder"
    folder.write_text("in the way")
    ledger = Ledger(folder / "ledger.db")
    budgets = _under(ledger, _budget(), on_ledger_error="allow")
    await call(budgets, "0.004")
    folder.unlink()
    assert ledger.windows()[0].spent == nano("0.004")
    ledger.close()


async def test_alerts_reach_callbacks_and_a_webhook(
    opened: Callable[..., Ledger], webhook: tuple[str, list[dict[str, Any]]]
) -> None:
    """Both are told, off the ledger's thread; a callback may use the ledger itself."""
    url, posted = webhook
    ledger = opened(webhook=url)
    seen: list[int] = []
    ledger.on_alert(lambda alert: seen.append(len(ledger.rows()) and alert.standing.spent))
    await call(_under(ledger, _budget("0.001", alert_at=0.5)), "0.0006")
    ledger.close()
    assert seen == [nano("0.0006")]
    (alert,) = posted
    assert (alert["budget"], alert["spent_usd"], alert["threshold_usd"]) == ("daily", "0.000600000", "0.000500000")
    assert alert["starts"] <= NOON < alert["ends"]


async def test_a_webhook_that_fails_changes_nothing(opened: Callable[..., Ledger]) -> None:
    """The money is booked, the alert is logged."""
    ledger = opened(webhook="http://127.0.0.1:9/")
    await call(_under(ledger, _budget("0.001")))
    ledger.close()
    assert len(ledger.events("budget.alert")) == 2
