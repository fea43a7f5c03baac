"""The books beside an invoice, as a screen and as data show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestra.cli.figures import counted, money
from orchestra.cli.output import out, show_table, table
from orchestra.ledger.export import decimal, record
from orchestra.ledger.matching import time_of
from orchestra.ledger.money import shown
from orchestra.ledger.usage import local

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from orchestra.ledger.invoice import Invoice
    from orchestra.ledger.reconcile import Difference, Reconciliation

MATCHED_BY = {"id": "by id", "time": "by model and time", "sum": "by day and model"}


def as_data(invoice: Invoice, result: Reconciliation, zone: ZoneInfo) -> dict[str, Any]:
    """The comparison as plain data; amounts are decimal text in USD, `null` where a side says nothing."""
    return {
        "ok": not result.differences,
        "columns": dict(invoice.columns),
        "matched_by": result.matched_by,
        "lines": result.lines,
        "lines_left_out": invoice.left_out,
        "calls": result.rows,
        "matched": result.matched,
        "other_providers_calls": result.others,
        "here_usd": decimal(result.here),
        "there_usd": decimal(result.there),
        "difference_usd": decimal(result.here - result.there),
        "rounding_usd": decimal(result.rounding),
        "upper_bound_usd": decimal(result.upper_bound),
        "differences": [_difference(found, zone) for found in result.differences],
    }


def show(invoice: Invoice, result: Reconciliation, zone: ZoneInfo) -> None:
    """Print what differs, then the sums."""
    for line in _read(invoice, result):
        out().print(line, soft_wrap=True)
    if result.differences:
        made = table(
            "line", "time", "model", "id", "here", "there", "differs by", "what", whole=("time", "here", "there")
        )
        for column in made.columns[4:7]:
            column.justify = "right"
        for found in result.differences:
            made.add_row(*_cells(found, zone))
        show_table(made)
    for line in _sums(result):
        out().print(line, soft_wrap=True)


def _read(invoice: Invoice, result: Reconciliation) -> list[str]:
    read = ", ".join(f"{what} in {header!r}" for what, header in invoice.columns.items())
    lines = [f"read: {read}"]
    if invoice.left_out:
        lines.append(f"left out: {counted(invoice.left_out, 'line')} without a time or an id")
    if result.others:
        lines.append(f"left out: {counted(result.others, 'call')} of providers that the invoice has no line of")
    lines.append(
        f"{result.matched:,} of {counted(result.lines, 'line')} matched {MATCHED_BY[result.matched_by]} "
        f"with {counted(result.rows, 'call')} of the ledger"
    )
    return lines


def _sums(result: Reconciliation) -> list[str]:
    differ = result.here - result.there
    parts = [counted(len(result.differences), "difference")] if result.differences else ["no difference"]
    if result.rounding:
        parts.append(f"{_signed(result.rounding)} is the invoice's rounding")
    if result.upper_bound:
        parts.append(f"{money(result.upper_bound)} of ours is an upper bound")
    return [f"here {shown(result.here)}, there {shown(result.there)}: {_signed(differ)} ({'; '.join(parts)})"]


def _cells(found: Difference, zone: ZoneInfo) -> list[str]:
    here, there = found.here, found.there
    return [
        str(found.line.number) if found.line else "",
        _time(found, zone),
        _model(found),
        _id(found),
        _said(here, found) if found.rows else "",
        "" if there is None else shown(there),
        _signed((here or 0) - (there or 0)),
        _what(found),
    ]


def _said(here: int | None, found: Difference) -> str:
    return "?" if here is None else f"{'≤' if found.upper_bound else ''}{shown(here)}"


def _what(found: Difference) -> str:
    """The kind of the difference, and the tokens where both sides count them."""
    if found.line is None or not found.rows:
        return found.kind
    here = (sum(row.input_tokens for row in found.rows), sum(row.output_tokens for row in found.rows))
    there = (found.line.input_tokens, found.line.output_tokens)
    if there == (None, None) or here == there:
        return found.kind
    return f"{found.kind}: {here[0]:,}+{here[1]:,} tokens here, {there[0] or 0:,}+{there[1] or 0:,} there"


def _difference(found: Difference, zone: ZoneInfo) -> dict[str, Any]:
    line = found.line
    return {
        "kind": found.kind,
        "line": line.number if line else None,
        "time": _time(found, zone),
        "model": _model(found),
        "id": _id(found),
        "here_usd": None if found.here is None else decimal(found.here),
        "there_usd": None if found.there is None else decimal(found.there),
        "upper_bound_usd": decimal(found.upper_bound),
        "input_tokens": line.input_tokens if line else None,
        "output_tokens": line.output_tokens if line else None,
        "calls": [record(row, zone) for row in found.rows],
    }


def _time(found: Difference, zone: ZoneInfo) -> str:
    at = time_of(found.rows[0]) if found.line is None else found.line.at
    if at is None:
        return ""
    day = found.line is not None and found.line.ends is not None
    return f"{local(at, zone):%Y-%m-%d}" if day else f"{local(at, zone):%Y-%m-%d %H:%M:%S}"


def _model(found: Difference) -> str:
    return (found.line.model or "" if found.line else "") or (found.rows[0].model if found.rows else "")


def _id(found: Difference) -> str:
    if len(found.rows) > 1:
        return counted(len(found.rows), "call")
    return found.rows[0].id if found.rows else (found.line.id or "" if found.line else "")


def _signed(amount: int) -> str:
    return f"{'-' if amount < 0 else '+'}{shown(abs(amount))}"
