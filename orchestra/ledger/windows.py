"""The stretch of time that a limit is for, in a time zone of the user's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Per = Literal["minute", "hour", "day", "week", "month", "total", "request"]
"""How long a limit counts; a week begins on Monday, `request` is the whole life of one request."""

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Window:
    """From `starts` up to, not including, `ends`, in whole seconds since the epoch; `None` is never."""

    key: str
    starts: int
    ends: int | None


def window(per: Per, zone: ZoneInfo, at: float) -> Window:
    """The window that `at` (seconds since the epoch) falls in, on the wall clock of `zone`.

    The windows of one zone follow each other without gap or overlap, through every change of the clock: a day has 23,
    24 or 25 hours, and an hour that the clock repeats is two windows.
    """
    if per in ("total", "request"):
        return Window(per, 0, None)
    here = datetime.fromtimestamp(at, zone)
    if per == "minute":
        return _clock_window(here, lambda t: t.replace(second=0, microsecond=0), 60, "%Y-%m-%dT%H:%M%z")
    if per == "hour":
        return _clock_window(here, lambda t: t.replace(minute=0, second=0, microsecond=0), HOUR_S, "%Y-%m-%dT%H%z")
    first, after, key = _days(per, here.date())
    return Window(key, _midnight(first, zone), _midnight(after, zone))


def _days(per: Per, today: date) -> tuple[date, date, str]:
    if per == "week":
        monday = today - timedelta(days=today.weekday())
        return monday, monday + timedelta(days=7), monday.strftime("%G-W%V")
    if per == "month":
        first = today.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1), first.strftime("%Y-%m")
    return today, today + timedelta(days=1), today.isoformat()


def _midnight(day: date, zone: ZoneInfo) -> int:
    """When `day` begins; where the clock skips midnight, the moment at which it does."""
    return int(datetime.combine(day, time(), zone).timestamp())


def _clock_window(here: datetime, cut: Callable[[datetime], datetime], length_s: int, form: str) -> Window:
    start = int(cut(here).timestamp())
    for steps in (2, 3, 4):  # a clock set back by half an hour makes an hour of ninety minutes
        later = datetime.fromtimestamp(start + length_s * steps // 2, here.tzinfo)
        end = int(cut(later).timestamp())
        if end > start:
            break
    return Window(cut(here).strftime(form), start, end)
