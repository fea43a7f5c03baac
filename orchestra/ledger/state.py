"""What a batch of operations looks at and changes: windows and holds, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

from orchestra.ledger.ops import Ask, Claim, Standing

State = Literal["held", "posted", "void", "expired"]


@dataclass(slots=True, kw_only=True)
class WindowState:
    """A window of a budget; amounts in nano-USD.

    `limit` is what the policy says now, `cap` what the table enforces: not below what was already spent and held when
    the limit was lowered. `opening` is what matching calls had cost before the window was opened. `alerted` has one
    bit for each threshold that was told.
    """

    id: int
    budget: str
    rule: str
    scope: str
    starts: int
    ends: int | None
    limit: int
    cap: int
    alert: int | None
    made: float
    alerted: int = 0
    opening: int = 0
    opening_overrun: int = 0
    spent: int = 0
    reserved: int = 0
    overrun: int = 0
    new: bool = False
    opened: bool = False
    touched: bool = False
    attached: tuple[str, ...] = ()
    """The live holds that were found to match when it was opened."""
    loaded: tuple[int, int, int] = (0, 0, 0)

    def follow(self, claim: Claim) -> None:
        """Take over the limit as the policy has it now; what is spent and held stays."""
        budget = claim.budget
        cap = max(budget.ceiling_nano, self.spent + self.reserved - self.overrun)
        if (self.limit, self.cap, self.alert) != (budget.limit_nano, cap, budget.alert_nano):
            self.limit, self.cap, self.alert = budget.limit_nano, cap, budget.alert_nano
            self.touched = True

    @property
    def kept(self) -> bool:
        """It is, or will be, in the table: a new window is once it was claimed, whatever became of the claim."""
        return not self.new or self.opened

    def change(self, *, spent: int = 0, reserved: int = 0, overrun: int = 0) -> None:
        self.spent += spent
        self.reserved += reserved
        self.overrun += overrun
        self.touched = True

    def standing(self) -> Standing:
        return Standing(
            budget=self.budget,
            rule=self.rule,
            scope=self.scope,
            starts=self.starts,
            ends=self.ends,
            limit=self.limit,
            spent=self.spent,
            held=self.reserved,
            overrun=self.overrun,
        )


@dataclass(slots=True, kw_only=True)
class HoldState:
    """The money of one attempt, and the windows that it counts in."""

    id: str
    request: str
    model: str
    provider: str
    tags: Mapping[str, str]
    amount: int
    owner: str
    made: float
    state: State = "held"
    windows: list[int] = field(default_factory=list)
    loaded: State | None = None
    """Its state in the table; `None` when it is not there yet."""

    def granted(self, ask: Ask) -> bool:
        """This is what `ask` asks for."""
        return (self.amount, self.request, self.model) == (ask.amount, ask.request, ask.model)


def window_id(budget: str, rule: str, scope: str, starts: int) -> int:
    """The number of a window, the same in every process."""
    name = "\x1f".join((budget, rule, scope, str(starts)))
    return int.from_bytes(blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 1
