"""The times of a report."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestra.ledger import period as module
from orchestra.ledger.period import machine_zone, moment, period, zone_named

from .support import NOON

UTC, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30m", NOON - 1800),
        ("24h", NOON - 86_400),
        ("7d", NOON - 7 * 86_400),
        ("2w", NOON - 14 * 86_400),
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=BERLIN).timestamp()),
        ("2027-01-01T12:30", datetime(2027, 1, 1, 12, 30, tzinfo=BERLIN).timestamp()),
        ("2027-01-01T12:30Z", datetime(2027, 1, 1, 12, 30, tzinfo=UTC).timestamp()),
    ],
)
def test_what_a_time_may_be(text: str, at: float) -> None:
    """A span before now, or a date or time in the zone unless it names its own."""
    assert moment(text, NOON, BERLIN) == at


@pytest.mark.parametrize("text", ["", "h", "-3h", "3y", "yesterday", "2027-13-01", "12345678d"])
def test_what_is_no_time_is_an_error(text: str) -> None:
    """The error shows how to write one."""
    with pytest.raises(ValueError, match="write 30m, 24h"):
        moment(text, NOON, UTC)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("24h", None, "Last 24h"),
        ("2027-01-01", None, "Since 2027-01-01"),
        ("2027-01-01", "2027-01-02", "Since 2027-01-01, Until 2027-01-02"),
        (None, None, "All Time"),
    ],
)
def test_a_period_has_a_title(since: str | None, until: str | None, words: str) -> None:
    """It says what it covers."""
    assert period(since, until, NOON, UTC).words == words


def test_a_period_does_not_end_before_it_begins() -> None:
    """Both ends are named."""
    with pytest.raises(ValueError, match=r"'2027-01-02'.*'2027-01-01'"):
        period("2027-01-02", "2027-01-01", NOON, UTC)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "Europe"])
def test_a_zone_that_is_none_is_an_error(name: str) -> None:
    """The error shows what zones are called."""
    with pytest.raises(ValueError, match="no time zone is called"):
        zone_named(name)


def test_the_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """$TZ, else what /etc/localtime points to, else UTC."""
    monkeypatch.setenv("TZ", ":Asia/Kolkata")
    assert machine_zone().key == "Asia/Kolkata"
    monkeypatch.delenv("TZ")
    (tmp_path / "zoneinfo/Europe").mkdir(parents=True)
    (tmp_path / "zoneinfo/Europe/Berlin").touch()
    link = tmp_path / "localtime"
    link.symlink_to(tmp_path / "zoneinfo/Europe/Berlin")
    monkeypatch.setattr(module, "LOCALTIME", link)
    assert machine_zone().key == "Europe/Berlin"
    monkeypatch.setattr(module, "LOCALTIME", tmp_path / "none")
    assert machine_zone().key == "UTC"
