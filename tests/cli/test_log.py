"""`orchestra log`: the rows, and one of them in full."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine

from orchestra.ledger.export import COLUMNS

from .booked import DAILY, DAY_S, NOON, booked, call


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def _ids(said) -> list[str]:
    return [row["id"] for row in said.json]


def test_rows_come_newest_first(run) -> None:
    """A line each: time, ids, model, tokens, cost, latency, what came of it, tags."""
    booked(call("0.5", id="aaaaaaaaaaaa", request="request-1", task_type="chat", tags={"team": "red"}))
    booked(call("0.25", basis="reserved", id="bbbbbbbbbbbb", error="TimedOut", latency_s=60), at=NOON + 1)
    header, newest, oldest = run("log", "--timezone", "UTC").out.splitlines()
    assert header.split() == [
        "time",
        "id",
        "request",
        "model",
        "task",
        "in",
        "out",
        "cost",
        "latency",
        "result",
        "tags",
    ]
    assert oldest.split() == [
        *("2027-01-15", "12:00:00", "aaaaaaaa", "request-", "fast", "chat", "10", "5", "$0.50", "1.2s", "ok"),
        "team=red",
    ]
    assert newest.split()[2:] == ["bbbbbbbb", "r", "fast", "10", "5", "≤$0.25", "60.0s", "TimedOut"]


def test_a_guessed_task_is_shown_as_a_guess(run) -> None:
    """In the list, in full and in the usage; as JSON apart from the caller's own word."""
    booked(call("0.25", id="bbbbbbbbbbbb", task_type="chat", labels={"task": "coding"}))
    booked(call("0.5", id="aaaaaaaaaaaa", labels={"task": "chat", "task_confidence": "0.9"}), at=NOON + 1)
    _, guessed, said = run("log", "--timezone", "UTC").out.splitlines()
    assert (guessed.split()[5], said.split()[5]) == ("chat?", "chat")
    assert "task      chat? (guessed: the caller did not say)" in run("log", "aaaaaaaaaaaa").out.splitlines()
    rows = run("log", "--task", "chat", "--json").json
    assert [(row["task_type"], row["task_guessed"]) for row in rows] == [(None, "chat"), ("chat", None)]
    groups = run("usage", "--by", "task", "--json").json["groups"]
    assert [group["label"] for group in groups] == ["chat?", "chat"]


def test_no_calls_is_said(run) -> None:
    """Instead of an empty table."""
    assert run("log").out == "no calls\n"
    assert run("log", "--json").json == []


def test_a_quiet_ledger_is_looked_through_to_its_beginning(run) -> None:
    """The newest rows are shown however old they are, unless a time is named; `-n` says how many."""
    for days in (400, 20, 2):
        booked(call(id=f"day-{days}"), at=NOON - days * DAY_S)
    assert _ids(run("log", "--json")) == ["day-2", "day-20", "day-400"]
    assert _ids(run("log", "--json", "-n", "1")) == ["day-2"]
    assert _ids(run("log", "--json", "-n", "0")) == ["day-2", "day-20", "day-400"]
    assert _ids(run("log", "--json", "--since", "30d")) == ["day-2", "day-20"]


def test_filters_narrow_the_log(run) -> None:
    """By model under any of its names, task, tags, and failures."""
    booked(
        call(id="a", model="openai/gpt", name="best", served="gpt-1", task_type="chat"),
        call(id="b", tags={"team": "red", "user": "u"}),
        call(id="c", error="Refused", status=400),
    )
    for name in ("openai/gpt", "best", "gpt-1"):
        assert _ids(run("log", "--json", "--model", name)) == ["a"]
    assert _ids(run("log", "--json", "--task", "chat")) == ["a"]
    assert _ids(run("log", "--json", "--tag", "team=red", "--tag", "user=u")) == ["b"]
    assert _ids(run("log", "--json", "--errors")) == ["c"]


def test_csv_is_the_export(run) -> None:
    """The spec's columns first."""
    booked(call("0.5"))
    (line,) = csv.DictReader(run("log", "--csv").out.splitlines())
    assert tuple(line) == COLUMNS
    assert line["cost_usd"] == "0.50"


@pytest.fixture
def request_of_three() -> None:
    booked(
        call("0", "void", (0, 0, 0, 0), id="aa-first", request="req-1", name="best", error="RateLimited", status=429),
        call("0.5", "reserved", (0, 0, 0, 0), id="bb-second", request="req-1", name="best", retry=1, error="TimedOut"),
    )
    booked(
        call(
            *("0.25", "usage", (100, 50, 40, 20)),
            id="cc-third",
            request="req-1",
            path=("default", "hard", "fast"),
            served="llama-3",
            first_token_s=0.3,
            task_type="chat",
            tags={"team": "red"},
            labels={"prompt": "extraction", "prompt_version": "3"},
        ),
        at=NOON + 5,
        budgets=[DAILY],
    )


