"""A call that costs a tenth of a cent to the nano-dollar, held and billed; and what the stand-in billed in all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from orchestra import BudgetExceeded, MultiModelAPI, OrchestraError, Response
from orchestra.ledger import Ledger
from orchestra.testing import Answer, Provider
from orchestra.testing.provider import Record

PROMPT = "What is the weather?"
"""20 bytes, which are held as 40 tokens: 16 for the message and 4 for its role come on top."""
EXACT = Answer("Rain.", input_tokens=40, output_tokens=90)
"""As many tokens as are held for `PROMPT` with `max_tokens=90`."""
ANSWER = Answer("Rain.", input_tokens=10, output_tokens=20)
CALL = Decimal("0.001")
"""What `EXACT` costs, and what is held for it: 40 tokens at $2.50 and 90 at $10 a million."""
COST = Decimal("0.000225")
"""What `ANSWER` costs."""
EXACTLY: dict[str, Any] = {"model": "gpt-4o", "max_tokens": 90}

USD_PER_MTOK = {
    "gpt-4o": ("2.5", "10"),
    "gpt-4o-mini": ("0.15", "0.6"),
    "llama-3.1-8b-instant": ("0.05", "0.08"),
    "text-embedding-3-small": ("0.02", "0"),
    "m": ("0", "0"),
}
USD_PER_SEARCH = Decimal("0.002")


def cost(model: str, input_tokens: int, output_tokens: int) -> Decimal:
    """A bill, by the provider's own price list."""
    read, written = map(Decimal, USD_PER_MTOK[model])
    return (input_tokens * read + output_tokens * written) / 1_000_000


def bill(record: Record) -> Decimal:
    """What the stand-in counted for a request, in USD."""
    if not record.operation:
        return Decimal(0)
    if record.operation == "rerank":
        return USD_PER_SEARCH if record.status == 200 else Decimal(0)
    return cost(record.model, record.input_tokens, record.output_tokens)


def billed(provider: Provider) -> Decimal:
    """What the stand-in counted in all, in USD."""
    return sum((bill(record) for record in provider.calls), Decimal(0))


def booked(ledger: Ledger) -> Decimal:
    """What the rows of a ledger add up to, in USD."""
    return sum((row.cost_usd or Decimal(0) for row in ledger.rows()), Decimal(0))


def ledger_of(api: MultiModelAPI) -> Ledger:
    return api.tree.money.ledger


async def ask(api: MultiModelAPI, **options: Any) -> Response | OrchestraError:
    """One exact call: its answer, or the error that came instead."""
    try:
        return await api.generate(PROMPT, **{**EXACTLY, **options})
    except OrchestraError as error:
        return error


async def ask_many(api: MultiModelAPI, count: int, at_once: int, **options: Any) -> list[Response | OrchestraError]:
    """So many exact calls, some of them in flight at a time."""
    room = asyncio.Semaphore(at_once)

    async def one() -> Response | OrchestraError:
        async with room:
            return await ask(api, **options)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(count)]
    return [task.result() for task in tasks]


def answers(outcomes: Iterable[object]) -> list[Response]:
    """The answers; everything else must be a refusal."""
    outcomes = list(outcomes)
    assert all(isinstance(outcome, Response | BudgetExceeded) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Response)]
