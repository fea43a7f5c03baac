"""Traces: a finished answer as text, as plain data, as a log event."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
import structlog

from orchestra import Attempt, Choice, Failure, Response, Unavailable, Usage
from orchestra.trace import as_dict, explain, log, money, render

CHOICE = Choice(
    arm="big",
    rule="hard",
    reason="best",
    passed_over=(("small", "too small"),),
    features={"task": "code"},
    chain=("big", "mid"),
)
FAILED = Attempt(
    id="1",
    path=("big",),
    call="chat",
    name="big",
    model="p/big",
    provider="p",
    error="Unavailable",
    basis="reserved",
    usage=Usage(cost=Decimal("0.01"), upper_bound=Decimal("0.01")),
    latency_s=1.0,
)
GOOD = replace(
    FAILED, id="2", name="mid", model="p/mid", error=None, basis="usage", usage=Usage(10, 5, cost=Decimal("0.002"))
)
RESPONSE = Response(
    text="canary",
    model="p/mid",
    name="mid",
    choice=CHOICE,
    attempts=(FAILED, GOOD),
    usage=GOOD.usage,
    latency_s=2.5,
    note="big failed",
)


def test_the_text_shows_the_choice_the_calls_and_their_cost() -> None:
    """Failures and their cost included; the head has the total."""
    assert render(RESPONSE).splitlines() == [
        "mid · 10 in + 5 out · $0.0120 · 2.50 s",
        "├─ chose big by hard: best",
        "│  ├─ saw task code",
        "│  ├─ not small: too small",
        "│  └─ then mid",
        "├─ ✗ p/big · Unavailable, booked as reserved · $0.0100 · 1.00 s",
        "├─ ✓ p/mid · 10 in + 5 out · $0.0020 · 1.00 s",
        "└─ note: big failed",
    ]


def test_a_decision_is_shown_with_what_was_passed_over() -> None:
    """The arm, the rule and the reason in the first line."""
    assert explain(CHOICE).splitlines()[0] == "big  ← hard: best"
    assert "not small: too small" in explain(CHOICE)


def test_without_attempts_the_sources_are_shown() -> None:
    """A tree of plain functions has no journal, and explains itself by its sources."""
    response = Response(text="x", model="m", sources=(Failure(name="a", error=Unavailable("down")),))
    assert "✗ a · Unavailable: down" in render(response)


def test_the_plain_data_is_json_and_its_money_is_exact() -> None:
    """Decimal text, never a float."""
    data = json.loads(json.dumps(as_dict(RESPONSE)))
    assert data["cost_usd"] == "0.012"
    assert data["choice"]["chosen"] == "big"
    assert [attempt["basis"] for attempt in data["attempts"]] == ["reserved", "usage"]


def test_the_log_event_has_figures_and_no_text() -> None:
    """Neither prompt nor answer is logged."""
    with structlog.testing.capture_logs() as logs:
        log(RESPONSE)
    assert logs[0]["event"] == "request.finished"
    assert logs[0]["cost_usd"] == "0.012"
    assert "canary" not in repr(logs)


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        (None, "price unknown"),
        ("0", "$0"),
        ("12.3456", "$12.3456"),
        ("0.0001", "$0.0001"),
        ("0.000000034", "$0.000000034"),
    ],
)
def test_money_is_shown_as_fine_as_it_is_small(cost: str | None, shown: str) -> None:
    """Unknown is a word, not a zero."""
    assert money(None if cost is None else Decimal(cost)) == shown
