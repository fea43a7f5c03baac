"""Promise 3: the total shown = the sum of the rows shown = what the provider counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestra import MultiModelAPI, OrchestraError, Runtime
from orchestra.ledger import Entry, Ledger, nano
from orchestra.testing import Answer, Fault, Provider
from orchestra.testing.provider import Failure

from .money import EXACT, EXACTLY, PROMPT, ask, ask_many, bill, billed, booked, ledger_of

Client = Callable[..., MultiModelAPI]

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "books.py"
WIDE = {"cap": {"limit_usd": "1", "per": "total"}}


def test_mixed_calls_balance_to_the_nano_dollar() -> None:
    """Plain, streamed, tools, retried, failed, left, cancelled: no difference where the provider's count is known.

    Where it is not, never below what was billed; every grouping adds up to the same total; what callers were told is
    what is in the books. The benchmark does the same with thousands.
    """
    command = [sys.executable, "-W", "ignore", str(BENCHMARK), "--calls", "300", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    found = json.loads(run.stdout)
    assert found["wrong"] == []
    assert run.returncode == 0
    known, unknown = found["known"], found["unknown"]
    assert known["calls"] + unknown["calls"] == found["calls"] == 300
    assert 0 <= Decimal(known["difference"]) < known["requests"] * Decimal("2e-9")
    assert known["told"] == known["booked"]
    assert Decimal(unknown["difference"]) > 0
    assert len(found["kinds"]) > 20


async def test_the_cost_of_an_answer_is_the_sum_of_its_rows(provider: Provider, paying: Client) -> None:
    """Failed tries included; the same figure in the answer, its attempts, the ledger and the provider's books."""
    provider.reply(Fault.RATE_LIMITED, EXACT)
    api = paying(budgets=WIDE, max_retries=1)
    response = await api.generate(PROMPT, **EXACTLY)
    rows = ledger_of(api).rows(request=response.id)
    assert [(row.id, row.cost_usd) for row in rows] == [(a.id, a.usage.cost) for a in response.attempts]
    assert response.cost_usd == response.total.cost == booked(ledger_of(api)) == billed(provider)
    assert (len(rows), rows[0].basis) == (2, "void")


async def test_the_cost_of_a_failure_is_in_its_journal(provider: Provider, paying: Client) -> None:
    """What was spent is known also when nothing came of it."""
    provider.always(Failure(Fault.NO_CONTENT, answer=EXACT))
    api = paying(budgets=WIDE, max_retries=2)
    error = await ask(api)
    assert isinstance(error, OrchestraError)
    told = sum((attempt.usage.cost for attempt in error.journal), Decimal(0))
    assert told == booked(ledger_of(api)) == billed(provider) == Decimal("0.003")


async def test_a_stream_says_what_it_cost(provider: Provider, paying: Client) -> None:
    """Afterwards, in its response; by the provider's own count, which is always asked for."""
    provider.always(EXACT)
    api = paying(budgets=WIDE)
    stream = api.generate_stream(PROMPT, **EXACTLY)
    async for _ in stream:
        pass
    assert stream.response.cost_usd == booked(ledger_of(api)) == billed(provider)
    assert provider.calls[0].body["stream_options"] == {"include_usage": True}


async def test_tokens_are_those_that_the_provider_counted(provider: Provider, paying: Client) -> None:
    """By class: input with what was cached, output with what was reasoned."""
    provider.always(Answer("Rain.", input_tokens=900, cached_tokens=640, output_tokens=70, reasoning_tokens=50))
    api = paying(budgets=WIDE)
    response = await api.generate(PROMPT, model="gpt-4o", max_tokens=90)
    (row,), (record,) = ledger_of(api).rows(), provider.settled()
    counts = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
    assert [getattr(row, name) for name in counts] == [getattr(record, name) for name in counts] == [900, 70, 640, 50]
    assert response.usage.total_tokens == row.total_tokens == 970
    cached = (260 * Decimal("2.5") + 640 * Decimal("1.25") + 70 * 10) / 1_000_000
    assert row.cost_usd == response.cost_usd == cached


