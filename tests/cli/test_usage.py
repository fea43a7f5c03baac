"""`orchestra usage`: the report on the screen, as JSON, as CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine

from orchestra.cli import usage as module
from orchestra.ledger import Budget, nano

from .booked import DAILY, NOON, booked, call


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "orchestra.yaml"
    path.write_text("daily_budget_usd: 20\n")
    return path


def _lines(out: str) -> list[str]:
    return [" ".join(line.strip("│╭╮╰╯─ \n").replace("│", "").split()) for line in out.splitlines()]


def test_an_empty_ledger_has_a_report(run) -> None:
    """Zeros, no groups, and how a budget is set."""
    said = run("usage")
    lines = _lines(said.out)
    assert said.code == 0
    for line in ("Total Tokens: 0", "Total Cost: $0.00", "Requests: 0", "Avg Latency: -", "No calls."):
        assert line in lines
    assert "Budget: none is set (daily_budget_usd sets one)" in lines


def test_the_cards_cover_the_period_and_the_budget_its_window(run, policy: Path) -> None:
    """Yesterday evening is in the last 24 hours, and not in today's budget; the screen says which window it is."""
    for hours, usd in ((30, "100"), (20, "5"), (1, "1")):
        booked(call(usd), at=NOON - hours * 3600, budgets=[DAILY])
    lines = _lines(run("usage", "--timezone", "UTC").out)
    assert "Total Cost: $6.00" in lines
    assert "Budget: $1.00 / $20.00 (5% used)" in lines
    assert "daily: today in UTC; resets Sat 00:00 (in 12h 0m)" in lines


@pytest.mark.parametrize(
    ("since", "title", "cost"),
    [("90m", "Last 90m", "1.00"), ("7d", "Last 7d", "106.00"), ("2027-01-14", "Since 2027-01-14", "106.00")],
)
def test_since_says_from_when(run, since: str, title: str, cost: str) -> None:
    """A span or a date."""
    for hours, usd in ((30, "100"), (20, "5"), (1, "1")):
        booked(call(usd), at=NOON - hours * 3600)
    said = run("usage", "--since", since, "--timezone", "UTC")
    assert f"Token Usage & Cost ({title})" in said.out
    assert f"Total Cost: ${cost}" in _lines(said.out)


def test_days_are_those_of_the_zone(run) -> None:
    """The same calls, other days, the same sum."""
    booked(call("1"), at=NOON - 12.5 * 3600)
    booked(call("2"), at=NOON - 11.5 * 3600)
    found = {zone: run("usage", "--by", "day", "--timezone", zone, "--json").json for zone in ("UTC", "Europe/Berlin")}
    assert [group["key"] for group in found["UTC"]["groups"]] == ["2027-01-14", "2027-01-15"]
    assert [group["key"] for group in found["Europe/Berlin"]["groups"]] == ["2027-01-15"]
    assert {data["cost_usd"] for data in found.values()} == {"3.00"}


def test_json_adds_up(run, policy: Path) -> None:
    """Amounts are exact, and the groups' are the cards'."""
    for n, model in enumerate(("groq/a", "groq/b", "groq/b"), 1):
        booked(call(f"0.{n}00000001", name=model, model=model, request=str(n)), budgets=[DAILY])
    data = run("usage", "--json").json
    assert (data["requests"], data["calls"], data["total_tokens"], data["avg_latency_ms"]) == (3, 3, 45, 1200.0)
    assert sum(Decimal(group["cost_usd"]) for group in data["groups"]) == Decimal(data["cost_usd"])
    assert data["cost_usd"] == "0.600000003"
    assert [(group["key"], group["percent"]) for group in data["groups"]] == [("groq/b", 83), ("groq/a", 17)]
    (budget,) = data["budgets"]
    assert (budget["spent_usd"], budget["percent"], budget["resets_at"]) == (
        "0.600000003",
        3,
        "2027-01-16T00:00:00+00:00",
    )


def test_csv_has_a_line_for_each_group(run) -> None:
    """And no line for the total, which a sum of the column would count twice."""
    booked(call("1", tags={"team": "red"}), call("2", tags={"team": "blue"}), call("3"))
    lines = list(csv.DictReader(run("usage", "--by", "tag:team", "--csv").out.splitlines()))
    assert [(line["team"], line["cost_usd"]) for line in lines] == [("", "3.00"), ("blue", "2.00"), ("red", "1.00")]


def test_what_is_not_known_is_on_the_screen(run) -> None:
    """Failures, upper bounds, unknown prices and what cached answers saved each have a line."""
    booked(
        call("1", request="a"),
        call("0.5", basis="reserved", request="b", error="Cut"),
        call(None, request="b"),
        call("0", saved=Decimal("0.25"), request="c"),
    )
    lines = _lines(run("usage").out)
    for line in (
        "Requests: 3",
        "Calls: 4, 1 failed",
        "Upper bound: $0.50 of the cost is the most that it can be",
        "Price unknown: 1 call, not in the cost",
        "Saved: $0.25 by cached answers",
    ):
        assert line in lines


