"""Amounts, counts and times as a screen shows them: short, and never a zero for what is not zero."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from orchestra.ledger.money import usd
from orchestra.ledger.usage import local

WORDS: Mapping[str, str] = {
    "mean": "expected quality",
    "drawn": "drawn by chance",
    "usd": "USD",
    "latency_s": "seconds",
    "in_flight": "in flight",
}
"""Measures whose names are not for people."""
FULL, PART, EMPTY = "█", "▒", "░"
CENT_DIGITS = 8
"""An amount in nano-USD with more digits is at least ten cents: it is shown to the cent."""


def money(amount: int) -> str:
    """Nano-USD to the cent, two digits of what is less: `$12.34`, `$0.031`, `$0.00035`."""
    decimals = max(2, CENT_DIGITS + 3 - len(str(amount))) if amount else 2
    rounded = usd(amount).quantize(Decimal(1).scaleb(-min(decimals, 9)), rounding=ROUND_HALF_UP)
    text = f"{rounded:,f}"
    whole, _, rest = text.partition(".")
    return f"${whole}.{rest[:2]}{rest[2:].rstrip('0')}"


def measures(found: Mapping[str, float]) -> str:
    """What was measured of an arm, in words."""
    return ", ".join(f"{WORDS.get(name, name)} {value:.4g}" for name, value in found.items() if name != "anyone")


def counted(count: int, word: str) -> str:
    """So many of something: `1 call`, `1,234 calls`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def short(count: int) -> str:
    """A number of tokens: 345, 1.2K, 123K, 1124K, 12.3M."""
    if count < 1000:
        return str(count)
    if count < 9_950:
        return f"{count / 1000:.1f}K"
    if count < 9_999_500:
        return f"{(count + 500) // 1000}K"
    return f"{count / 1_000_000:,.1f}M"


def seconds(latency_s: float | None) -> str:
    """A latency: 340ms, 1.2s, 75s; `-` when there is none."""
    if latency_s is None:
        return "-"
    if latency_s < 0.995:
        return f"{latency_s * 1000:.0f}ms"
    return f"{latency_s:.1f}s" if latency_s < 99.95 else f"{latency_s:,.0f}s"


def span(length_s: float) -> str:
    """A length of time by its two largest units: 7h 12m, 3d 4h, 40s."""
    minutes, rest_s = divmod(int(length_s), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {rest_s}s" if minutes else f"{rest_s}s"


def clock(at: float, now: float, zone: ZoneInfo) -> str:
    """A time near `now`: 16:40, Fri 16:40, 2026-01-31 16:40."""
    then, today = local(at, zone), local(now, zone)
    if then.date() == today.date():
        return f"{then:%H:%M}"
    near = abs(then.date() - today.date()) < timedelta(days=7)
    return f"{then:%a %H:%M}" if near else f"{then:%Y-%m-%d %H:%M}"


def moment(at: float, zone: ZoneInfo) -> str:
    """A time in full, to the second."""
    return f"{local(at, zone):%Y-%m-%d %H:%M:%S}"


def bar(part: int, whole: int, cells: int) -> str:
    """`part` of `whole` as so many of `cells`; something is never nothing."""
    if part <= 0 or whole <= 0:
        return ""
    return FULL * min(cells, max(1, (2 * part * cells + whole) // (2 * whole)))


def gauge(spent: int, held: int, limit: int, cells: int) -> str:
    """Spent, held and free money as a bar; what is spent has no cell as long as it is 0 %."""
    spent = 0 if 200 * spent < limit else spent
    full = bar(spent, limit, cells)
    both = bar(spent + held, limit, cells)
    return full + PART * (len(both) - len(full)) + EMPTY * (cells - len(both))
