"""A window's first moment: it starts at what matching calls have cost before, and with those in flight."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestra.ledger.books import Books
from orchestra.ledger.entry import clean
from orchestra.ledger.ops import Book, Claim, Op, Peek, Reserve
from orchestra.ledger.query import Session, live_holds
from orchestra.ledger.state import HoldState, WindowState

FOREVER = 1e18


@dataclass
class Opening:
    """Opens windows for one batch."""

    session: Session
    books: Books

    def window(self, id: int, claim: Claim) -> WindowState:
        """The window that `claim` is the first to count in."""
        budget = claim.budget
        time = budget.window(self.books.at)
        ends = FOREVER if time.ends is None else float(time.ends)
        opening = self._spent(claim, float(time.starts), ends)
        live = [hold for hold in self._live if time.starts <= hold.made < ends and _counts(claim, hold)]
        for hold in live:
            if hold.id in self.books.holds:
                self.books.holds[hold.id].windows.append(id)
        window = WindowState(
            id=id,
            budget=budget.name,
            rule=budget.rule,
            scope=claim.scope,
            starts=time.starts,
            ends=time.ends,
            limit=0,
            cap=0,
            alert=None,
            made=self.books.at,
            opening=opening,
            spent=opening,
            reserved=sum(hold.amount for hold in live),
            new=True,
            attached=tuple(hold.id for hold in live),
        )
        window.follow(claim)
        return window

    @cached_property
    def _live(self) -> list[HoldState]:
        return live_holds(self.session)

    def _spent(self, claim: Claim, starts: float, ends: float) -> int:
        """What matching calls have cost since `starts`.

        From the budget's first window on, every matching call has opened a window of its own: only what came before
        has to be looked for.
        """
        budget = claim.budget
        where, values = "made >= ? AND made < ?", [starts, ends]
        if budget.per == "request":
            where, values = "request = ?", [claim.scope.partition("=")[2]]  # type: ignore[list-item]
        else:
            known = "SELECT MIN(made) FROM budget_window WHERE budget = ? AND rule = ?"
            ((first,),) = self.session.read(known, (budget.name, budget.rule))
            if first is not None and first < starts:
                return 0
            if first is not None:
                where, values = f"{where} AND made <= ?", [*values, first]
        rows = self.session.read(
            "SELECT model, provider, tags, request, CAST(SUM(amount) AS BIGINT) FROM entry "
            f"WHERE {where} GROUP BY model, provider, tags, request",
            values,
        )
        return sum(amount for *call, amount in rows if _matches(claim, *call))


def together(ops: Sequence[Op], books: Books) -> int:
    """How many operations can be done before one that opens a window must see what they wrote.

    That is a call that came earlier in the batch and counts in the window without claiming it.
    """
    if not any(window.new for window in books.windows.values()):
        return len(ops)
    before: list[tuple[Any, frozenset[int]]] = []
    for n, op in enumerate(ops):
        for claim in claims_of(op):
            id = books.id_of(claim)
            if books.windows[id].new and any(id not in known and _counts(claim, made) for made, known in before):
                return n
        before += [(made, frozenset(books.id_of(claim) for claim in claims)) for made, claims in _new_calls(op, books)]
    return len(ops)


def claims_of(op: Op) -> Iterator[Claim]:
    match op:
        case Reserve(asks):
            for ask in asks:
                yield from ask.claims
        case Book(claims=claims) | Peek(claims):
            yield from claims


def _new_calls(op: Op, books: Books) -> Iterator[tuple[Any, Sequence[Claim]]]:
    match op:
        case Reserve(asks):
            yield from ((ask, ask.claims) for ask in asks)
        case Book(attempt=attempt, claims=claims) if attempt.id not in books.holds:
            yield attempt, claims


def _counts(claim: Claim, call: Any) -> bool:
    return _scoped(claim, call.model, call.provider, call.tags, call.request)


def _matches(claim: Claim, model: str, provider: str, tags: str, request: str) -> bool:
    return _scoped(claim, model, provider, json.loads(tags), request)


def _scoped(claim: Claim, model: str, provider: str, tags: Mapping[str, str], request: str) -> bool:
    budget = claim.budget
    return clean(budget.scope(tags, request)) == claim.scope and budget.matches(model, provider, tags)
