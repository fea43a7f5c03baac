"""What is left of the budgets, near enough to choose by; the hold of the call decides to the cent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from orchestra.errors import LedgerError
from orchestra.ledger import Budget, Ledgered, nano
from orchestra.ledger.money import shown
from orchestra.model_config import ModelConfig
from orchestra.routing.arm import Arm, expected_usd
from orchestra.routing.facts import Facts

EVERY_S = 2.0
BUDGET = "budget "
"""How a reason begins that is the purse's."""


class Purse:
    """Says of an arm that the budgets have no room for what a request is expected to cost.

    Only budgets that refuse count: one that downgrades looks for something cheaper by itself. It is read on a thread of
    its own, at most every two seconds, while somebody asks; before the first reading, there is room.
    """

    def __init__(
        self, money: Callable[[], Ledgered], wall: Callable[[], float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._money, self._wall, self._clock = money, wall, clock
        self._free: Mapping[tuple[str, str], int] = {}
        self._read_at = float("-inf")
        self._reader: threading.Thread | None = None

    def __call__(self, arm: Arm, facts: Facts) -> str | None:
        """Why no member of the arm can be paid for now; `None` when one can."""
        budgets = self._refusing()
        if not budgets:
            return None
        if self._clock() - self._read_at >= EVERY_S and (self._reader is None or not self._reader.is_alive()):
            self._reader = threading.Thread(target=self._refresh, name="orchestra-purse", daemon=True)
            self._reader.start()
        reasons = [self._short(member, facts, budgets) for member in arm.members]
        return None if not reasons or None in reasons else reasons[0]

    def now(self) -> None:
        """Read what is left now, where a budget may refuse; waits for it.

        Raises `LedgerError`, but not where calls go out without the ledger (`on_ledger_error: allow`).
        """
        if not self._refusing():
            return
        try:
            self.read()
        except LedgerError:
            if self._money().on_ledger_error != "allow":
                raise

    def read(self) -> None:
        """Read what is left now; waits for it. Raises `LedgerError`."""
        self._read_at = self._clock()
        ledger = self._money().ledger
        now = max(self._wall(), ledger.newest())
        self._free = {(row.budget, row.scope): row.free for row in ledger.windows(now)}

    def _refusing(self) -> list[Budget]:
        return [b for b in self._money().budgets if b.on_exceeded == "refuse" and b.per != "request"]

    def _refresh(self) -> None:
        with suppress(LedgerError):
            self.read()

    def _short(self, member: ModelConfig, facts: Facts, budgets: Sequence[Budget]) -> str | None:
        cost = expected_usd(member, facts)
        for budget in budgets:
            if cost and budget.matches(member.model, member.provider, facts.tags):
                free = self._free.get((budget.name, budget.scope(facts.tags)), budget.limit_nano)
                if free < nano(cost):
                    return f"{BUDGET}{budget.name!r} has {shown(free)} left, it takes about {shown(nano(cost))}"
        return None
