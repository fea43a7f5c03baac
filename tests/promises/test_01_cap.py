"""Promise 1: at every moment spent + held ≤ limit, for any number of tasks, threads and processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestra import BudgetBusy, BudgetExceeded, MultiModelAPI, PriceUnknown
from orchestra.ledger import Ledger, nano
from orchestra.testing import Answer, Fault, Provider

from .money import ANSWER, CALL, COST, EXACT, EXACTLY, PROMPT, answers, ask, ask_many, bill, billed, booked, ledger_of

Client = Callable[..., MultiModelAPI]
Callers = list["subprocess.Popen[str]"]

LIMIT = Decimal("0.01")
COUNTED = Decimal("0.00097")
"""What a call needs once its tokens were counted, where its bytes did not fit."""
CHEAP = "openai/gpt-4o-mini"
CHEAP_CALL = Decimal("0.00006")


def cap(limit: str = "0.01", **fields: Any) -> dict[str, Any]:
    return {"cap": {"limit_usd": limit, "per": "total", **fields}}


def refused(outcomes: list[object]) -> list[BudgetExceeded]:
    return [outcome for outcome in outcomes if isinstance(outcome, BudgetExceeded)]


@asynccontextmanager
async def watched(ledger: Ledger) -> AsyncIterator[list[tuple[int, int]]]:
    """While it lasts, look at what is spent and held, from outside of the calls."""
    seen: list[tuple[int, int]] = []

    async def look() -> None:
        while True:
            seen.extend((w.spent + w.held, w.limit + w.overrun) for w in await asyncio.to_thread(ledger.windows))
            await asyncio.sleep(0.005)

    looking = asyncio.ensure_future(look())
    yield seen
    looking.cancel()


def exhausted(provider: Provider, api: MultiModelAPI, limit: Decimal = LIMIT) -> None:
    """All of the limit was billed, not a nano-dollar more, and the books say the same."""
    provider.settled()
    assert billed(provider) == booked(ledger_of(api)) == limit
    assert ledger_of(api).audit() == []


@pytest.mark.parametrize("at_once", [60, 25, 1], ids=["burst", "25 in flight", "one by one"])
async def test_tasks_spend_all_of_it_and_no_more(provider: Provider, paying: Client, at_once: int) -> None:
    """Sixty calls of a tenth of a cent under a limit of one cent: ten are answered."""
    provider.always(EXACT)
    api = paying()
    async with watched(ledger_of(api)) as seen:
        outcomes = await ask_many(api, 60, at_once)
    assert len(answers(outcomes)) == len(provider.calls) == 10
    assert not any(isinstance(error, BudgetBusy) for error in refused(outcomes))
    await asyncio.to_thread(exhausted, provider, api)
    assert seen
    assert all(taken <= limit for taken, limit in seen)


def test_threads_spend_all_of_it_and_no_more(provider: Provider, paying: Client) -> None:
    """The same from threads, through the sync door."""
    provider.always(EXACT)
    api = paying()

    def one(_: int) -> object:
        try:
            return api.generate_sync(PROMPT, **EXACTLY)
        except BudgetExceeded as error:
            return error

    with ThreadPoolExecutor(20) as threads:
        outcomes = list(threads.map(one, range(40)))
    assert len(answers(outcomes)) == 10
    exhausted(provider, api)


async def test_streams_and_plain_calls_share_it(provider: Provider, paying: Client) -> None:
    """A stream holds as much as a plain call."""
    provider.always(EXACT)
    api = paying()

    async def stream() -> object:
        try:
            async with api.generate_stream(PROMPT, **EXACTLY) as chunks:
                return [chunk async for chunk in chunks] and chunks.response
        except BudgetExceeded as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call) for _ in range(15) for call in (stream(), ask(api))]
    assert len(answers(task.result() for task in tasks)) == 10
    await asyncio.to_thread(exhausted, provider, api)


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    """Four processes that wait for orders."""
    command = [sys.executable, str(Path(__file__).with_name("caller.py"))]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for caller in started:
        said(caller)
    yield started
    for caller in started:
        caller.kill()
        caller.communicate()


def said(caller: subprocess.Popen[str]) -> dict[str, int]:
    assert caller.stdout is not None
    return dict(json.loads(caller.stdout.readline()))


def order(caller: subprocess.Popen[str], **about: Any) -> None:
    assert caller.stdin is not None
    caller.stdin.write(json.dumps(about) + "\n")
    caller.stdin.flush()


@pytest.mark.parametrize(("processes", "at_once"), [(2, 20), (4, 20), (4, 1)], ids=["2 burst", "4 burst", "4 in turn"])
def test_processes_spend_all_of_it_and_no_more(
    provider: Provider, callers: Callers, tmp_path: Path, processes: int, at_once: int
) -> None:
    """One file for all of them; the alerts are told once in all."""
    provider.always(EXACT)
    about = {"url": provider.api_base("openai"), "ledger": str(tmp_path / "ledger.db"), "budgets": cap(alert_at=0.8)}
    for caller in callers[:processes]:
        order(caller, **about, calls=20, at_once=at_once)
    done = [said(caller) for caller in callers[:processes]]
    assert sum(each["answers"] for each in done) == len(provider.calls) == 10
    assert billed(provider) == LIMIT
    ledger = Ledger(about["ledger"])
    assert booked(ledger) == LIMIT
    assert ledger.audit() == []
    assert sum(each["alerts"] for each in done) == len(ledger.events("budget.alert")) == 2
    ledger.close()


def test_a_killed_process_leaves_its_call_charged(provider: Provider, callers: Callers, tmp_path: Path) -> None:
    """What was in flight at kill -9 may have been billed: others can't spend it again."""
    provider.always(EXACT)
    about = {"url": provider.api_base("openai"), "ledger": str(tmp_path / "ledger.db"), "budgets": cap()}
    order(callers[0], **about, calls=4, at_once=4)
    assert said(callers[0])["answers"] == 4
    victim = callers.pop()
    provider.always(Fault.HANG)
    order(victim, **about, calls=1, at_once=1)
    provider.arrived(5)
    victim.kill()
    victim.communicate()
    provider.always(EXACT)
    order(callers[0], **about, calls=20, at_once=20, deadline_s=2)
    assert said(callers[0])["answers"] == 5
    ledger = Ledger(about["ledger"])
    (window,) = ledger.windows()
    assert (window.spent, window.held) == (nano(9 * CALL), nano(CALL))
    assert ledger.audit() == []
    ledger.close()


