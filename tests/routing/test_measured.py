"""What the books say of each model: how fast it answers, and how well it was scored."""

from __future__ import annotations

from typing import Any

import pytest

from orchestra.ledger import Entry, Event
from orchestra.routing.measured import Measured, Score, fold

from .conftest import MakeArm

M = "openai/m"


def entry(request: str, **about: Any) -> Entry:
    about = {"latency_s": 1.5, "output_tokens": 100, "basis": "usage", **about}
    return Entry(id=request, kind="post", amount=1, request=request, model=M, started_at=0, made=0, at=0, **about)


def score(request: str, value: float, metric: str = "quality") -> Event:
    return Event(
        kind="score", key=f"{request}{value}", payload={"request": request, "metric": metric, "value": value}, at=0
    )


def test_a_speed_is_learned_from_streamed_and_whole_answers(arm: MakeArm) -> None:
    """The time to the first token where it is known, and the time of each token after it."""
    streamed = [entry(f"r{n}", first_token_s=0.5) for n in range(50)]
    (member,) = arm("m").members
    measured = fold(Measured(), [], streamed)
    assert measured.speeds[M].first_token_s == pytest.approx(0.5)
    assert measured.latency_s(member, 200) == pytest.approx(2.5)
    assert measured.latency_s(member, 200, in_flight=8) == pytest.approx(5.0)
    whole = fold(Measured(), [], [entry(f"r{n}") for n in range(50)])
    assert whole.latency_s(member, 100) == pytest.approx(1.5)


def test_failures_and_calls_that_never_were_say_nothing_of_speed() -> None:
    """An error comes quickly, a void call has no answer."""
    rows = [entry("a", error="Unavailable"), entry("b", basis="void"), entry("c", latency_s=0.0)]
    assert fold(Measured(), [], rows).speeds == {}


def test_a_score_is_of_the_model_that_answered_and_of_its_task(arm: MakeArm) -> None:
    """By the caller's word for the task, or by what was told from the text; over all tasks too."""
    rows = [entry("a", task_type="code"), entry("b", labels={"task": "chat"})]
    events = [score("a", 0.2), score("b", 7.0), score("a", 0.9, metric="speed"), score("nobody", 1.0)]
    measured = fold(fold(Measured(), [], rows), events, [])
    assert measured.scores == {
        ("code", M): Score(1, 0.2, pytest.approx(0.04)),
        ("chat", M): Score(1, 1.0, 1.0),
        (None, M): Score(2, 1.2, pytest.approx(1.04)),
    }
    (member,) = arm("m").members
    assert measured.quality(member, "code")[1] == 1
    assert measured.quality(member, "chat")[0] > measured.quality(member, "code")[0]


def test_folding_changes_nothing_that_it_is_given() -> None:
    """A decision that holds the older value still sees it."""
    before = fold(Measured(), [], [entry("a")])
    kept = (dict(before.speeds), dict(before.scores))
    fold(before, [score("a", 0.5)], [entry("b", latency_s=9.0)])
    assert (before.speeds, before.scores) == kept


def test_an_interval_narrows_with_scores() -> None:
    """And is wide while there are few, even where all were equal."""
    few, many = Score(3, 3.0, 3.0), Score(300, 300.0, 300.0)
    assert few.error() > 0.1 > many.error() > 0
