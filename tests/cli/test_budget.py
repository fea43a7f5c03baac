"""`orchestra budget`: how the budgets stand."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from orchestra.ledger import Ask, Budget, Claim, Ledger, nano

from .booked import DAILY, DAY_S, NOON, booked, call

POLICY = """\
daily_budget_usd: 20
budgets:
  project: {limit_usd: 100, per: total, hard_limit_usd: 120}
  each: {limit_usd: 2, per: hour, by: user, alert_at: null, timezone: Asia/Kolkata}
"""
EACH = Budget(name="each", limit_nano=nano(2), per="hour", by=("user",), timezone="Asia/Kolkata")


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "orchestra.yaml"
    path.write_text(POLICY)
    return path


def test_a_budget_has_a_line(run, policy: Path) -> None:
    """Limit, spent, held, free, the part used, exhaustion at this rate, reset, alert."""
    booked(call("12"), at=NOON - 1, budgets=[DAILY])
    ledger = Ledger(Path(os.environ["ORCHESTRA_HOME"]) / "ledger.db")
    asyncio.run(ledger.reserve([Ask(id="x", amount=nano(2), claims=(Claim(DAILY, "", DAILY.limit_nano),))]))
    ledger.close()
    header, project, daily = run("budget").out.splitlines()
    assert " ".join(header.split()) == ("budget window limit hard limit spent held free used at this rate resets alert")
    assert " ".join(daily.split()) == (
        "daily today in UTC $20.00 $12.00 $2.00 $6.00 ██████▒░░░ 60% 20:00 Sat 00:00 (in 12h 0m) 80%"
    )
    assert " ".join(project.split()).startswith("project in all $100.00 $120.00 $12.00")


def test_each_window_of_a_split_budget_has_a_line(run, policy: Path) -> None:
    """The fullest first; a window in Kolkata resets at half past."""
    for user, cost in (("a", "0.5"), ("b", "1.5")):
        booked(call(cost, tags={"user": user}), budgets=[EACH])
    data = run("budget", "each", "--json").json
    assert [(one["scope"], one["spent_usd"], one["percent"]) for one in data] == [
        ("user=b", "1.50", 75),
        ("user=a", "0.50", 25),
    ]
    assert {one["resets_at"] for one in data} == {"2027-01-15T18:00:00+05:30"}
    assert {one["alert_at"] for one in data} == {None}


def test_a_budget_without_end_is_projected_from_the_last_week(run, policy: Path) -> None:
    """$35 in three and a half days: the other $65 last six and a half."""
    booked(call("35"), at=NOON - 3.5 * DAY_S)
    (project,) = run("budget", "project", "--json").json
    assert (project["spent_usd"], project["exhausted_at"]) == ("35.00", "2027-01-22T00:00:00+00:00")
    assert (project["hard_limit_usd"], project["resets_at"], project["starts"]) == ("120.00", None, None)


def test_a_used_up_budget_says_so(run, policy: Path) -> None:
    """And when its alert was reached."""
    booked(call("21"), budgets=[DAILY])
    line = next(line for line in run("budget", "daily").out.splitlines() if line.startswith("daily"))
    assert "105% used up" in " ".join(line.split())
    assert line.endswith("80%, reached 12:00")


def test_without_a_budget_the_way_to_one_is_shown(run) -> None:
    """An empty list as JSON."""
    assert "daily_budget_usd: 20" in run("budget").out
    assert run("budget", "--json").json == []


def test_a_split_budget_without_calls_has_no_window(run, tmp_path: Path) -> None:
    """Which is said, instead of an empty table."""
    (tmp_path / "orchestra.yaml").write_text("budgets: {each: {limit_usd: 2, by: user}}\n")
    assert run("budget").out == "nothing was spent in the open windows\n"


def test_a_name_that_is_no_budget_is_an_error(run, policy: Path) -> None:
    """The names that there are come with it."""
    said = run("budget", "dialy")
    assert (said.code, said.out) == (1, "")
    assert "there are: project, each, daily" in said.err


def test_a_budget_is_shown_under_another_name_of_its_provider(run, policy: Path) -> None:
    """The command finds the windows that calls are counted in."""
    policy.write_text("budgets: {g: {limit_usd: 2, providers: gemini}}\n")
    booked(call("0.5", provider="google"), budgets=[Budget(name="g", limit_nano=nano(2), providers=("google",))])
    (one,) = run("budget", "--json").json
    assert one["spent_usd"] == "0.50"