async def test_a_refusal_says_what_and_until_when(provider: Provider, paying: Client) -> None:
    """Budget, limit, spent, held, needed, and when it starts again in the budget's own time zone."""
    provider.always(EXACT)
    api = paying(budgets={"daily": {"limit_usd": "0.0015", "per": "day", "timezone": "Europe/Berlin"}})
    await ask(api)
    error = await ask(api)
    assert isinstance(error, BudgetExceeded)
    assert (error.budget, error.limit_usd, error.spent_usd, error.held_usd, error.needed_usd) == (
        "daily",
        Decimal("0.0015"),
        CALL,
        0,
        COUNTED,
    )
    assert isinstance(error.resets_at, datetime)
    assert (error.resets_at.hour, error.resets_at.minute, str(error.resets_at.tzinfo)) == (0, 0, "Europe/Berlin")
    assert "$0.001 of $0.0015 is spent" in str(error)
    assert len(provider.calls) == 1


async def test_what_others_hold_is_waited_for(provider: Provider, paying: Client) -> None:
    """A call in flight that turns out cheaper than its hold lets the next one in: no useless refusal."""
    provider.reply(Answer("Rain.", input_tokens=10, output_tokens=20, delay_s=0.3)).always(ANSWER)
    outcomes = await ask_many(paying(budgets=cap("0.0013")), 2, 2)
    assert len(answers(outcomes)) == 2
    first, second = await asyncio.to_thread(provider.settled)
    assert bill(first) == bill(second) == COST


async def test_waiting_for_others_ends_with_busy(provider: Provider, paying: Client) -> None:
    """Within the deadline, and it is told apart from a budget that is spent."""
    provider.always(Fault.HANG)
    api = paying(budgets=cap("0.0013"))
    hanging = asyncio.ensure_future(api.generate(PROMPT, **EXACTLY))
    await asyncio.to_thread(provider.arrived, 1)
    busy = await ask(api, deadline_s=0.5)
    assert isinstance(busy, BudgetBusy)
    assert (busy.spent_usd, busy.held_usd) == (0, CALL)
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    assert len(provider.calls) == 1


