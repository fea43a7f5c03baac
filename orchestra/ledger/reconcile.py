"""The ledger beside a provider's invoice: what is missing on either side, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from orchestra.ledger.entry import Entry
from orchestra.ledger.invoice import Invoice, Line
from orchestra.ledger.matching import Pair, agree, billed, by_id, by_sum, by_time, time_of, times

Kind = Literal["missing here", "missing there", "amount", "tokens"]
MatchedBy = Literal["id", "time", "sum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A line of the invoice and the rows of the ledger that should say the same.

    `here` and `there` are in nano-USD, `None` where one side says nothing.
    """

    kind: Kind
    line: Line | None = None
    rows: tuple[Entry, ...] = ()

    @property
    def here(self) -> int | None:
        return _amount(self.rows) if any(row.priced for row in self.rows) else None

    @property
    def there(self) -> int | None:
        return self.line.amount if self.line else None

    @property
    def upper_bound(self) -> int:
        """The part of `here` that is booked at its bound."""
        return _amount(row for row in self.rows if row.basis == "reserved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What was compared, and what came of it; amounts in nano-USD.

    `here` and `there` are the sums of all that was compared. What they differ by is what the `differences` differ by,
    and `rounding`: the invoice's own, in lines that agree. `matched_by` is how lines found their rows, `matched` how
    many did. `others` are calls of providers that the invoice has no line of.
    """

    matched_by: MatchedBy
    lines: int
    rows: int
    matched: int
    differences: tuple[Difference, ...]
    here: int
    there: int
    upper_bound: int
    others: int

    @property
    def rounding(self) -> int:
        differ = sum((found.here or 0) - (found.there or 0) for found in self.differences)
        return self.here - self.there - differ


def reconcile(
    invoice: Invoice,
    rows: Iterable[Entry],
    *,
    since: float | None = None,
    until: float | None = None,
    provider: str | None = None,
) -> Reconciliation:
    """Compare an invoice with the rows of its time, one row a call.

    Lines of many calls are compared with the sum of their rows; others find their row by its id, else by model, tokens
    and time. Unless `provider` names it, the invoice is taken to be of the providers whose calls it has. `since` and
    `until` bound what is compared; unset, the first and last time of the invoice do.
    """
    lines = [line for line in invoice.lines if line.at is None or _within(line.at, since, until)]
    lines = _merged(lines) if invoice.summed else lines
    own = [row for row in rows if provider in (None, row.provider)]
    matched_by, pairs = _matched(invoice, lines, own)
    found = [row for _, some in pairs for row in some]
    taken, providers = {row.id for row in found}, {row.provider for row in found}
    first, last = times(lines, since, until)
    left = [row for row in own if row.id not in taken and billed(row) and _within(time_of(row), first, last)]
    missing = [row for row in left if not providers or row.provider in providers]
    differences = [differs for line, some in pairs if (differs := _difference(line, some, invoice.grain))]
    differences += [Difference(kind="missing there", rows=some) for some in _together(missing, invoice.summed)]
    compared = found + missing
    return Reconciliation(
        matched_by=matched_by,
        lines=len(lines),
        rows=len(compared),
        matched=sum(bool(some) for _, some in pairs),
        differences=tuple(sorted(differences, key=_when)),
        here=_amount(compared),
        there=sum(line.amount or 0 for line in lines),
        upper_bound=_amount(row for row in compared if row.basis == "reserved"),
        others=len(left) - len(missing),
    )


def _matched(invoice: Invoice, lines: Sequence[Line], rows: Sequence[Entry]) -> tuple[MatchedBy, list[Pair]]:
    if invoice.summed:
        return "sum", by_sum(lines, rows)
    pairs = by_id(lines, rows)
    return ("id", pairs) if any(some for _, some in pairs) else ("time", by_time(lines, rows, invoice.grain))


def _difference(line: Line, rows: tuple[Entry, ...], grain: int) -> Difference | None:
    """How a line differs from its rows by more than rounding: less than a grain there, a nano-dollar a row here."""
    kind: Kind | None = None
    if not rows:
        kind = "missing here"
    elif line.amount is not None and (
        not all(row.priced for row in rows) or abs(_amount(rows) - line.amount) > max(grain - 1, len(rows))
    ):
        kind = "amount"
    elif not agree(line, *rows):
        kind = "tokens"
    return Difference(kind=kind, line=line, rows=rows) if kind else None


def _merged(lines: Iterable[Line]) -> list[Line]:
    """Lines of the same time and model (a line for each key, or each kind of token) as one."""
    found: dict[tuple[float | None, float | None, str], Line] = {}
    for line in lines:
        key = (line.at, line.ends, (line.model or "").casefold())
        before = found.get(key)
        if before is not None:
            line = replace(
                before,
                input_tokens=_plus(before.input_tokens, line.input_tokens),
                output_tokens=_plus(before.output_tokens, line.output_tokens),
                amount=_plus(before.amount, line.amount),
            )
        found[key] = line
    return list(found.values())


def _plus(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


def _together(rows: Iterable[Entry], summed: bool) -> Iterator[tuple[Entry, ...]]:
    """One by one, or all of a model together."""
    sorted_in: dict[str, list[Entry]] = {}
    for row in rows:
        sorted_in.setdefault(row.model if summed else row.id, []).append(row)
    return map(tuple, sorted_in.values())


def _within(at: float, since: float | None, until: float | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)


def _when(found: Difference) -> float:
    return found.line.at or 0.0 if found.line else time_of(found.rows[0])


def _amount(rows: Iterable[Entry]) -> int:
    return sum(row.amount for row in rows if row.priced)
