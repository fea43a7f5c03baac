"""Calls and times for the tests of the ledger."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from orchestra.ledger import Ask, Budget, Claim, Entry, Ledgered, nano
from orchestra.types import Attempt, Basis, Usage, Want

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC
_numbers = itertools.count()


class Time:
    """A wall clock that stands still until it is moved."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


def want(most: str | None = "0.001", **about: Any) -> Want:
    """A want of a call to a model of OpenAI's."""
    about = {"id": f"call-{next(_numbers)}", "request": "r", "model": "openai/gpt-4o", "provider": "openai", **about}
    return Want(most_usd=None if most is None else Decimal(most), **about)


def attempt(asked: Want, cost: str | None = "0.001", basis: Basis = "usage", **about: Any) -> Attempt:
    """What came of the call that was asked for."""
    usage = Usage(10, 5, 4, 2, cost=None if cost is None else Decimal(cost))
    about = {
        "path": ("default", "fast"),
        "call": "chat",
        "name": "fast",
        "started_at": NOON,
        "latency_s": 0.5,
        "tags": asked.tags,
        **about,
    }
    return Attempt(
        id=asked.id,
        request=asked.request,
        model=asked.model,
        provider=asked.provider,
        **{"usage": usage, "basis": basis, **about},
    )


async def call(budgets: Ledgered, cost: str | None = "0.001", basis: Basis = "usage", **about: Any) -> Want:
    """Hold $0.001 and settle it."""
    asked = want(**about)
    (held,) = await budgets.reserve([asked])
    held.book(attempt(asked, cost, basis))
    return asked


def ask(amount: str, *budgets: Budget, id: str = "", scope: str = "") -> Ask:
    """A hold of `amount` USD under `budgets`."""
    claims = tuple(Claim(budget, scope, budget.limit_nano) for budget in budgets)
    return Ask(id=id or f"ask-{next(_numbers)}", amount=nano(amount), claims=claims, model="m", provider="p")


def sums(entries: Sequence[Entry]) -> int:
    """What is booked, in nano-USD."""
    return sum(entry.amount for entry in entries)