async def test_each_request_may_have_a_cap_of_its_own(provider: Provider, paying: Client) -> None:
    """All attempts of the request count, and no other request."""
    provider.always(EXACT)
    api = paying(budgets={})
    capped = await ask(api, max_cost_usd="0.0009")
    assert isinstance(capped, BudgetExceeded)
    assert (capped.budget, capped.limit_usd, capped.resets_at) == ("max_cost_usd", Decimal("0.0009"), None)
    assert provider.calls == ()
    assert len(answers(await ask_many(api, 3, 3, max_cost_usd="0.001"))) == 3


async def test_a_cap_of_a_request_counts_its_retries(provider: Provider, paying: Client) -> None:
    """The third try has no room, and the failure of the second stands."""
    provider.always(Fault.UNAVAILABLE)
    failed = await ask(paying(budgets={}, max_retries=3), max_cost_usd="0.002")
    assert type(failed).__name__ == "Unavailable"
    assert len(provider.calls) == 2


async def test_every_user_has_a_window_of_their_own(provider: Provider, paying: Client) -> None:
    """`by: user`: what one spends is not missing for another; the common limit is above both."""
    provider.always(EXACT)
    users = {"users": {"limit_usd": "0.002", "per": "total", "by": "user"}, "all": {"limit_usd": "0.005", "per": "day"}}
    api = paying(budgets=users)
    ann = await ask_many(api, 4, 4, tags={"user": "ann"})
    ben = await ask_many(api, 4, 4, tags={"user": "ben"})
    assert (len(answers(ann)), len(answers(ben))) == (2, 2)
    assert {(error.budget, error.scope) for error in refused([*ann, *ben])} == {
        ("users", "user=ann"),
        ("users", "user=ben"),
    }
    third = await ask_many(api, 2, 2, tags={"user": "cat"})
    assert (len(answers(third)), {error.budget for error in refused(third)}) == (1, {"all"})


@pytest.mark.parametrize(
    ("model", "setting", "asked", "sent"),
    [
        ("gpt-4o", 4096, {}, 4096),
        ("gpt-4-turbo", 8192, {}, 4096),
        ("gpt-4o", 500, {}, 500),
        ("gpt-4o", 500, {"max_tokens": 90}, 90),
        ("gpt-4o", 500, {"max_completion_tokens": 70}, 70),
    ],
)
@pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")
async def test_every_call_under_a_budget_says_how_long_its_answer_may_be(
    provider: Provider, paying: Client, model: str, setting: int, asked: dict[str, int], sent: int
) -> None:
    """The caller's own word counts; else the default, never above the model's ceiling."""
    api = paying(budgets=cap("1"), default_max_tokens=setting)
    await api.generate(PROMPT, model=model, **asked)
    body = provider.calls[0].body
    assert body.get("max_tokens", body.get("max_completion_tokens")) == sent


async def test_without_a_budget_nothing_is_added(provider: Provider, paying: Client) -> None:
    """No limit, no cap of the answer."""
    await paying(budgets={}).generate(PROMPT, model="gpt-4o")
    assert not {"max_tokens", "max_completion_tokens"} & provider.calls[0].body.keys()


@pytest.mark.parametrize("price", ["refuse", "assume", "allow"])
async def test_an_unknown_price(provider: Provider, paying: Client, price: str) -> None:
    """It is refused before it is sent, or held and booked at what is assumed, or let through and marked."""
    policy = {"on_unknown_price": price} | ({"assume_usd": "0.004"} if price == "assume" else {})
    api = paying(budgets=cap(**policy))
    outcomes = [await ask(api, model="groq/of-your-own") for _ in range(4)]
    rows = ledger_of(api).rows()
    match price:
        case "refuse":
            assert all(isinstance(outcome, PriceUnknown) for outcome in outcomes)
            assert (rows, provider.calls) == ([], ())
        case "assume":
            assert [response.cost_usd for response in answers(outcomes)] == [Decimal("0.004")] * 2
            assert [row.cost_usd for row in rows] == [Decimal("0.004")] * 2
            assert len(provider.calls) == 2
        case "allow":
            assert [response.cost_usd for response in answers(outcomes)] == [None] * 4
            assert [(row.priced, row.amount) for row in rows] == [(False, 0)] * 4


