"""The stretch of time that a report is of: `24h`, `7d`, a date; and the time zone that it is told in."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LOCALTIME = Path("/etc/localtime")


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` up to, not including, `until`, in seconds since the epoch; `None` is open. `words` is its title."""

    since: float | None
    until: float | None
    words: str


def period(since: str | None, until: str | None, now: float, zone: ZoneInfo) -> Period:
    """The period of two options; raises `ValueError` for what is no time."""
    start = None if since is None else moment(since, now, zone)
    end = None if until is None else moment(until, now, zone)
    if start is not None and end is not None and end <= start:
        raise ValueError(f"nothing lies between {since!r} and {until!r}")
    words = "All Time"
    if since is not None:
        words = f"Last {since}" if _span(since) else f"Since {since}"
    return Period(start, end, words if until is None else f"{words}, Until {until}")


def moment(text: str, now: float, zone: ZoneInfo) -> float:
    """`24h` (before `now`), `2026-01-01` or `2026-01-01T12:30` (in `zone`), in seconds since the epoch.

    Raises `ValueError`.
    """
    span = _span(text)
    if span is not None:
        return now - span.total_seconds()
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write 30m, 24h, 7d, 4w, 2026-01-31 or 2026-01-31T12:30") from None


def zone_named(name: str) -> ZoneInfo:
    """The IANA time zone; raises `ValueError` where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}; they are called such as Europe/Berlin or UTC") from None


def machine_zone() -> ZoneInfo:
    """The time zone of this machine; UTC where it does not say which one it is in."""
    name = os.environ.get("TZ", "").removeprefix(":") or str(LOCALTIME.resolve()).partition("zoneinfo/")[2]
    try:
        return zone_named(name)
    except ValueError:
        return ZoneInfo("UTC")


def _span(text: str) -> timedelta | None:
    found = re.fullmatch(r"(\d{1,4})([mhdw])", text)
    return timedelta(**{UNITS[found[2]]: int(found[1])}) if found else None
