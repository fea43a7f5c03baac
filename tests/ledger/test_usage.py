"""What was spent, on what, and when."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.ledger import Entry, Ledger, nano
from orchestra.ledger.usage import BY, Step, Totals, groups, key_of, percentages, series, totals

from .rows import patiently, row, rows
from .support import NOON, attempt, want
from .test_windows import ZONES

DAY_S = 86_400
UTC = ZoneInfo("UTC")
SUMMED = [field.name for field in fields(Totals) if field.name != "requests"]
zones = st.sampled_from(ZONES).map(ZoneInfo)


def _added(parts: list[Totals]) -> dict[str, int]:
    return {name: sum(getattr(part, name) for part in parts) for name in SUMMED}


@patiently
@given(rows(NOON, NOON + 90 * DAY_S), st.sampled_from([*BY, "tag:team"]), zones)
def test_groups_add_up_to_the_cards(found: list[Entry], by: str, zone: ZoneInfo) -> None:
    """Whatever calls are grouped by, and in whatever time zone, every figure of the cards is the sum of the groups'."""
    assert _added([group.totals for group in groups(found, by, zone)]) == _added([totals(found)])


@patiently
@given(rows(NOON, NOON + 40 * DAY_S), st.sampled_from(["hour", "day", "week", "month"]), zones)
def test_a_series_adds_up_to_the_cards(found: list[Entry], per: Step, zone: ZoneInfo) -> None:
    """The stretches of a series follow each other without a gap, hold every row once, and reach over the period."""
    points = series(found, per, zone, NOON, NOON + 40 * DAY_S)
    assert _added([point.totals for point in points]) == _added([totals(found)])
    assert points[0].starts <= NOON < points[0].ends
    assert points[-1].starts < NOON + 40 * DAY_S <= points[-1].ends
    assert all(one.ends == other.starts for one, other in pairwise(points))


@patiently
@given(rows())
def test_the_cards_are_the_sums_of_the_rows(found: list[Entry]) -> None:
    """The cost is what the rows show, to the nano-dollar; no row is in twice."""
    sums = totals(found)
    assert sums.amount == sum(row.amount for row in found if row.cost_usd is not None)
    assert sums.total_tokens == sum(row.total_tokens for row in found)
    assert sums.upper_bound <= sums.amount
    assert totals(reversed(found)) == sums


@given(st.lists(st.integers(0, 10**17), max_size=30))
def test_percentages_add_up(amounts: list[int]) -> None:
    """They are whole, each less than a point off, in the order of the amounts, and together 100."""
    points = percentages(amounts)
    whole = sum(amounts)
    assert sum(points) == (100 if whole else 0)
    assert all(
        abs(point * whole - 100 * amount) < whole for point, amount in zip(points, amounts, strict=True) if whole
    )
    for one, point in zip(amounts, points, strict=True):
        assert all(point >= other for amount, other in zip(amounts, points, strict=True) if one > amount)


def test_the_percentages_of_the_specs_drawing() -> None:
    """53, 26, 15, 7 is one too much: the smallest gives way."""
    assert percentages([nano(usd) for usd in ("6.50", "3.20", "1.80", "0.84")]) == [53, 26, 15, 6]


def test_a_request_of_two_calls_is_one_request() -> None:
    """A call without a request counts for itself."""
    found = [row(request="r"), row(request="r", model="other"), row(request="")]
    assert (totals(found).requests, totals(found).calls) == (2, 3)
    assert [group.totals.requests for group in groups(found, "model", UTC)] == [2, 1]


def test_what_is_not_known_is_shown_apart() -> None:
    """Calls of unknown price are counted and not in the cost; calls at their bound are in it, and said to be."""
    sums = totals([row("1"), row("0.25", basis="reserved"), row(None), row("0", saved=nano("0.5"))])
    assert (sums.amount, sums.upper_bound, sums.unpriced) == (nano("1.25"), nano("0.25"), 1)
    assert (sums.saved, sums.errors) == (nano("0.5"), 0)


def test_latency_is_that_of_answers() -> None:
    """A failure says nothing of how long an answer takes; with no answer there is no latency."""
    failed = row(latency_s=60, error="TimedOut", basis="reserved")
    released = row(latency_s=0, basis="void", kind="void")
    assert totals([row(latency_s=1), row(latency_s=2), failed, released]).average_latency_s == 1.5
    assert totals([failed, failed]).average_latency_s is None
    assert totals([failed]).errors == 1


def test_groups_are_named_as_the_user_names_them() -> None:
    """A model goes by its one name; with two, or where two models share one, by its id; what lacks a thing says so."""
    found = [
        row("5", model="openai/a", name="fast"),
        row("4", model="openai/b", name="b"),
        row("3", model="openai/b", name="strong"),
        row("2", model="openai/c", name="same"),
        row("1", model="openai/d", name="same"),
    ]
    labels = ["openai/b", "fast", "openai/c", "openai/d"]
    assert [group.label for group in groups(found, "model", UTC)] == labels
    assert [group.label for group in groups(found, "task", UTC)] == ["(no task)"]
    (none,) = groups(found, "tag:team", UTC)
    assert (none.key, none.label, none.percent) == (None, "(no team)", 100)


@pytest.mark.parametrize(
    ("by", "key"),
    [
        ("model", "openai/gpt"),
        ("provider", "openai"),
        ("task", "chat"),
        ("prompt", "extraction v3"),
        ("tag:team", "red"),
        ("day", "2027-01-15"),
    ],
)
def test_what_calls_are_grouped_by(by: str, key: str) -> None:
    """Model, provider, task, prompt with its version, a tag, the day."""
    found = row(task_type="chat", tags={"team": "red"}, labels={"prompt": "extraction", "prompt_version": "3"})
    assert [group.key for group in groups([found], by, UTC)] == [key]


def test_days_have_no_gap_and_are_in_order() -> None:
    """A day without calls is there; days are those of the zone."""
    found = [row(made=NOON + 2 * DAY_S), row("7", made=NOON + 11.5 * 3600)]
    days = groups(found, "day", UTC)
    assert [(day.key, day.totals.calls) for day in days] == [("2027-01-15", 1), ("2027-01-16", 0), ("2027-01-17", 1)]
    assert [day.key for day in groups(found, "day", ZoneInfo("Europe/Berlin"))] == ["2027-01-16", "2027-01-17"]


@pytest.mark.parametrize(
    ("by", "said"), [("modell", "did you mean 'model'"), ("tag:", "tag:NAME"), ("x", "there are:")]
)
def test_other_groups_are_an_error(by: str, said: str) -> None:
    """The error names what there is."""
    with pytest.raises(ValueError, match=said):
        key_of(by)


def test_an_empty_series_needs_a_period() -> None:
    """Without rows and a beginning there is nothing; with one there are empty stretches."""
    assert series([], "hour", UTC) == []
    assert [point.totals.calls for point in series([], "hour", UTC, NOON, NOON + 7200)] == [0, 0]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Apia"])
def test_cards_equal_what_the_ledger_kept(ledger: Ledger, zone: str) -> None:
    """Over both engines: the window's spending, the rows and the report are one sum."""
    for n in range(7):
        ledger.book(attempt(want(id=f"c{n}"), f"0.00{n}1"))
    found = ledger.rows()
    assert totals(found).amount == sum(day.totals.amount for day in groups(found, "day", ZoneInfo(zone)))
    assert totals(found).amount == nano("0.0217")
    assert datetime.fromtimestamp(found[0].made, UTC).hour == 12
