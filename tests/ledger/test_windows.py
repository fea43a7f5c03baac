"""Windows of time in a time zone."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestra.ledger.windows import Per, window

ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "Africa/Cairo", "Asia/Beirut", "America/Havana", "Pacific/Apia", "Pacific/Chatham"),
)
pers: Any = st.sampled_from(["minute", "hour", "day", "week", "month"])
zones = st.sampled_from(ZONES)
moments = st.integers(min_value=0, max_value=2_200_000_000)


def _at(zone: str, text: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@given(pers, zones, moments)
@example("hour", "Australia/Lord_Howe", int(_at("Australia/Lord_Howe", "2026-04-05T01:45", 1)))
@example("hour", "Australia/Lord_Howe", int(_at("Australia/Lord_Howe", "2026-10-04T02:45")))
@example("hour", "Europe/Berlin", int(_at("Europe/Berlin", "2026-10-25T02:30", 1)))
@example("day", "Pacific/Apia", int(_at("Pacific/Apia", "2011-12-31T03:00")))
def test_windows_follow_each_other_without_gap_or_overlap(per: Per, zone: str, at: int) -> None:
    """Every moment is in one window, and where it ends the next begins."""
    here = window(per, ZoneInfo(zone), at)
    assert here.ends is not None
    assert here.starts <= at < here.ends
    assert window(per, ZoneInfo(zone), here.ends).starts == here.ends
    assert window(per, ZoneInfo(zone), here.starts) == here
    assert window(per, ZoneInfo(zone), here.ends - 1) == here


@given(pers, zones, moments, st.integers(min_value=0, max_value=10**7))
def test_windows_only_move_forward(per: Per, zone: str, at: int, later: int) -> None:
    """A later moment is never in an earlier window."""
    assert window(per, ZoneInfo(zone), at).starts <= window(per, ZoneInfo(zone), at + later).starts


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24), ("2028-02-29", 24)]
)
def test_a_day_is_as_long_as_its_clock_makes_it(day: str, hours: int) -> None:
    """The days on which clocks change have 23 and 25 hours; a leap day is a day."""
    here = window("day", ZoneInfo("Europe/Berlin"), _at("Europe/Berlin", f"{day}T12:00"))
    assert here.ends is not None
    assert (here.key, here.ends - here.starts) == (day, hours * 3600)


def test_an_hour_that_the_clock_repeats_is_two_windows() -> None:
    """02:30 comes twice on the night that summer time ends; each has its own hour."""
    first = window("hour", ZoneInfo("Europe/Berlin"), _at("Europe/Berlin", "2026-10-25T02:30"))
    second = window("hour", ZoneInfo("Europe/Berlin"), _at("Europe/Berlin", "2026-10-25T02:30", 1))
    assert first.ends == second.starts
    assert first.key != second.key


@pytest.mark.parametrize(
    ("per", "key", "starts", "ends"),
    [
        ("minute", "2026-11-23T15:04+0100", "2026-11-23T15:04", "2026-11-23T15:05"),
        ("hour", "2026-11-23T15+0100", "2026-11-23T15:00", "2026-11-23T16:00"),
        ("day", "2026-11-23", "2026-11-23T00:00", "2026-11-24T00:00"),
        ("week", "2026-W48", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("month", "2026-11", "2026-11-01T00:00", "2026-12-01T00:00"),
    ],
)
def test_a_window_is_one_of_the_wall_clock(per: Per, key: str, starts: str, ends: str) -> None:
    """Windows begin where people's clocks and calendars do; a week on Monday."""
    here = window(per, ZoneInfo("Europe/Berlin"), _at("Europe/Berlin", "2026-11-23T15:04:05"))
    assert (here.key, here.starts, here.ends) == (key, _at("Europe/Berlin", starts), _at("Europe/Berlin", ends))


@pytest.mark.parametrize("per", ["total", "request"])
def test_some_windows_never_end(per: Per) -> None:
    """A total is one window for all time."""
    assert window(per, ZoneInfo("UTC"), 0) == window(per, ZoneInfo("Asia/Kolkata"), 2e9)


def test_days_of_different_zones_differ() -> None:
    """At the same moment it is another day elsewhere."""
    at = _at("UTC", "2026-11-23T23:30")
    berlin, utc = (window("day", ZoneInfo(zone), at) for zone in ("Europe/Berlin", "UTC"))
    assert (berlin.key, utc.key) == ("2026-11-24", "2026-11-23")
    assert timedelta(seconds=utc.starts - berlin.starts) == -timedelta(hours=23)
