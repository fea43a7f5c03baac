"""Budgets that remember, and turns of the loop, for the tests of what asks several."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from orchestra import BudgetExceeded
from orchestra.types import Attempt, Hold, Want


@dataclass
class Held:
    purse: Purse
    want: Want
    ends: int = 0

    def book(self, attempt: Attempt) -> Attempt:
        self.ends += 1
        return attempt

    def release(self) -> None:
        self.ends += 1
        self.purse.released += 1


class Purse:
    """Budgets that remember who asked for what together, and refuse what does not fit."""

    bounded = True

    def __init__(self, room_usd: str = "1000", turns: int = 1) -> None:
        self.left = Decimal(room_usd)
        self.turns = turns
        self.asked: list[list[str]] = []
        self.holds: list[Held] = []
        self.released = 0

    async def reserve(self, wants: Sequence[Want]) -> Sequence[Hold]:
        self.asked.append([want.model for want in wants])
        for _ in range(self.turns):
            await asyncio.sleep(0)
        needed = sum((want.most_usd or Decimal(0) for want in wants), Decimal(0))
        if needed > self.left:
            raise BudgetExceeded(f"{needed} is more than {self.left}")
        self.left -= needed
        held = [Held(self, want) for want in wants]
        self.holds += held
        return held

    def note(self, attempt: Attempt) -> None:
        """Nothing is kept."""


async def settle(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def nobody_else() -> bool:
    """No task of ours is left; one of the test runner's own does not count."""
    await settle(5)
    names = {getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()}
    return not {name for name in names if "gather" in name or "held" in name or "wait_for" in name}
