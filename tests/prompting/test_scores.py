"""Scores of answers, by the version of the prompt that they were made with."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra import Attempt, Ledger
from orchestra.prompting.scores import Scored, Scores


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db", durability="process")


def call(request: str, **labels: str) -> Attempt:
    return Attempt(id=request, request=request, path=(), call="chat", name="m", model="m", provider="p", labels=labels)


def scored(ledger: Ledger, request: str, value: float, metric: str = "quality", prompts: object = ()) -> None:
    event = {"request": request, "metric": metric, "value": value, "prompts": prompts}
    ledger.event("score", None, event).result(10)


def test_the_last_score_of_a_request_counts_for_each_metric(ledger: Ledger) -> None:
    """And only for the version that it was made with."""
    scores = Scores(ledger)
    assert scores.of("tone", 1) is None
    scored(ledger, "a", 0.2, prompts=[["tone", "1"]])
    scored(ledger, "a", 0.4, prompts=[["tone", "1"]])
    scored(ledger, "b", 0.8, prompts=[["tone", "1"]])
    scored(ledger, "c", 1.0, prompts=[["tone", "2"]])
    scored(ledger, "a", 7.0, "stars", prompts=[["tone", "1"]])
    first = scores.of("tone", 1)
    assert first is not None
    assert (first.count, first.mean) == (2, pytest.approx(0.6))
    assert scores.of("tone", 2) == Scored(1, 1.0)
    assert scores.of("tone", 1, "stars") == Scored(1, 7.0)
    scored(ledger, "c", 0.0, prompts=[["tone", "2"]])
    assert scores.of("tone", 2) == Scored(1, 0.0)


def test_a_score_by_the_id_of_a_request_finds_its_prompt_in_the_books(ledger: Ledger) -> None:
    """As feedback that comes in days later does."""
    ledger.book(call("a", prompt="tone", prompt_version="3"))
    ledger.book(call("b"))
    for request in ("a", "b", "nobody"):
        scored(ledger, request, 0.5)
    assert Scores(ledger).of("tone", 3) == Scored(1, 0.5)
