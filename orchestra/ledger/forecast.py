"""How a budget's window stands, and when it will be used up if spending goes on as it did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestra.ledger.books import ALERT
from orchestra.ledger.budget import Budget
from orchestra.ledger.entry import Entry, clean
from orchestra.ledger.ops import Standing
from orchestra.ledger.reading import Event

RECENT_S = 7 * 86_400
"""The rate of a budget without end is that of the last week."""
EARLY = 100
"""After less than this part of the time that is measured, its rate says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """One window of a budget.

    `exhausted_at` is when its limit is reached at the rate so far, in seconds since the epoch; `None` when that is not
    before the window ends. `alerted_at` is when its spending reached the budget's alert, `None` before that.
    """

    budget: Budget
    standing: Standing
    exhausted_at: float | None = None
    alerted_at: float | None = None

    @property
    def percent(self) -> int:
        """The part of the limit that is spent, in whole points; 100 only when nothing is left."""
        limit, spent = self.standing.limit, self.standing.spent
        if spent >= limit:
            return 100 * spent // limit if limit else 100
        return min(99, (200 * spent + limit) // (2 * limit))


def outlooks(
    budgets: Sequence[Budget],
    standings: Iterable[Standing],
    at: float,
    recent: Sequence[Entry] = (),
    alerts: Iterable[Event] = (),
) -> list[Outlook]:
    """The outlook of each standing of `budgets`, in their order, the fullest window of each first.

    `recent` are the calls of the last `RECENT_S`, which count for budgets without end only; `alerts` the ledger's
    events of alerts.
    """
    order = {(budget.name, budget.rule): n for n, budget in enumerate(budgets)}
    told = _told(alerts)
    found = []
    for standing in standings:
        n = order.get((standing.budget, standing.rule))
        if n is not None:
            key = (standing.budget, standing.rule, standing.scope, standing.starts)
            found.append((n, _outlook(budgets[n], standing, at, recent, told.get(key))))
    found.sort(key=lambda one: (one[0], -one[1].percent, one[1].standing.scope))
    return [outlook for _, outlook in found]


def exhausted_at(standing: Standing, at: float, since: float, spent: int, whole_s: float) -> float | None:
    """When the limit is reached if `spent` nano-USD since `since` go on; `None`: not before the window ends.

    `whole_s` is the time that is measured; of the first hundredth of it nothing is concluded.
    """
    left = standing.limit - standing.spent
    if left <= 0:
        return at
    if spent <= 0 or at - since < whole_s / EARLY:
        return None
    reached = at + left * (at - since) / spent
    return None if standing.ends is not None and reached >= standing.ends else reached


def _outlook(
    budget: Budget, standing: Standing, at: float, recent: Sequence[Entry], alerted_at: float | None
) -> Outlook:
    if standing.ends is not None:
        since, spent, whole_s = float(standing.starts), standing.spent, float(standing.ends - standing.starts)
    else:
        counted = [row for row in recent if _counts(budget, standing, row) and row.made >= at - RECENT_S]
        since, spent = min([row.made for row in counted], default=at), sum(row.amount for row in counted)
        whole_s = RECENT_S
    reached = exhausted_at(standing, at, since, spent, whole_s)
    return Outlook(budget=budget, standing=standing, exhausted_at=reached, alerted_at=alerted_at)


def _counts(budget: Budget, standing: Standing, row: Entry) -> bool:
    matched = budget.matches(row.model, row.provider, row.tags)
    return matched and clean(budget.scope(row.tags, row.request)) == standing.scope


def _told(alerts: Iterable[Event]) -> dict[tuple[str, str, str, int], float]:
    """When each window set off its first alert."""
    found: dict[tuple[str, str, str, int], float] = {}
    for event in alerts:
        if event.kind == ALERT:
            said = event.payload["standing"]
            found.setdefault((said["budget"], said["rule"], said["scope"], said["starts"]), event.at)
    return found
