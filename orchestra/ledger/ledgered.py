"""Where a leaf gets its money: the budgets that a request is under, over one ledger."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal, Self
from zoneinfo import ZoneInfo

from orchestra.errors import BudgetBusy, BudgetExceeded, LedgerError, PriceUnknown
from orchestra.ledger.books import due
from orchestra.ledger.budget import Budget
from orchestra.ledger.entry import clean
from orchestra.ledger.ledger import Ledger
from orchestra.ledger.money import billed, shown, usd
from orchestra.ledger.ops import Ask, Book, Claim, Refused, Standing
from orchestra.types import NOTHING, Attempt, Want

AT_ONCE_S = 1.0


@dataclass(slots=True)
class Held:
    """Money of one attempt: `book` settles it. `release` returns it, when the call was never made."""

    ledgered: Ledgered
    want: Want
    bound: int | None
    claims: tuple[Claim, ...]
    owner: str
    committed: bool = False

    def book(self, attempt: Attempt) -> Attempt:
        """Settle what was held with what the attempt came to, and return it as it is booked; queued, never waits."""
        attempt = self._settled(_by_policy(attempt, [claim.budget for claim in self.claims]))
        if self.owner == self.ledgered.ledger.owner:  # the holds of a process are not its forked child's
            price = attempt.labels.get("price", "")
            claims = () if self.want.free else self.claims
            self.ledgered.ledger.book(attempt, bound=self.bound, claims=claims, price=price)
        return attempt

    def _settled(self, attempt: Attempt) -> Attempt:
        """The attempt with the cost that the books will have."""
        amount, basis, priced = due(Book(attempt, billed(attempt.usage.cost)), self.bound or 0)
        cost = usd(amount) if priced else None
        upper_bound = usd(amount) if basis == "reserved" else Decimal(0)
        usage = replace(attempt.usage, cost=cost, upper_bound=upper_bound)
        return replace(attempt, basis=basis, usage=usage)

    def release(self) -> None:
        if self.committed and self.owner == self.ledgered.ledger.owner:
            self.ledgered.ledger.release([self.want.id])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledgered:
    """The budgets that apply to a request, as `types.Budgets`; with none, calls are only entered in the ledger.

    A reservation that only calls in flight stand in the way of is tried again until the deadline of what it is for,
    at most for `patience_s`. `on_ledger_error="allow"` lets calls go out unheld while the ledger can't be used.
    """

    ledger: Ledger
    budgets: tuple[Budget, ...] = ()
    on_ledger_error: Literal["refuse", "allow"] = "refuse"
    patience_s: float = 60.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False, compare=False)
    uniform: Callable[[float, float], float] = field(default=random.uniform, repr=False, compare=False)

    @property
    def bounded(self) -> bool:
        """What an attempt may cost is bounded: a budget may apply to it."""
        return bool(self.budgets)

    def plus(self, budget: Budget) -> Self:
        """The same with one more budget; a cap for one request is a budget `per="request"`."""
        return replace(self, budgets=(*self.budgets, budget))

    async def reserve(self, wants: Sequence[Want]) -> list[Held]:
        """Hold money for all of `wants` or for none; returns when the holds are committed.

        Raises `BudgetExceeded`, `BudgetBusy`, `PriceUnknown` or `LedgerError`; then nothing is held. Free wants are
        never refused.
        """
        holds = [self._held(want) for want in wants]
        paid = [held for held in holds if held.claims and not held.want.free]
        if paid:
            deadlines = [held.want.deadline for held in paid if held.want.deadline is not None]
            try:
                await self._commit([_ask(held) for held in paid], min(deadlines, default=None))
            except LedgerError as error:
                if self.on_ledger_error != "allow":
                    raise
                self.ledger.passed_over(error)
            else:
                for held in paid:
                    held.committed = True
        return holds

    def note(self, attempt: Attempt) -> None:
        """Enter an attempt that needed no money (a cached answer); queued, never waits."""
        self.ledger.book(attempt)

    async def room(self, want: Want) -> int | None:
        """What a call of this kind may still cost now, in nano-USD; `None` when no budget bounds it."""
        if want.free:
            return None
        claims = self._claims(want.model, want.provider, want.tags, want.request)
        return (
            min((standing.free for standing in (await self.ledger.free(claims)).standings), default=None)
            if claims
            else None
        )

    async def free_nano(self, budget: Budget, tags: Mapping[str, str] = NOTHING) -> int:
        """What is neither spent nor held in the budget's window of now, in nano-USD."""
        seen = await self.ledger.free([Claim(budget, clean(budget.scope(tags)), budget.limit_nano)])
        return seen.standings[0].free

    async def standings(self) -> list[Standing]:
        """How every budget stands now; one that is split by tag has one for each value seen in its open window."""
        shared = [budget for budget in self.budgets if not budget.by and budget.per != "request"]
        split = {(budget.name, budget.rule): budget for budget in self.budgets if budget.by}
        seen = await self.ledger.free([Claim(budget, "", budget.limit_nano) for budget in shared])
        if not split:
            return list(seen.standings)
        rows = await asyncio.to_thread(self.ledger.windows, seen.at)
        found = [(split.get((row.budget, row.rule)), row) for row in rows]
        return [*seen.standings, *(replace(row, limit=budget.limit_nano) for budget, row in found if budget)]

    def _held(self, want: Want) -> Held:
        claims = self._claims(want.model, want.provider, want.tags, want.request)
        bound = 0 if want.free else billed(want.most_usd)
        if bound is None and claims:
            bound = _assumed(want, [claim.budget for claim in claims])
        return Held(self, want, bound, claims, self.ledger.owner)

    def _claims(self, model: str, provider: str, tags: Mapping[str, str], request: str) -> tuple[Claim, ...]:
        return tuple(
            Claim(budget, clean(budget.scope(tags, request)), budget.ceiling_for(model))
            for budget in self.budgets
            if budget.matches(model, provider, tags)
        )

    async def _commit(self, asks: Sequence[Ask], deadline: float | None) -> None:
        end = self.clock() + self.patience_s
        end = end if deadline is None else min(end, deadline)
        wait_s = 0.01
        while isinstance(result := await self.ledger.reserve(asks), Refused):
            left_s = end - self.clock()
            if not result.busy or left_s <= 0:
                raise _refusal(result)
            await self.sleep(min(left_s, self.uniform(wait_s / 2, wait_s)))
            wait_s = min(2 * wait_s, 0.25)


