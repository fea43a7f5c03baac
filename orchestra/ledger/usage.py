"""What was spent, on what, and when: sums over the rows of the ledger, in integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from math import floor
from typing import Literal
from zoneinfo import ZoneInfo

from orchestra.ledger.entry import Entry
from orchestra.ledger.money import usd
from orchestra.ledger.windows import window

TAG = "tag:"
BY = ("model", "task", "prompt", "provider", "day")
"""What calls can be grouped by, beside `tag:NAME`."""

Step = Literal["minute", "hour", "day", "week", "month"]

Key = Callable[[Entry], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over calls; amounts in nano-USD.

    `requests` counts distinct requests; one that asked two models is counted in the group of each. `amount` is what
    the calls of known price came to, `upper_bound` the part of it that is booked at its bound, `unpriced` how many
    calls are not in it. `latency_us` is the time of the calls that were `answered`, in microseconds.
    """

    requests: int = 0
    calls: int = 0
    answered: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    amount: int = 0
    upper_bound: int = 0
    unpriced: int = 0
    saved: int = 0
    latency_us: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def cost_usd(self) -> Decimal:
        return usd(self.amount)

    @property
    def average_latency_s(self) -> float | None:
        """`None` when no call was answered."""
        return self.latency_us / self.answered / 1_000_000 if self.answered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The calls that have one thing in common; `key` is `None` for those that don't have it, `label` is for readers.

    `percent` is the share of the cost of all groups, in whole points that add up to 100.
    """

    key: str | None
    label: str
    totals: Totals
    percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The calls made from `starts` up to, not including, `ends`, in seconds since the epoch."""

    starts: int
    ends: int
    totals: Totals


def totals(rows: Iterable[Entry]) -> Totals:
    """The sums over `rows`, one row a call (`Ledger.rows`)."""
    found = list(rows)
    return Totals(
        requests=len({row.request or row.id for row in found}),
        calls=len(found),
        answered=sum(map(_answered, found)),
        errors=sum(not row.success for row in found),
        input_tokens=sum(row.input_tokens for row in found),
        output_tokens=sum(row.output_tokens for row in found),
        cached_tokens=sum(row.cached_tokens for row in found),
        reasoning_tokens=sum(row.reasoning_tokens for row in found),
        amount=sum(row.amount for row in found if row.priced),
        upper_bound=sum(row.amount for row in found if row.priced and row.basis == "reserved"),
        unpriced=sum(not row.priced for row in found),
        saved=sum(row.saved for row in found),
        latency_us=sum(round(row.latency_s * 1_000_000) for row in found if _answered(row)),
    )


def groups(rows: Iterable[Entry], by: str, zone: ZoneInfo) -> list[Group]:
    """The calls by `model`, `task`, `prompt`, `provider`, `day` or `tag:NAME`; the dearest first, days in order.

    Every row is in exactly one group. Days are those of `zone`, from that of the first row to that of the last,
    without a gap. Raises `ValueError` for what calls can't be grouped by.
    """
    key = key_of(by)
    made = _days(rows, zone) if key is None else _sorted_in(rows, by, key)
    shares = percentages([group.totals.amount for group in made])
    return [replace(group, percent=percent) for group, percent in zip(made, shares, strict=True)]


def series(
    rows: Iterable[Entry], per: Step, zone: ZoneInfo, since: float | None = None, until: float | None = None
) -> list[Point]:
    """The calls over time, in stretches of `per` on the wall clock of `zone`, without gap or overlap.

    Begins with the stretch of `since` and ends with the last before `until`; unset, with those of the rows.
    """
    sorted_in: dict[int, list[Entry]] = {}
    for row in rows:
        sorted_in.setdefault(window(per, zone, floor(row.made)).starts, []).append(row)
    first = min([*sorted_in, *([] if since is None else [since])], default=None)
    if first is None:
        return []
    last = max([*sorted_in, first, *([] if until is None else [until - 1])])
    return [
        Point(starts=starts, ends=ends, totals=totals(sorted_in.get(starts, ())))
        for starts, ends in _stretches(per, zone, first, last)
    ]


