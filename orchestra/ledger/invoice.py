"""A provider's export of what it billed: a CSV file whose columns are found by their names."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from io import StringIO
from zoneinfo import ZoneInfo

from orchestra.errors import ConfigError
from orchestra.ledger.money import nano
from orchestra.ledger.windows import window

NAMES: Mapping[str, tuple[str, ...]] = {
    "time": (
        *("timestamp", "timestamp_utc", "time", "datetime", "created_at", "created", "request_time", "start_time_iso"),
        *("start_time", "usage_start", "date", "usage_date_utc", "usage_date", "date_utc", "day"),
    ),
    "end": ("end_time_iso", "end_time", "usage_end"),
    "model": ("model", "model_name", "model_id", "model_version", "model_permaslug", "model_slug", "snapshot_id"),
    "input_tokens": (
        *("input_tokens", "prompt_tokens", "tokens_prompt", "usage_input_tokens", "n_context_tokens_total"),
        *("context_tokens", "input"),
    ),
    "output_tokens": (
        *("output_tokens", "completion_tokens", "tokens_completion", "usage_output_tokens"),
        *("n_generated_tokens_total", "generated_tokens", "output"),
    ),
    "cost": (
        *("cost_usd", "amount_usd", "total_cost_usd", "cost_in_usd", "cost_total", "total_cost", "cost", "amount"),
        *("amount_value", "charge", "spend", "usd", "cost_cents", "amount_cents"),
    ),
    "id": ("request_id", "x_request_id", "generation_id", "response_id", "call_id", "id"),
    "requests": ("requests", "num_requests", "num_model_requests", "n_requests", "request_count"),
    "currency": ("currency", "amount_currency", "cost_currency"),
}
"""What a column may be called, the likeliest first; case and punctuation do not count."""

CENTS = "_cents"
DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an invoice: a call, or all calls of a model from `at` up to `ends`.

    Times are in seconds since the epoch, `amount` in nano-USD; `None` is what the file does not say. `number` is its
    line in the file.
    """

    number: int
    at: float | None = None
    ends: float | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    amount: int | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """What a file says.

    `columns` are the headers that were taken for what. `summed` says that its lines are of many calls each. `grain` is
    the smallest step of its amounts, in nano-USD. `left_out` counts lines without a time or an id, such as a total.
    """

    lines: tuple[Line, ...]
    columns: Mapping[str, str]
    summed: bool
    grain: int
    left_out: int = 0


def read_invoice(text: str, zone: ZoneInfo, columns: Mapping[str, str] | None = None) -> Invoice:
    """The invoice in the text of a CSV file; times without a zone are in `zone`.

    `columns` names headers that are not found by themselves. Raises `ConfigError` with a line for each mistake.
    """
    records = _records(text)
    found = _found(list(records[0][1]) if records else [], columns or {})
    reader = _Reader(found, zone)
    lines = [line for number, record in records if (line := reader.line(number, record))]
    if reader.problems:
        raise ConfigError(*reader.problems)
    if not lines:
        raise ConfigError("the file has no line with a date or an id")
    summed = "id" not in found and (reader.dated or reader.requests > len(lines))
    if summed:
        lines = [reader.whole(line) for line in lines]
    return Invoice(
        lines=tuple(lines), columns=found, summed=summed, grain=reader.grain, left_out=len(records) - len(lines)
    )


def _records(text: str) -> list[tuple[int, dict[str, str]]]:
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.DictReader(StringIO(text), delimiter=delimiter, restval="")
    found = []
    try:
        for record in reader:
            record.pop(None, None)  # cells beyond the header
            if any(record.values()):
                found.append((reader.line_num, record))
    except csv.Error as error:
        raise ConfigError(f"line {reader.line_num}: not CSV: {error}") from None
    return found


def _found(headers: list[str], named: Mapping[str, str]) -> dict[str, str]:
    unknown = [what for what in named if what not in NAMES]
    missing = [header for header in named.values() if header not in headers]
    if unknown or missing:
        raise ConfigError(
            *(f"nothing is called {what!r} in an invoice; there are: {', '.join(NAMES)}" for what in unknown),
            *(f"the file has no column {header!r}; it has {', '.join(headers)}" for header in missing),
        )
    plain = {_plain(header): header for header in reversed(headers)}
    found = {
        what: next((plain[name] for name in names if name in plain), None) for what, names in NAMES.items()
    } | dict(named)
    known = {what: header for what, header in found.items() if header}
    lacks = []
    if "time" not in known and "id" not in known:
        lacks.append("a time (timestamp, date) or an id (request_id)")
    if not known.keys() & {"cost", "input_tokens", "output_tokens"}:
        lacks.append("an amount (cost, amount) or tokens (input_tokens, output_tokens)")
    if lacks:
        raise ConfigError(
            f"no column was recognised as {' and none as '.join(lacks)}; the file has {', '.join(headers) or 'none'}: "
            "name it with --column, such as --column cost=Price"
        )
    return known