def _ask(held: Held) -> Ask:
    want = held.want
    return Ask(
        id=want.id,
        amount=held.bound or 0,
        claims=held.claims,
        request=want.request,
        model=want.model,
        provider=want.provider,
        tags=want.tags,
    )


def _assumed(want: Want, budgets: Sequence[Budget]) -> int | None:
    """What a call of unknown price holds; `None` where it is let through uncounted."""
    for budget in budgets:
        if budget.on_unknown_price == "refuse":
            raise PriceUnknown(
                f"budget {budget.name!r} can't hold a call of {want.model!r}: what it costs is not known. Give the "
                "model a price, or set the budget's on_unknown_price to assume or allow",
                budget=budget.name,
                limit_usd=usd(budget.limit_nano),
            )
    return max((budget.assume_nano for budget in budgets if budget.on_unknown_price == "assume"), default=None)


def _by_policy(attempt: Attempt, budgets: Sequence[Budget]) -> Attempt:
    """The attempt, with the basis that its budgets give to what is not known."""
    if attempt.basis == "estimated" and any(budget.on_closed == "reserved" for budget in budgets):
        return replace(attempt, basis="reserved")
    failed_at_once = attempt.status is not None and attempt.status >= 500 and attempt.latency_s <= AT_ONCE_S
    if attempt.basis == "reserved" and failed_at_once and budgets and all(budget.void_on_5xx for budget in budgets):
        return replace(attempt, basis="void")
    return attempt


def _refusal(refused: Refused) -> BudgetExceeded:
    standing = refused.standing
    zone = ZoneInfo(refused.timezone)
    resets_at = None if standing.ends is None else datetime.fromtimestamp(standing.ends, zone)
    whose = f" of {standing.scope}" if standing.scope else ""
    held = f" and {shown(standing.held)} held by calls in flight" if standing.held else ""
    again = f"it starts again at {resets_at:%Y-%m-%d %H:%M %Z}; " if resets_at else ""
    kind = BudgetBusy if refused.busy else BudgetExceeded
    return kind(
        f"budget {standing.budget!r}{whose} has no room for a call that may cost {shown(refused.needed)}: "
        f"{shown(standing.spent)} of {shown(standing.limit)} is spent{held}; {again}"
        "ask for less (max_tokens, a cheaper model) or raise the limit",
        budget=standing.budget,
        scope=standing.scope,
        limit_usd=usd(standing.limit),
        spent_usd=usd(standing.spent),
        held_usd=usd(standing.held),
        needed_usd=usd(refused.needed),
        resets_at=resets_at,
    )
