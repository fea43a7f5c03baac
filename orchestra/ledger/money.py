"""Money as integers of nano-USD: no float, and one rounding, upwards."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation

MOST = 10**17
"""The largest amount of one booking, 100 million USD: what a provider claims beyond it is cut to it."""

NANOS = Decimal(10**9)
_WIDE = Context(prec=60, rounding=ROUND_CEILING)


def nano(amount: Decimal | str | int) -> int:
    """An amount in USD as nano-USD, rounded up; raises `ValueError` for what is no finite number."""
    try:
        return int(_WIDE.to_integral_value(_WIDE.multiply(Decimal(amount), NANOS)))
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError(f"{amount!r} is no amount in USD") from error


def usd(amount: int) -> Decimal:
    """Nano-USD as an exact amount in USD."""
    return Decimal(amount).scaleb(-9, context=_WIDE)


def billed(cost: Decimal | None) -> int | None:
    """What a call came to, in nano-USD; `None` where the figure is missing or can't be one (negative, NaN)."""
    if cost is None or not cost.is_finite() or cost < 0:
        return None
    return min(nano(cost), MOST)


def shown(amount: int) -> str:
    """Nano-USD for a reader: `$20.00`, `$0.00035`."""
    cents, rest = f"{usd(amount):.9f}"[:-7], f"{usd(amount):.9f}"[-7:]
    return f"${cents}{rest.rstrip('0')}"