def _plain(header: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", header.casefold()).strip("_")


class _Reader:
    """Reads lines; keeps what is wrong with them, and what is true of all of them."""

    def __init__(self, columns: Mapping[str, str], zone: ZoneInfo) -> None:
        self.columns, self.zone = columns, zone
        self.problems: list[str] = []
        self.dated = "time" in columns
        self.requests = 0
        self._decimals = 0
        self._unit = 100 if _plain(columns.get("cost", "")).endswith(CENTS) else 1

    @property
    def grain(self) -> int:
        return nano(Decimal(1).scaleb(-min(self._decimals, 9)) / self._unit)

    def line(self, number: int, record: Mapping[str, str]) -> Line | None:
        """A record as a line; `None` for one that says neither when nor which."""
        cells = {what: (record[header] or "").strip() for what, header in self.columns.items()}
        if not cells.get("id") and not re.search(r"\d", cells.get("time", "")):
            return None
        if cells.get("currency", "usd").casefold() not in ("usd", "us$", "$", ""):
            self.problems.append(f"line {number}: {cells['currency']!r} is not USD")
        self.requests += self._count(number, cells.get("requests", "")) or 0
        return Line(
            number=number,
            at=self._time(number, cells.get("time", "")),
            ends=self._time(number, cells.get("end", ""), end=True),
            model=cells.get("model") or None,
            input_tokens=self._count(number, cells.get("input_tokens", "")),
            output_tokens=self._count(number, cells.get("output_tokens", "")),
            amount=self._amount(number, cells.get("cost", "")),
            id=cells.get("id") or None,
        )

    def whole(self, line: Line) -> Line:
        """The same with its end: the file's, else that of its day."""
        if line.at is None or line.ends is not None:
            return line
        day = window("day", self.zone, line.at)
        return replace(line, at=float(day.starts), ends=None if day.ends is None else float(day.ends))

    def _time(self, number: int, text: str, *, end: bool = False) -> float | None:
        if not text:
            return None
        try:
            at, dated = _time(text, self.zone)
        except (ValueError, OverflowError):
            self.problems.append(f"line {number}: {text!r} is no time; write it as 2026-01-31 12:30:00")
            return None
        self.dated = self.dated and (dated or end)
        return at

    def _count(self, number: int, text: str) -> int | None:
        if not text:
            return None
        try:
            return int(Decimal(_number(text)))
        except (InvalidOperation, ValueError, OverflowError):
            self.problems.append(f"line {number}: {text!r} is no number of tokens or requests")
            return None

    def _amount(self, number: int, text: str) -> int | None:
        if not text:
            return None
        try:
            amount = Decimal(_number(text))
            exponent = amount.as_tuple().exponent
            self._decimals = max(self._decimals, -exponent if isinstance(exponent, int) else 0)
            return nano(amount / self._unit)
        except (InvalidOperation, ValueError):
            self.problems.append(f"line {number}: {text!r} is no amount")
            return None


def _number(text: str) -> str:
    """`$1,234.50`, `1.234,50` and `0,12` as Python reads numbers."""
    text = re.sub(r"[\s$_']|USD", "", text, flags=re.IGNORECASE)
    if "," in text and "." in text:
        thousands = "," if text.rindex(".") > text.rindex(",") else "."
        return text.replace(thousands, "").replace(",", ".")
    if text.count(",") == 1 and not re.fullmatch(r"-?[1-9]\d{0,2},\d{3}", text):
        return text.replace(",", ".")
    return text.replace(",", "")


def _time(text: str, zone: ZoneInfo) -> tuple[float, bool]:
    """Seconds since the epoch, and whether it says no more than a day."""
    if re.fullmatch(r"\d{9,19}(\.\d+)?", text):
        seconds = float(text)
        while seconds > 1e11:  # milli-, micro- and nanoseconds
            seconds /= 1000
        return seconds, seconds % DAY_S == 0
    read = datetime.fromisoformat(re.sub(r"\s*(UTC|GMT)$", "+00:00", text))
    return (read if read.tzinfo else read.replace(tzinfo=zone)).timestamp(), read.time() == time()