@pytest.mark.parametrize("id", ["cc-third", "cc"])
def test_a_row_in_full_says_why(run, request_of_three: None, id: str) -> None:
    """By its id or how that begins: what was asked and served, the way to it, what failed before, money and times."""
    lines = run("log", id, "--timezone", "UTC").out.splitlines()
    facts = {line[:10].strip(): line[10:] for line in lines[: lines.index("")]}
    assert facts["request"] == "req-1 (call 3 of 3)"
    assert facts["asked"] == "fast → groq/llama of groq"
    assert facts["served"] == "llama-3"
    assert facts["why"] == "reached by default → hard → fast; after best: RateLimited 429, best: TimedOut"
    assert facts["tokens"] == "100 in, 40 of them cached + 50 out, 20 of them reasoning"
    assert facts["cost"] == "$0.25, as the provider counted"
    assert facts["latency"] == "1.2s, first token after 300ms"
    assert facts["labels"] == "prompt=extraction prompt_version=3"
    assert facts["booked"] == "2027-01-15 12:00:05: settled"
    assert lines[-3:] == [
        "  ✗ best · RateLimited 429 · $0.00 · 1.2s",
        "  ✗ best (retry 1) · TimedOut · ≤$0.50 · 1.2s",
        "→ ✓ fast · 100 in + 50 out · $0.25 · 1.2s",
    ]


def test_how_a_cost_is_known_is_said(run, request_of_three: None) -> None:
    """An upper bound, nothing, an unknown price, a retry."""
    bound = run("log", "bb-second").out
    assert "$0.50, at most: what it came to can't be known, so its upper bound is booked" in bound
    assert "retry 1" in bound
    assert "$0.00, nothing was generated" in run("log", "aa-first").out
    booked(call(None, id="zz", request=""))
    assert "price unknown, as the provider counted" in run("log", "zz").out


def test_a_request_shows_its_calls(run, request_of_three: None) -> None:
    """All of them, with their sum."""
    first, *lines = run("log", "req-1").out.splitlines()
    assert first == "request req-1 · 3 calls · 100 in + 50 out · $0.75"
    assert [line.split()[0] for line in lines] == ["aa-first", "bb-second", "cc-third"]
    data = run("log", "req-1", "--json").json
    assert (data["cost_usd"], data["errors"], len(data["log"])) == ("0.75", 2, 3)


def test_a_row_as_json_has_the_rest_of_its_request(run, request_of_three: None) -> None:
    """Every column, and the other calls."""
    data = run("log", "cc-third", "--json").json
    assert tuple(data)[: len(COLUMNS)] == COLUMNS
    assert [row["id"] for row in data["same_request"]] == ["aa-first", "bb-second"]
    assert data["labels"] == {"prompt": "extraction", "prompt_version": "3"}


def test_a_cached_answer_is_shown_as_one(run) -> None:
    """With what it saved."""
    booked(call("0", saved=Decimal("0.5"), id="cached-1"))
    assert "cached, saved $0.50" in run("log").out


@pytest.mark.parametrize(("id", "said"), [("nothing", "no call or request has the id"), ("same", "2 ids begin with")])
def test_an_id_that_fits_none_or_several_is_an_error(run, id: str, said: str) -> None:
    """Nothing is printed on standard output."""
    booked(call(id="same-1"), call(id="same-2"))
    found = run("log", id)
    assert (found.code, found.out) == (2, "")
    assert said in found.err


@pytest.mark.parametrize("arguments", [("--csv", "--json"), ("--csv", "r"), ("--tag", "team"), ("--since", "soon")])
def test_what_cannot_be_listed_is_a_usage_error(run, arguments: tuple[str, ...]) -> None:
    """Nothing is printed on standard output."""
    booked(call())
    said = run("log", *arguments)
    assert (said.code, said.out) == (2, "")


def test_the_decisions_of_a_request_are_shown_with_what_they_were_made_from(run, policy: Path) -> None:
    """Which policy chose what by which rule, what it saw, and the hash of the file that decided."""
    assert run("ask", "Prove it.", "--task", "reasoning", "--priority", "high", "-c", str(policy)).code == 0
    (row,) = run("log", "--json").json
    (decision,) = run("log", row["id"], "--json").json["decisions"]
    assert (decision["policy"], decision["arm"], decision["rule"]) == ("default", "openai", "hard")
    for id in (row["id"], row["request"]):
        said = run("log", id).out
        assert "decided   default chose openai by hard: the best" in said
        assert "saw       task=reasoning priority=high" in said
        assert f"hash {decision['hash']}" in said