async def test_a_free_model_is_never_refused(provider: Provider, paying: Client) -> None:
    """Nothing is left, and still it answers; it is in the books at zero."""
    api = paying(budgets=cap("0"))
    assert isinstance(await ask(api), BudgetExceeded)
    response = await api.generate(PROMPT, model="ollama")
    assert response.cost_usd == 0
    assert [(row.model, row.cost_usd, row.priced) for row in ledger_of(api).rows()] == [("ollama_chat/m", 0, True)]


def downgrading(limit: str, **fields: Any) -> dict[str, Any]:
    return cap(limit, **{"on_exceeded": "downgrade", "downgrade_to": "gpt-4o-mini", **fields})


async def test_a_downgrade_begins_where_the_asked_model_no_longer_fits(provider: Provider, paying: Client) -> None:
    """Below the limit nothing changes; then the cheaper one answers while it fits, then a free one."""
    provider.always(EXACT)
    api = paying(budgets=downgrading("0.00213"))
    responses = [await api.generate(PROMPT, **EXACTLY) for _ in range(6)]
    assert [r.model for r in responses] == ["openai/gpt-4o"] * 2 + [CHEAP] * 2 + ["ollama_chat/m"] * 2
    assert "budget 'cap' had no room: downgraded to gpt-4o-mini" in responses[2].note
    assert responses[0].note == ""
    assert billed(provider) == booked(ledger_of(api)) == 2 * CALL + 2 * CHEAP_CALL


async def test_where_nothing_fits_and_nothing_is_free_the_budget_refuses(provider: Provider, paying: Client) -> None:
    """The refusal is that of the model that was asked."""
    provider.always(EXACT)
    api = paying(budgets=downgrading("0.001"), providers=paid_only(provider))
    await api.generate(PROMPT, **EXACTLY)
    with pytest.raises(BudgetExceeded) as error:
        await api.generate(PROMPT, **EXACTLY)
    assert (error.value.budget, error.value.needed_usd) == ("cap", COUNTED)
    assert len(provider.calls) == 1


def paid_only(provider: Provider) -> dict[str, Any]:
    """Two providers that are not free, and no local model."""
    return {
        "openai": {"api_key": "sk-test", "base_url": provider.api_base("openai")},
        "groq": {"api_key": "sk-test", "base_url": provider.api_base("groq")},
        "local": {"enabled": False},
    }


async def test_the_hard_limit_is_the_cap_of_the_cheaper_model(provider: Provider, paying: Client) -> None:
    """The asked model stops at the limit; the cheaper one goes on to the hard limit, where everything stops."""
    provider.always(EXACT)
    hard = CALL + 3 * CHEAP_CALL
    api = paying(budgets=downgrading("0.001", hard_limit_usd=str(hard)), providers=paid_only(provider))
    outcomes = [await ask(api) for _ in range(6)]
    assert [response.model for response in answers(outcomes)] == ["openai/gpt-4o", CHEAP, CHEAP, CHEAP]
    assert len(refused(outcomes)) == 2
    assert billed(provider) == booked(ledger_of(api)) == hard


async def test_from_its_share_on_the_cheaper_model_is_asked_first(provider: Provider, paying: Client) -> None:
    """`downgrade_at`: there is room for the asked model, and it is spared."""
    provider.always(EXACT)
    api = paying(budgets=downgrading("0.01", downgrade_at=0.2))
    responses = [await api.generate(PROMPT, **EXACTLY) for _ in range(4)]
    assert [response.model for response in responses] == ["openai/gpt-4o", "openai/gpt-4o", CHEAP, CHEAP]


@pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")
async def test_unless_told_the_cheaper_model_is_the_specs(provider: Provider, paying: Client) -> None:
    """`groq/llama-3.1-8b-instant` where it has a key; without one the cheapest that can."""
    provider.always(EXACT)
    settings = {"limit_usd": "0.0019", "on_exceeded": "downgrade"}
    keyed = paying(budgets={"cap": settings}, providers=paid_only(provider))
    specs = "groq/llama-3.1-8b-instant"
    assert [(await keyed.generate(PROMPT, **EXACTLY)).model for _ in range(2)] == ["openai/gpt-4o", specs]
    keyless = paid_only(provider) | {"groq": {"enabled": False}}
    other = paying(budgets={"mine": {**settings, "per": "total"}}, providers=keyless, default_max_tokens=90)
    response = await other.generate(PROMPT, **EXACTLY)
    assert response.model == other.tree.find("openai:cheap").members[0].model


async def test_a_budget_that_refuses_beside_one_that_downgrades(provider: Provider, paying: Client) -> None:
    """Only the budget that downgrades asks for something cheaper."""
    provider.always(EXACT)
    budgets = downgrading("0.01") | {"strict": {"limit_usd": "0.001", "per": "total", "models": ["gpt-4o"]}}
    api = paying(budgets=budgets)
    await api.generate(PROMPT, **EXACTLY)
    with pytest.raises(BudgetExceeded, match="'strict'"):
        await api.generate(PROMPT, **EXACTLY)


async def test_a_stream_is_downgraded_before_it_begins(provider: Provider, paying: Client) -> None:
    """The reader sees one answer, of the cheaper model."""
    provider.always(EXACT)
    api = paying(budgets=downgrading("0.0005"))
    stream = api.generate_stream(PROMPT, **EXACTLY)
    assert "".join([chunk.text async for chunk in stream]) == "Rain."
    assert stream.response.model == CHEAP


async def test_an_alert_is_told_once(provider: Provider, paying: Client) -> None:
    """At its share of the limit and at the limit itself, whoever gets there first."""
    provider.always(EXACT)
    api = paying(budgets=cap(alert_at=0.5))
    told: list[int] = []
    ledger_of(api).on_alert(lambda alert: told.append(alert.threshold))
    await ask_many(api, 30, 30)
    ledger_of(api).close()
    assert sorted(told) == [nano("0.005"), nano("0.01")]
    assert len(ledger_of(api).events("budget.alert")) == 2


async def test_a_bill_above_the_hold_shuts_the_window(provider: Provider, paying: Client) -> None:
    """A provider that ignores `max_tokens`: the truth is booked, the overrun recorded, the next call refused."""
    provider.reply(Answer("Rain.", input_tokens=40, output_tokens=2000))
    api = paying()
    response = await api.generate(PROMPT, **EXACTLY)
    assert response.cost_usd == billed(provider) == Decimal("0.0201")
    (window,) = ledger_of(api).windows()
    assert (window.spent, window.overrun) == (nano("0.0201"), nano("0.0191"))
    assert isinstance(await ask(api), BudgetExceeded)
    assert [event.payload["amount"] for event in ledger_of(api).events("budget.overrun")] == [nano("0.0191")]
    assert ledger_of(api).audit() == []


async def test_a_raised_limit_counts_from_the_next_call_on(provider: Provider, paying: Client) -> None:
    """And a lowered one refuses without rewriting what is spent."""
    provider.always(EXACT)
    assert len(answers(await ask_many(paying(budgets=cap("0.002")), 4, 4))) == 2
    assert len(answers(await ask_many(paying(budgets=cap("0.003")), 4, 4))) == 1
    lowered = paying(budgets=cap("0.001"))
    (error,) = await ask_many(lowered, 1, 1)
    assert isinstance(error, BudgetExceeded)
    assert (error.spent_usd, error.limit_usd) == (Decimal("0.003"), CALL)
    assert ledger_of(lowered).audit() == []


async def test_an_exact_count_is_tried_before_a_refusal(provider: Provider, paying: Client) -> None:
    """Bytes are a quick bound; where only they do not fit, the tokens are counted."""
    provider.always(ANSWER)
    prompt = "The weather in the mountains is often different. " * 40
    response = await paying(budgets=cap("0.0028")).generate(prompt, **EXACTLY)
    assert response.cost_usd == COST
    assert (len(prompt.encode()) + 20) * Decimal("0.0000025") + Decimal("0.0009") > Decimal("0.0028")
