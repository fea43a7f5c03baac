"""The ledger's promises, on each engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from orchestra.errors import LedgerError
from orchestra.ledger import Budget, Claim, Granted, Ledger, Ledgered, Refused, nano, usd
from orchestra.ledger.store import LEASE_S
from orchestra.types import Attempt, Basis, Usage

from .support import NOON, Time, ask, attempt, call, sums, want

DAY = 86_400
LIMIT = Budget(name="daily", limit_nano=nano("0.01"))


async def _granted(ledger: Ledger, *amounts: str, budget: Budget = LIMIT) -> list[str]:
    asks = [ask(amount, budget) for amount in amounts]
    assert isinstance(await ledger.reserve(asks), Granted)
    return [asked.id for asked in asks]


def _settle(ledger: Ledger, id: str, cost: str | None, basis: Basis = "usage") -> None:
    ledger.book(attempt(want(id=id), cost, basis))


async def test_what_is_spent_and_held_never_passes_the_limit(ledger: Ledger) -> None:
    """200 tasks at once get exactly as many holds as fit (I1)."""
    results = await asyncio.gather(*(ledger.reserve([ask("0.001", LIMIT)]) for _ in range(200)))
    assert sum(isinstance(result, Granted) for result in results) == 10
    (window,) = ledger.windows()
    assert (window.held, window.spent, window.free) == (nano("0.01"), 0, 0)
    assert ledger.audit() == []


async def test_a_hold_is_durable_when_it_is_granted(ledger: Ledger, opened: Callable[..., Ledger]) -> None:
    """Another process sees it as soon as `reserve` returns (I2, I5)."""
    ids = await _granted(ledger, "0.004", "0.005")
    assert {held.id for held in opened().holds()} == set(ids)
    assert isinstance(await opened().reserve([ask("0.002", LIMIT)]), Refused)


async def test_members_are_held_together_or_not_at_all(ledger: Ledger) -> None:
    """Of three calls that do not fit together none is held, of those that do all are."""
    refused = await ledger.reserve([ask("0.004", LIMIT) for _ in range(3)])
    assert isinstance(refused, Refused)
    assert refused.needed == nano("0.012")
    assert ledger.holds() == []
    assert len(await _granted(ledger, "0.004", "0.004", "0.002")) == 3


async def test_a_hold_counts_in_every_budget_or_in_none(ledger: Ledger) -> None:
    """One full budget refuses the call for all, and says which it was."""
    small = Budget(name="small", limit_nano=nano("0.001"), per="hour")
    refused = await ledger.reserve([ask("0.002", LIMIT, small)])
    assert isinstance(refused, Refused)
    assert refused.standing.budget == "small"
    assert [window.held for window in ledger.windows()] in ([], [0, 0])
    assert isinstance(await ledger.reserve([ask("0.001", LIMIT, small)]), Granted)
    assert {window.budget: window.held for window in ledger.windows()} == dict.fromkeys(
        ("daily", "small"), nano("0.001")
    )


async def test_the_same_reservation_again_is_the_same_hold(ledger: Ledger) -> None:
    """An id is held once; with another amount it is an error (I3)."""
    asked = ask("0.004", LIMIT)
    first, second = [await ledger.reserve([asked]) for _ in range(2)]
    assert isinstance(first, Granted)
    assert isinstance(second, Granted)
    assert (first.fresh, second.fresh) == (True, False)
    assert ledger.windows()[0].held == nano("0.004")
    with pytest.raises(LedgerError, match="two different ones"):
        await ledger.reserve([replace(asked, amount=1)])
    with pytest.raises(LedgerError, match="two different ones"):
        await ledger.reserve([ask("0.001", LIMIT, id="twin"), ask("0.001", LIMIT, id="twin")])


@pytest.mark.parametrize(
    ("cost", "basis", "booked", "kept_as"),
    [
        ("0.001", "usage", "0.001", "usage"),
        ("0.001", "counted", "0.001", "counted"),
        ("0.001", "estimated", "0.001", "estimated"),
        ("0.009", "estimated", "0.004", "estimated"),
        (None, "reserved", "0.004", "reserved"),
        ("0.001", "reserved", "0.004", "reserved"),
        (None, "usage", "0.004", "reserved"),
        ("-1", "usage", "0.004", "reserved"),
        ("NaN", "usage", "0.004", "reserved"),
        ("0", "usage", "0", "usage"),
        ("0", "void", "0", "void"),
        ("0.003", "void", "0", "void"),
    ],
)
async def test_a_hold_is_settled_on_the_basis_of_what_is_known(
    ledger: Ledger, cost: str | None, basis: Basis, booked: str, kept_as: str
) -> None:
    """A known cost is booked, an unknown one at the hold; only a void call is free (I7)."""
    (id,) = await _granted(ledger, "0.004")
    _settle(ledger, id, cost, basis)
    (entry,) = ledger.entries()
    assert (entry.amount, entry.basis, entry.held) == (nano(booked), kept_as, nano("0.004"))
    (window,) = ledger.windows()
    assert (window.spent, window.held, window.overrun) == (nano(booked), 0, 0)
    assert ledger.audit() == []


async def test_a_call_is_booked_once(ledger: Ledger) -> None:
    """The second settlement of an attempt changes nothing, whatever it says (I3)."""
    (id,) = await _granted(ledger, "0.004")
    for cost in ("0.001", "0.003"):
        _settle(ledger, id, cost)
    _settle(ledger, id, None, "void")
    assert [entry.amount for entry in ledger.entries()] == [nano("0.001")]
    assert ledger.windows()[0].spent == nano("0.001")


async def test_a_call_that_cost_more_than_was_held_shuts_the_window(ledger: Ledger) -> None:
    """The real amount is booked, the difference is stored as overrun, and nothing more is granted (C2)."""
    (id,) = await _granted(ledger, "0.009")
    _settle(ledger, id, "0.0125")
    (window,) = ledger.windows()
    assert (window.spent, window.overrun, window.free) == (nano("0.0125"), nano("0.0035"), 0)
    assert isinstance(await ledger.reserve([ask("0.000000001", LIMIT)]), Refused)
    (event,) = ledger.events("budget.overrun")
    assert (event.key, event.payload["amount"]) == (id, nano("0.0035"))
    assert ledger.audit() == []


async def test_an_absurd_bill_neither_overflows_nor_is_refunded(ledger: Ledger) -> None:
    """A provider that claims a trillion dollars is booked at the most that the ledger takes."""
    (id,) = await _granted(ledger, "0.001")
    usage = Usage(input_tokens=-5, output_tokens=10**30, cost=Decimal("1e12"))
    ledger.book(attempt(want(id=id), usage=usage))
    (entry,) = ledger.entries()
    assert (entry.cost_usd, entry.input_tokens) == (usd(10**17), 0)
    assert 0 < entry.output_tokens < 2**63
    assert ledger.audit() == []


async def test_a_silent_process_has_its_holds_charged_in_full(opened: Callable[..., Ledger], time: Time) -> None:
    """A crash is charged, not refunded: the provider may have billed the call (I6)."""
    (id,) = await _granted(opened(), "0.004")
    time.pass_(LEASE_S + 1)
    other = opened()
    await _granted(other, "0.001")
    (entry,) = other.entries()
    assert (entry.id, entry.kind, entry.amount, entry.basis) == (id, "expire", nano("0.004"), "reserved")
    assert (entry.error, entry.model, entry.made) == ("Expired", "m", NOON)
    assert other.windows()[0].spent == nano("0.004")
    assert other.audit() == []


async def test_a_living_process_keeps_its_holds(opened: Callable[..., Ledger], time: Time) -> None:
    """Whatever a process writes is a sign of life."""
    mine = opened()
    await _granted(mine, "0.004")
    time.pass_(LEASE_S - 1)
    mine.event("note", "1", {})
    mine.flush()
    time.pass_(LEASE_S - 1)
    await _granted(opened(), "0.001")
    assert len(mine.holds()) == 2
    assert mine.entries() == []


@pytest.mark.parametrize(
    ("cost", "basis", "booked"), [("0.001", "usage", "0.001"), ("0", "void", "0"), ("0.006", "usage", "0.006")]
)
async def test_a_late_settlement_corrects_the_charge(
    opened: Callable[..., Ledger], time: Time, cost: str, basis: Basis, booked: str
) -> None:
    """A process that was only slow settles after all: a correction, in the window that the hold was made in."""
    slow = opened()
    (id,) = await _granted(slow, "0.004")
    time.pass_(DAY)
    other = opened()
    await _granted(other, "0.001")
    for _ in range(2):
        _settle(slow, id, cost, basis)
    slow.flush()
    assert sums(slow.entries(id=id)) == nano(booked)
    assert [entry.kind for entry in slow.entries(id=id)] == ["expire", "correct"]
    (row,) = [row for row in slow.rows() if row.id == id]
    assert (row.amount, row.basis, row.made) == (nano(booked), basis, NOON)
    yesterday = min(slow.windows(), key=lambda window: window.starts)
    assert (yesterday.spent, yesterday.held) == (nano(booked), 0)
    assert slow.audit() == []


async def test_the_sum_of_the_rows_is_what_the_windows_say(ledger: Ledger, daily: Ledgered) -> None:
    """Spent is the sum of entries, held is the sum of holds (I4)."""
    for cost in ("0.001", "0.0005", "0.0000000001"):
        await call(daily, cost)
    await daily.reserve([want()])
    (window,) = ledger.windows()
    assert window.spent == sums(ledger.rows()) == nano("0.001") + nano("0.0005") + 1
    assert window.held == sum(held.amount for held in ledger.holds()) == nano("0.001")


async def test_a_new_budget_starts_at_what_matching_calls_have_cost(ledger: Ledger, time: Time) -> None:
    """A budget added at noon counts the morning, and the calls in flight too, but not yesterday."""
    before = Ledgered(ledger=ledger)
    await call(before, "0.5")
    ledger.flush()
    time.pass_(DAY)
    await call(before, "0.003")
    await call(before, "0.7", model="anthropic/claude", provider="anthropic")
    plain = Budget(name="all", limit_nano=nano("10"))
    (flying,) = await before.plus(plain).reserve([want("0.002")])
    after = before.plus(Budget(name="openai", limit_nano=nano("0.01"), providers=("openai",)))
    await call(after, "0.001")
    window = {window.budget: window for window in ledger.windows()}["openai"]
    assert (window.spent, window.held) == (nano("0.004"), nano("0.002"))
    flying.book(attempt(flying.want, "0.0015"))
    window = {window.budget: window for window in ledger.windows()}["openai"]
    assert (window.spent, window.held) == (nano("0.0055"), 0)
    assert ledger.audit() == []


async def test_a_new_budget_by_user_counts_only_that_users_calls(ledger: Ledger) -> None:
    """Each window starts at what its own calls have cost, also when others of the budget are open already."""
    before = Ledgered(ledger=ledger)
    for user in ("ann", "ben", "ben"):
        await call(before, "0.001", tags={"user": user})
    after = before.plus(Budget(name="each", limit_nano=nano("1"), by=("user",)))
    for user in ("ann", "ben", "cat"):
        await call(after, "0.002", tags={"user": user})
    spent = {window.scope: window.spent for window in ledger.windows()}
    assert spent == {"user=ann": nano("0.003"), "user=ben": nano("0.004"), "user=cat": nano("0.002")}


async def test_a_lowered_limit_refuses_and_rewrites_nothing(ledger: Ledger) -> None:
    """A new limit holds from the next reservation on, below what is spent too (C2)."""
    ids = await _granted(ledger, "0.004", "0.004")
    _settle(ledger, ids[0], "0.004")
    lower = replace(LIMIT, limit_nano=nano("0.003"))
    refused = await ledger.reserve([ask("0.000000001", lower)])
    assert isinstance(refused, Refused)
    assert (refused.standing.limit, refused.standing.spent, refused.busy) == (nano("0.003"), nano("0.004"), False)
    _settle(ledger, ids[1], "0.0045")
    assert ledger.windows()[0].spent == nano("0.0085")
    assert isinstance(await ledger.reserve([ask("0.001", LIMIT)]), Granted)
    assert ledger.audit() == []


async def test_a_raised_limit_holds_at_once(ledger: Ledger) -> None:
    """More money is there for the next call."""
    await _granted(ledger, "0.01")
    await _granted(ledger, "0.01", budget=replace(LIMIT, limit_nano=nano("0.02")))
    assert ledger.windows()[0].held == nano("0.02")


async def test_a_refusal_says_whether_others_only_hold_the_money(ledger: Ledger) -> None:
    """Busy is what may pass; exceeded is what does not before the window ends."""
    ids = await _granted(ledger, "0.006")
    busy = await ledger.reserve([ask("0.005", LIMIT)])
    _settle(ledger, ids[0], "0.006")
    exceeded = await ledger.reserve([ask("0.005", LIMIT)])
    assert isinstance(busy, Refused)
    assert isinstance(exceeded, Refused)
    assert (busy.busy, exceeded.busy) == (True, False)


async def test_an_alert_is_given_once_for_each_window_and_threshold(opened: Callable[..., Ledger], time: Time) -> None:
    """The commit that crosses is the one that tells, in whichever process, and again the next day (I9)."""
    told: list[tuple[str, int]] = []
    budgets = []
    for name in ("a", "b"):
        ledger = opened()
        ledger.on_alert(lambda alert, name=name: told.append((name, alert.threshold)))  # type: ignore[misc]
        budgets.append(Ledgered(ledger=ledger, budgets=(LIMIT,), patience_s=0))
    for n in range(10):
        await call(budgets[n % 2])
        for each in budgets:
            each.ledger.flush()
    for each in budgets:
        each.ledger.close()
    assert told == [("b", nano("0.008")), ("b", nano("0.01"))]
    time.pass_(DAY)
    for _ in range(9):
        await call(budgets[0])
    budgets[0].ledger.close()
    assert told[2:] == [("a", nano("0.008"))]
    assert len(budgets[0].ledger.events("budget.alert")) == 3


async def test_an_event_is_written_once_for_each_key(ledger: Ledger) -> None:
    """The second of a kind and key changes nothing; without a key each is new."""
    for payload in ({"score": 1}, {"score": 2}):
        ledger.event("score", "r/quality", payload)
        ledger.event("note", None, payload)
    assert [event.payload for event in ledger.events("score")] == [{"score": 1}]
    assert len(ledger.events("note")) == 2
    assert [event.kind for event in ledger.events()] == ["score", "note", "note"]


async def test_an_entry_says_everything_of_its_call(ledger: Ledger, daily: Ledgered) -> None:
    """What usage reports and the log are made from, and nothing of prompts or answers."""
    asked = want("0.004", tags={"user": "ann"}, request="req-1")
    (held,) = await daily.reserve([asked])
    made = attempt(
        asked,
        "0.002",
        retry=1,
        served="gpt-4o-2024-11-20",
        first_token_s=0.2,
        task_type="reasoning",
        labels={"prompt": "p", "prompt_version": "3", "price": "abc"},
        saved=Decimal("0.0001"),
        error="Cut",
        status=502,
    )
    held.book(made)
    (entry,) = ledger.rows()
    kept = {name: getattr(entry, name) for name in ("retry", "served", "first_token_s", "task_type", "error", "status")}
    assert kept == {name: getattr(made, name) for name in kept}
    assert (entry.request, entry.path, entry.name, entry.call) == ("req-1", ("default", "fast"), "fast", "chat")
    assert (entry.model, entry.provider, entry.tags) == ("openai/gpt-4o", "openai", {"user": "ann"})
    assert (entry.labels["prompt_version"], entry.price, entry.saved_usd) == ("3", "abc", Decimal("0.0001"))
    tokens = (entry.input_tokens, entry.output_tokens, entry.cached_tokens, entry.reasoning_tokens)
    assert tokens == (10, 5, 4, 2)
    assert (entry.cost_usd, entry.latency_s, entry.success) == (Decimal("0.002"), 0.5, False)
    assert (entry.started_at, entry.made, entry.at) == (NOON, NOON, NOON)


async def test_any_text_can_be_stored(ledger: Ledger, daily: Ledgered) -> None:
    """Names from outside may hold what a database refuses."""
    odd = "a\x00b\ud800'; DROP TABLE entry; -- %s ?"
    await call(daily, tags={"user": odd}, request=odd, model=odd)
    (entry,) = ledger.rows()
    assert "DROP TABLE" in entry.tags["user"]
    assert ledger.audit() == []


async def test_one_operation_that_can_not_be_stored_does_not_keep_the_others(ledger: Ledger) -> None:
    """What is asked for in the same moment is done; only that one is told why not."""
    await _granted(ledger, "0.001")
    futures = [
        ledger.book(attempt(want(id=id), status=status)) for id, status in (("a", 200), ("b", 10**30), ("c", 200))
    ]
    assert [future.exception(10) for future in (futures[0], futures[2])] == [None, None]
    assert isinstance(futures[1].exception(10), LedgerError)
    assert [row.id for row in ledger.rows()] == ["a", "c"]
    assert ledger.audit() == []


async def test_rows_are_those_that_were_held_in_a_span_of_time(ledger: Ledger, daily: Ledgered, time: Time) -> None:
    """The start of a span is in it, its end is not."""
    made = []
    for _ in range(3):
        made.append(await call(daily))
        ledger.flush()
        time.pass_(10)
    assert [row.id for row in ledger.rows(NOON, NOON + 20)] == [made[0].id, made[1].id]
    assert [row.id for row in ledger.rows(since=NOON + 20)] == [made[2].id]
    assert ledger.rows(request="unknown") == []
    assert len(ledger.rows(request="r")) == 3


async def test_what_was_never_sent_is_given_back(ledger: Ledger) -> None:
    """A released hold leaves no entry, and a second release nothing to do."""
    ids = await _granted(ledger, "0.01")
    for _ in range(2):
        ledger.release(ids)
    assert (ledger.windows()[0].held, ledger.entries()) == (0, [])
    _settle(ledger, ids[0], "0.01")
    assert (ledger.windows()[0].spent, ledger.audit()) == (0, [])


async def test_a_release_that_comes_too_late_takes_the_charge_back(opened: Callable[..., Ledger], time: Time) -> None:
    """The call was provably never made."""
    slow = opened()
    ids = await _granted(slow, "0.004")
    time.pass_(LEASE_S + 1)
    await _granted(opened(), "0.001")
    slow.release(ids)
    assert sums(slow.entries(id=ids[0])) == 0
    assert slow.audit() == []


async def test_a_purge_keeps_the_sums_of_windows_that_go_on(ledger: Ledger, time: Time) -> None:
    """Old calls go, with the windows that are over; a total keeps what was spent, and the books still balance."""
    total = Budget(name="total", limit_nano=nano("1"), per="total")
    budgets = Ledgered(ledger=ledger, budgets=(LIMIT, total))
    await call(budgets, "0.003")
    (kept,) = await budgets.reserve([want("0.002")])
    time.pass_(2 * DAY)
    await call(budgets, "0.001")
    assert ledger.purge(time.now - DAY)
    assert [row.amount for row in ledger.rows()] == [nano("0.001")]
    windows = {(window.budget, window.starts): window.spent for window in ledger.windows()}
    assert windows["total", 0] == nano("0.004")
    assert ledger.audit() == []
    kept.book(attempt(kept.want, "0.002"))
    assert {window.spent for window in ledger.windows() if window.budget == "total"} == {nano("0.006")}
    assert ledger.audit() == []
    assert not ledger.purge(time.now - DAY - 10 * DAY)


async def test_a_call_made_elsewhere_counts_in_its_windows(ledger: Ledger) -> None:
    """What had no hold is booked all the same, once, and shuts the window that it overfills."""
    claims = [Claim(LIMIT, "", LIMIT.limit_nano)]
    made: Attempt = attempt(want(), "0.012")
    for _ in range(2):
        ledger.book(made, claims=claims)
    (window,) = ledger.windows()
    assert (window.spent, window.free) == (nano("0.012"), 0)
    assert len(ledger.rows()) == 1
    assert ledger.audit() == []


async def test_a_second_owner_at_the_same_place_shares_the_limit(opened: Callable[..., Ledger]) -> None:
    """Two processes get together what one would get."""
    ledgers = [opened(), opened()]
    results = await asyncio.gather(*(ledgers[n % 2].reserve([ask("0.001", LIMIT)]) for n in range(40)))
    assert sum(isinstance(result, Granted) for result in results) == 10
    assert ledgers[0].audit() == []


async def test_a_thousand_operations_in_one_batch(ledger: Ledger) -> None:
    """A batch is cut into statements of a size that every engine takes."""
    wide = replace(LIMIT, limit_nano=nano("100"))
    asks = [ask("0.001", wide) for _ in range(1200)]
    assert isinstance(await ledger.reserve(asks), Granted)
    for asked in asks:
        _settle(ledger, asked.id, "0.0005")
    (window,) = ledger.windows()
    assert (window.spent, window.held) == (1200 * nano("0.0005"), 0)
    assert ledger.audit() == []