def test_a_budget_that_runs_out_says_when(run, policy: Path) -> None:
    """At $12 in twelve hours the rest is gone at 20:00; the alert says when it was reached."""
    booked(call("12"), at=NOON - 1, budgets=[DAILY])
    assert "at this rate used up 20:00" in _lines(run("usage").out)
    booked(call("5"), budgets=[DAILY])
    assert "⚠️ Budget 80% threshold: Alert enabled, reached 12:00" in _lines(run("usage").out)
    booked(call("5"), budgets=[DAILY])
    lines = _lines(run("usage").out)
    assert "Budget: $22.00 / $20.00 (110% used)" in lines
    assert "used up" in lines


def test_several_budgets_are_named(run, policy: Path) -> None:
    """The fullest first, with whose they are; of many the screen shows five and names the command for all."""
    policy.write_text(
        "daily_budget_usd: 20\nbudgets: {each: {limit_usd: 2, by: user, alert_at: null}, spare: {limit_usd: 9}}\n"
    )
    each = Budget(name="each", limit_nano=nano(2), by=("user",))
    for n in range(5):
        booked(call(f"0.{n + 1}", tags={"user": f"u{n}"}), budgets=[DAILY, each])
    lines = _lines(run("usage").out)
    found = [line for line in lines if line.startswith("Budget ") and "/" in line]
    assert found[0] == "Budget each user=u4: $0.50 / $2.00 (25% used)"
    assert len(found) == 5
    assert "and 2 more (orchestra budget)" in lines
    assert "Budget threshold: Alert disabled" in lines


def test_the_windows_of_one_budget_share_what_they_have_in_common(run, policy: Path) -> None:
    """Which window and which alert is said once, a reached alert wherever it is; calls without the tag have a name."""
    policy.write_text("daily_budget_usd: null\nbudgets: {each: {limit_usd: 2, by: [user, team]}}\n")
    each = Budget(name="each", limit_nano=nano(2), by=("user", "team"))
    for cost, tags in (
        ("1.9", {"user": "a", "team": "x,y"}),
        ("1.8", {"team": "red"}),
        *(("0.001", {"user": f"u{n}"}) for n in range(30)),
    ):
        booked(call(cost, tags=tags), budgets=[each])
    lines = _lines(run("usage").out)
    assert sum("threshold: Alert enabled" in line for line in lines) == 2
    assert sum("resets" in line for line in lines) == 1
    assert "Budget each user=a,team=x,,y: $1.90 / $2.00 (95% used)" in lines
    assert "Budget each (no user),team=red: $1.80 / $2.00 (90% used)" in lines
    assert "Budget each user=u0,(no team): $0.001 / $2.00 (0% used)" in lines
    assert "and 27 more (orchestra budget)" in lines


@pytest.mark.parametrize(
    "arguments",
    [
        ("--by", "colour"),
        ("--by", "tag:"),
        ("--since", "soon"),
        ("--timezone", "Mars/Base"),
        ("--json", "--csv"),
        ("--watch", "--json"),
    ],
)
def test_what_cannot_be_shown_is_a_usage_error(run, arguments: tuple[str, ...]) -> None:
    """Nothing is printed on standard output."""
    said = run("usage", *arguments)
    assert (said.code, said.out) == (2, "")


def test_watch_shows_what_comes_in(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every round reads the ledger anew, until Ctrl-C, which is no failure."""
    rounds = iter([lambda: booked(call("7"))])

    def sleep(seconds: float) -> None:
        assert seconds == module.EVERY_S
        next(rounds, _interrupt)()

    monkeypatch.setattr(module, "SLEEP", sleep)
    said = run("usage", "--watch")
    assert said.code == 0
    assert "Total Cost: $7.00" in _lines(said.out)


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_neither_litellm_nor_a_key_is_needed(run) -> None:
    """The report comes from the ledger alone."""
    import subprocess

    code = "import sys; from orchestra.cli import usage, log, budget, ledger; print('litellm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    assert json.loads(run("usage", "--json").out)["calls"] == 0


def test_the_screen_fits_a_narrow_terminal(run) -> None:
    """No line is longer than the terminal is wide, and no name is cut."""
    from io import StringIO

    from rich.console import Console

    from orchestra.cli.books import opened, zone_of
    from orchestra.cli.dashboard import dashboard
    from orchestra.cli.usage import reported

    booked(call("1", name="a-model-with-a-name", model="x"), call("2", name="b", model="b"))
    with opened(None) as found:
        report = reported(found, "24h", "model", zone_of("UTC"))
    for width in (40, 64, 200):
        file = StringIO()
        Console(file=file, width=width).print(dashboard(report, width))
        assert max(map(len, file.getvalue().splitlines())) <= min(width, 100)
        names = "".join(line.partition("$")[0].strip("│ █") for line in file.getvalue().splitlines())
        assert "a-model-with-a-name" in names
