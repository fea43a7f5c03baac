"""A ledger of the test's own, filled through its own door."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from orchestra.ledger import Budget, Claim, Ledger, nano
from orchestra.types import Attempt, Basis, Usage

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC, a Friday
DAY_S = 86_400
DAILY = Budget(name="daily", limit_nano=nano(20), on_exceeded="downgrade")
_numbers = itertools.count()


def call(
    cost: str | None = "0.001", basis: Basis = "usage", tokens: tuple[int, int, int, int] = (10, 5, 0, 0), **about: Any
) -> Attempt:
    """A call of `fast` at noon that was answered in 1.2 seconds."""
    basic: dict[str, Any] = {
        "id": f"{next(_numbers):08d}call",
        "request": "r",
        "path": ("default", "fast"),
        "call": "chat",
        "name": "fast",
        "model": "groq/llama",
        "provider": "groq",
        "started_at": NOON,
        "latency_s": 1.2,
    }
    usage = Usage(*tokens, cost=None if cost is None else Decimal(cost))
    return Attempt(**{**basic, "usage": usage, "basis": basis, **about})


def booked(*calls: Attempt, at: float = NOON, budgets: Sequence[Budget] = ()) -> None:
    """Book calls that were made at `at`."""
    ledger = Ledger(Path(os.environ["ORCHESTRA_HOME"]) / "ledger.db", wall=lambda: at, durability="process")
    for attempt in calls:
        claims = [Claim(budget, budget.scope(attempt.tags), budget.limit_nano) for budget in budgets]
        ledger.book(attempt, claims=claims).result(10)
    ledger.close()
