"""Amounts, counts and times in short."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.cli.figures import bar, clock, counted, gauge, money, seconds, short, span
from orchestra.ledger import nano

from .booked import NOON


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "$0.00"),
        ("12.34", "$12.34"),
        ("12.345", "$12.35"),
        ("1234567.891", "$1,234,567.89"),
        ("0.999", "$1.00"),
        ("0.1", "$0.10"),
        ("0.0312", "$0.031"),
        ("0.05", "$0.05"),
        ("0.00035", "$0.00035"),
        ("0.0999", "$0.10"),
        ("0.000000001", "$0.000000001"),
    ],
)
def test_money(usd: str, text: str) -> None:
    """To the cent; two digits of what is less."""
    assert money(nano(usd)) == text


@given(st.integers(1, 10**17))
def test_what_is_not_zero_does_not_look_so(amount: int) -> None:
    """However small it is, and off by five parts in a hundred at the most."""
    shown = nano(money(amount).replace("$", "").replace(",", ""))
    assert shown > 0
    assert abs(shown - amount) * 20 <= amount


@pytest.mark.parametrize(
    ("count", "text"),
    [
        *((0, "0"), (999, "999"), (1000, "1.0K"), (9_949, "9.9K"), (9_950, "10K"), (45_123, "45K"), (123_456, "123K")),
        *((1_124_000, "1124K"), (9_999_499, "9999K"), (9_999_500, "10.0M"), (12_345_678_901, "12,345.7M")),
    ],
)
def test_tokens(count: int, text: str) -> None:
    """As the spec's drawing has them: 123K, 1124K."""
    assert short(count) == text


@pytest.mark.parametrize(
    ("latency_s", "text"),
    [(None, "-"), (0.0, "0ms"), (0.34, "340ms"), (0.9951, "1.0s"), (1.2, "1.2s"), (75.04, "75.0s"), (1234.0, "1,234s")],
)
def test_latency(latency_s: float | None, text: str) -> None:
    """In milliseconds below a second."""
    assert seconds(latency_s) == text


@pytest.mark.parametrize(
    ("length_s", "text"), [(40, "40s"), (125, "2m 5s"), (25_920, "7h 12m"), (273_600, "3d 4h"), (0.5, "0s")]
)
def test_spans(length_s: float, text: str) -> None:
    """By the two largest units."""
    assert span(length_s) == text


@pytest.mark.parametrize(
    ("after_s", "text"),
    [(16_800, "16:40"), (43_200, "Sat 00:00"), (6 * 86_400, "Thu 12:00"), (864_000, "2027-01-25 12:00")],
)
def test_times(after_s: int, text: str) -> None:
    """The hour today, the day within a week, else the date."""
    assert clock(NOON + after_s, NOON, ZoneInfo("UTC")) == text


def test_counts() -> None:
    """One call, several calls."""
    assert [counted(n, "call") for n in (0, 1, 1234)] == ["0 calls", "1 call", "1,234 calls"]


def test_bars() -> None:
    """Rounded; something is never nothing, and what is over fills the bar."""
    assert [len(bar(part, 650, 20)) for part in (650, 320, 180, 84, 1, 0, 9999)] == [20, 10, 6, 3, 1, 0, 20]
    assert gauge(50, 25, 100, 8) == "████▒▒░░"
    assert (gauge(4, 0, 1000, 8), gauge(5, 0, 1000, 8)) == ("░░░░░░░░", "█░░░░░░░")
    assert gauge(200, 0, 100, 4) == "████"
    assert gauge(0, 0, 0, 4) == "░░░░"