def percentages(amounts: Sequence[int]) -> list[int]:
    """Shares of the sum in whole points, each less than one point off, that add up to 100; all 0 when the sum is 0.

    They are rounded to the nearest point; what is too much then is taken from the smallest of those that were rounded
    up, what lacks is given to the largest of those that were rounded down.
    """
    whole = sum(amounts)
    if not whole:
        return [0] * len(amounts)
    points = [(200 * amount + whole) // (2 * whole) for amount in amounts]
    excess = sum(points) - 100
    step = -1 if excess > 0 else 1
    rounded_away = [n for n, amount in enumerate(amounts) if step * (100 * amount - points[n] * whole) > 0]
    rounded_away.sort(key=lambda n: (-step * amounts[n], step * n))
    for n in rounded_away[: abs(excess)]:
        points[n] += step
    return points


def key_of(by: str) -> Key | None:
    """What a row is grouped by; `None` for `day`, which depends on the time zone. Raises `ValueError`."""
    match by.partition(":"):
        case "model", "", _:
            return lambda row: row.model or None
        case "task", "", _:
            return task_of
        case "prompt", "", _:
            return _prompt
        case "provider", "", _:
            return lambda row: row.provider or None
        case "day", "", _:
            return None
        case "tag", ":", name if name:
            return lambda row: row.tags.get(name)
    close = get_close_matches(by, BY, n=1)
    meant = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(BY)}, {TAG}NAME"
    raise ValueError(f"calls can't be grouped by {by!r}; {meant}")


def task_of(row: Entry) -> str | None:
    """The caller's word for the task, or what a route guessed, marked: `chat?`."""
    return row.task_type or (f"{row.task_guessed}?" if row.task_guessed else None)


def local(at: float, zone: ZoneInfo) -> datetime:
    """A time as clocks show it in `zone`."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone)


def _stretches(per: Step, zone: ZoneInfo, first: float, last: float) -> Iterator[tuple[int, int]]:
    at = first
    while at <= last:
        found = window(per, zone, at)
        assert found.ends is not None
        yield found.starts, found.ends
        at = found.ends


def _days(rows: Iterable[Entry], zone: ZoneInfo) -> list[Group]:
    days = series(rows, "day", zone)
    dates = [local(day.starts, zone).date().isoformat() for day in days]
    return [Group(key=date, label=date, totals=day.totals) for date, day in zip(dates, days, strict=True)]


def _sorted_in(rows: Iterable[Entry], by: str, key: Key) -> list[Group]:
    sorted_in: dict[str | None, list[Entry]] = {}
    for row in rows:
        sorted_in.setdefault(key(row), []).append(row)
    labels = _names(sorted_in) if by == "model" else {}
    lacks = f"(no {by.removeprefix(TAG)})"
    made = [
        Group(key=key, label=labels.get(key) or key or lacks, totals=totals(some)) for key, some in sorted_in.items()
    ]
    return sorted(made, key=lambda group: (-group.totals.amount, -group.totals.total_tokens, group.label))


def _answered(row: Entry) -> bool:
    return row.success and row.basis != "void"


def _prompt(row: Entry) -> str | None:
    name, version = row.labels.get("prompt"), row.labels.get("prompt_version")
    return f"{name} v{version}" if name and version else name


def _names(sorted_in: dict[str | None, list[Entry]]) -> dict[str | None, str]:
    """What the user calls each model, where that is one name, and of one model only."""
    names = {model: {row.name for row in some} for model, some in sorted_in.items()}
    only = {model: next(iter(found)) for model, found in names.items() if len(found) == 1}
    counts = [name for found in names.values() for name in found]
    return {model: name for model, name in only.items() if name and counts.count(name) == 1}
