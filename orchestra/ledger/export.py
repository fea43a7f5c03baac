"""The rows of the ledger for other programs: CSV and JSON, the spec's columns first."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from orchestra.ledger.entry import Entry
from orchestra.ledger.money import shown
from orchestra.ledger.usage import local

FORMULA = ("=", "+", "-", "@", "\t")
"""What a spreadsheet takes for the beginning of a formula."""

_COLUMNS: dict[str, Callable[[Entry], Any]] = {
    "model": lambda row: row.model,
    "input_tokens": lambda row: row.input_tokens,
    "output_tokens": lambda row: row.output_tokens,
    "total_tokens": lambda row: row.total_tokens,
    "cost_usd": lambda row: decimal(row.amount) if row.priced else None,
    "latency_ms": lambda row: round(row.latency_s * 1000, 3),
    "task_type": lambda row: row.task_type,
    "success": lambda row: row.success,
    "id": lambda row: row.id,
    "request": lambda row: row.request,
    "retry": lambda row: row.retry,
    "call": lambda row: row.call,
    "name": lambda row: row.name,
    "served": lambda row: row.served,
    "provider": lambda row: row.provider,
    "path": lambda row: list(row.path),
    "kind": lambda row: row.kind,
    "basis": lambda row: row.basis,
    "held_usd": lambda row: decimal(row.held),
    "overrun_usd": lambda row: decimal(row.overrun),
    "saved_usd": lambda row: decimal(row.saved),
    "cached_tokens": lambda row: row.cached_tokens,
    "reasoning_tokens": lambda row: row.reasoning_tokens,
    "first_token_ms": lambda row: None if row.first_token_s is None else round(row.first_token_s * 1000, 3),
    "error": lambda row: row.error,
    "status": lambda row: row.status,
    "tags": lambda row: dict(row.tags),
    "labels": lambda row: dict(row.labels),
    "task_guessed": lambda row: row.task_guessed,
    "price": lambda row: row.price,
}
_TIMES: dict[str, Callable[[Entry], float]] = {
    "started_at": lambda row: row.started_at,
    "booked_at": lambda row: row.at,
}

COLUMNS = ("timestamp", *_COLUMNS, *_TIMES)


def record(row: Entry, zone: ZoneInfo) -> dict[str, Any]:
    """A row as plain data, in the order of `COLUMNS`.

    `timestamp` is when its money was held, which decides the report that it is in. Times are ISO 8601 in `zone`,
    amounts decimal text in USD, `None` where the cost is not known.
    """
    return {
        "timestamp": local(row.made, zone).isoformat(timespec="microseconds"),
        **{name: of(row) for name, of in _COLUMNS.items()},
        **{name: local(of(row), zone).isoformat(timespec="microseconds") for name, of in _TIMES.items()},
    }


def write_csv(rows: Iterable[Entry], file: TextIO, zone: ZoneInfo) -> None:
    """Write the rows as CSV with a header; maps and paths as JSON.

    Text that a spreadsheet would run as a formula is led by an apostrophe.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([cell(value) for value in record(row, zone).values()])


def write_json(rows: Iterable[Entry], file: TextIO, zone: ZoneInfo) -> None:
    """Write the rows as a JSON array, one row a line."""
    file.write("[")
    for n, row in enumerate(rows):
        line = json.dumps(record(row, zone), ensure_ascii=False)
        file.writelines((",\n" if n else "\n", line))
    file.write("\n]\n")


def cell(value: Any) -> Any:
    """A value as a cell of a CSV file."""
    match value:
        case bool():
            return "true" if value else "false"
        case list() | dict():
            return json.dumps(value, ensure_ascii=False) if value else ""
        case str():
            text = value.replace("\r", "\n")  # which the csv module would not quote
            return f"'{text}" if text.startswith(FORMULA) else text
        case _:
            return value


def decimal(amount: int) -> str:
    """Nano-USD as exact decimal text in USD, at least to the cent."""
    return shown(amount).removeprefix("$")