async def test_embeddings_and_reranks_are_booked_too(provider: Provider, paying: Client) -> None:
    """At the provider's count, and under the kind of call that they are."""
    api = paying(budgets=WIDE)
    vectors = await api.embed([PROMPT, "and tomorrow?"], model="text-embedding-3-small")
    ranked = await api.rerank(PROMPT, ["rain", "sun"], model="cohere:rerank")
    rows, bills = ledger_of(api).rows(), [bill(record) for record in provider.calls]
    assert [row.call for row in rows] == ["embedding", "rerank"]
    assert [row.cost_usd for row in rows] == [vectors.cost_usd, ranked.cost_usd]
    assert [row.amount for row in rows] == [nano(amount) for amount in bills]
    assert all(bills)


async def test_without_a_budget_the_books_balance_too(provider: Provider, paying: Client) -> None:
    """The ledger is complete whether or not anything is limited."""
    provider.always(EXACT)
    api = paying(budgets={})
    await ask_many(api, 5, 5)
    assert len(ledger_of(api).rows()) == 5
    assert booked(ledger_of(api)) == billed(provider) == Decimal("0.005")
    assert ledger_of(api).windows() == []


async def test_the_row_says_everything_of_the_call(provider: Provider, paying: Client) -> None:
    """What was asked and served, by which way, for whom, how long it took, and what came of it."""
    provider.always(EXACT)
    api = paying(budgets=WIDE, policies={"chain": {"kind": "fallback", "models": ["gpt-4o", "gpt-4o-mini"]}})
    await api.generate(PROMPT, model="chain", max_tokens=90, task_type="chat", tags={"user": "ann"})
    (row,) = ledger_of(api).rows()
    assert (row.name, row.model, row.served, row.provider) == ("gpt-4o", "openai/gpt-4o", "gpt-4o", "openai")
    assert (row.path, row.task_type, row.tags, row.success) == (("gpt-4o",), "chat", {"user": "ann"}, True)
    assert 0 < row.latency_s < 60
    assert row.held == nano("0.001")


@pytest.fixture
async def spread(provider: Provider, paying: Client) -> list[Entry]:
    """The rows of calls of several models, users and tasks, over two days."""
    provider.always(lambda call: Answer("Rain.", input_tokens=10 + call.number, output_tokens=call.number))
    now = [datetime(2027, 3, 28, 0, 15, tzinfo=UTC).timestamp()]
    settings = paying(budgets=WIDE | {"users": {"limit_usd": "1", "per": "day", "by": "user"}}).settings
    rows: list[Entry] = []
    async with MultiModelAPI(settings, runtime=Runtime(wall=lambda: now[0])) as api:
        for number in range(24):
            now[0] += 5400.0
            await api.generate(
                PROMPT,
                model=("gpt-4o", "gpt-4o-mini")[number % 2],
                task_type=("chat", "reasoning", None)[number % 3],
                tags={"user": ("ann", "ben", "cat", "dan")[number % 4]},
            )
        ledger = ledger_of(api)
        rows = ledger.rows()
        assert ledger.audit() == []
        assert sum(window.spent for window in ledger.windows() if window.budget == "users") == total(rows)
        assert sum(window.spent for window in ledger.windows() if window.budget == "cap") == total(rows)
        assert nano_of(ledger, provider) == total(rows)
    return rows


def nano_of(ledger: Ledger, provider: Provider) -> int:
    """What the provider billed, each request rounded up to a nano-dollar."""
    return sum(nano(bill(record)) for record in provider.calls)


def total(rows: Iterable[Entry]) -> int:
    return sum(row.amount for row in rows)


GROUPINGS: dict[str, Callable[[Entry], Any]] = {
    "model": lambda row: row.model,
    "task": lambda row: row.task_type,
    "user": lambda row: row.tags["user"],
    "day in UTC": lambda row: datetime.fromtimestamp(row.made, UTC).date(),
    "day in Tokyo": lambda row: datetime.fromtimestamp(row.made, timezone(timedelta(hours=9))).date(),
    "hour": lambda row: row.made // 3600,
}


@pytest.mark.parametrize("grouping", GROUPINGS)
async def test_every_grouping_adds_up_to_the_same_total(spread: list[Entry], grouping: str) -> None:
    """Nothing is in two groups, and nothing in none."""
    groups: dict[Any, int] = defaultdict(int)
    for row in spread:
        groups[GROUPINGS[grouping](row)] += row.amount
    assert len(spread) == 24
    assert len(groups) > 1
    assert sum(groups.values()) == total(spread) > 0
