"""What an experiment says: winners, guardrails, exclusions, mismatches, and the fold that it is said of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.ledger import Entry, Event, nano
from orchestra.prompting.analysis import Analysis, analysed
from orchestra.prompting.observed import EXPOSED, RESULT, SCORE, STARTED, STOPPED, Seen, fold, joined, spec_payload
from orchestra.prompting.sequences import EVERYTHING
from orchestra.settings.experiments import ExperimentSpec

BEGUN = 1_800_000_000.0


def event(kind: str, key: str, **payload: Any) -> Event:
    return Event(kind=kind, key=key, payload=payload, at=BEGUN)


def started(**about: Any) -> Event:
    spec = ExperimentSpec(**{"arms": ["old", "new"], "min_run_s": 0, **about})
    return event(STARTED, "tone", **spec_payload(spec))


def result(key: str, arm: str, score: float, *, unit: str | None = None, pair: str | None = None) -> Event:
    about = {"experiment": "tone", "arm": arm, "score": score, "success": None}
    return event(RESULT, key, **about, unit=unit or key, pair=pair)


def results(arm: str, values: Iterable[float]) -> list[Event]:
    return [result(f"{arm} {n}", arm, value) for n, value in enumerate(values)]


def call(request: str, arm: str, **about: Any) -> Entry:
    """A call of an arm of `tone` that cost $0.001 and took half a second."""
    basic: dict[str, Any] = {
        "id": f"{request} {about.get('retry', 0)}",
        "kind": "post",
        "amount": nano(Decimal("0.001")),
        "basis": "usage",
        "request": request,
        "labels": {"experiment": "tone", "arm": arm},
        "latency_s": 0.5,
        "started_at": BEGUN,
        "made": BEGUN,
        "at": BEGUN,
    }
    return Entry(**{**basic, **about})


def said(events: Sequence[Event], entries: Sequence[Entry] = (), at: float = BEGUN) -> Analysis:
    return analysed(fold({}, events, entries)["tone"], at)


def share(rate: float, n: int = 150) -> list[float]:
    """So many ones among zeros, well mixed, and not as those of another rate are."""
    return Random(round(rate * 100)).sample([float(i < rate * n) for i in range(n)], n)


def test_a_better_arm_wins_and_the_other_is_excluded() -> None:
    """With the interval that says so."""
    found = said([started(), *results("old", share(0.4)), *results("new", share(0.8))])
    assert (found.winner, found.leader, found.excluded, found.more_per_arm) == ("new", "new", ("old",), None)
    assert found.differences[0].interval[0] > 0
    assert found.said.startswith("new wins: better than old by 0.")


def test_the_first_arm_can_win_too() -> None:
    """And the other one is then harmful."""
    found = said([started(), *results("old", share(0.8)), *results("new", share(0.4))])
    assert (found.winner, found.excluded, found.harmful) == ("old", ("new",), ("new",))


def test_where_nobody_wins_it_says_how_much_lacks_and_what_is_excluded() -> None:
    """About so many more of each arm, and how much worse or better the leader can't be."""
    found = said([started(), *results("old", share(0.6)), *results("new", share(0.68))])
    assert found.winner is None
    assert found.more_per_arm is not None
    assert 300 < found.more_per_arm < 700
    assert f"about {found.more_per_arm:,} more per arm" in found.said
    low, high = found.differences[0].interval
    assert f"worse by more than {-low:.3g} or better by more than {high:.3g}" in found.said


def test_nothing_is_said_of_nothing() -> None:
    """No result, no leader."""
    found = said([started()])
    assert (found.winner, found.leader, found.said) == (None, None, "no results yet")


def test_of_three_arms_the_winner_beats_all_others() -> None:
    """One that is only better than one of them does not; who is worse than anybody is excluded."""
    low, high = results("a", share(0.3)), results("b", share(0.75))
    three = started(arms=["a", "b", "c"])
    found = said([three, *low, *high, *results("c", share(0.7))])
    assert (found.winner, found.leader, found.excluded) == (None, "b", ("a",))
    assert "a as the best" in found.said
    assert said([three, *low, *high, *results("c", share(0.4))]).winner == "b"


def test_three_arms_need_more_than_two() -> None:
    """Each comparison gets its part of alpha, or the best of many equal arms would win too often."""
    data = [*results("old", share(0.5)), *results("new", share(0.68))]
    two = said([started(), *data]).differences[0].interval
    three = said([started(arms=["old", "new", "third"]), *data]).differences[0].interval
    assert three[0] < two[0]
    assert three[1] > two[1]


def test_no_winner_is_called_before_its_time() -> None:
    """It says that it would, and when."""
    events = [started(min_run_s=3600), *results("old", share(0.4)), *results("new", share(0.8))]
    early = said(events, at=BEGUN + 3599)
    assert (early.winner, early.runs_until) == (None, BEGUN + 3600)
    assert "the least run time is not over" in early.said
    assert said(events, at=BEGUN + 3600).winner == "new"


def test_scores_are_compared_by_their_means() -> None:
    """Of any size; shares that are not even too."""
    chance = Random(1)
    old = results("old", (80 + chance.gauss(0, 5) for _ in range(400)))
    new = results("new", (83 + chance.gauss(0, 5) for _ in range(200)))
    found = said([started(weights={"old": 2, "new": 1}), *old, *new])
    assert found.winner == "new"
    assert found.differences[0].way == "asymptotic"
    assert said([started(), *results("old", share(0.4)), *results("new", share(0.8))]).differences[0].way == "exact"


def test_unequal_shares_of_rates_are_compared_exactly_and_use_all_results() -> None:
    """A result of the smaller arm with the mean of those that the larger got meanwhile."""
    nine = started(weights={"old": 9, "new": 1})
    old, new = results("old", share(0.5, 4500)), results("new", share(0.8, 500))
    (found,) = said([nine, *old, *new]).differences
    assert (found.way, found.n, found.mean) == ("exact", 500, pytest.approx(0.3))
    (few,) = said([started(), *old, *new]).differences
    width, wide = (high - low for low, high in (found.interval, few.interval))
    assert width < 0.9 * wide


def test_means_of_unequal_shares_need_more_results() -> None:
    """Skewness does not cancel out there."""
    chance = Random(1)
    old, new = (results(arm, (chance.gauss(5, 1) for _ in range(n))) for arm, n in (("old", 900), ("new", 100)))
    assert said([started(weights={"old": 9, "new": 1}), *old, *new]).differences[0].interval == EVERYTHING
    assert said([started(), *old, *new]).differences[0].interval != EVERYTHING


def test_pairs_are_sharper() -> None:
    """The same results, told apart only where it is said which were of the same input."""
    chance = Random(2)
    hard = [chance.random() for _ in range(100)]
    old = [(n, "old", value) for n, value in enumerate(hard)]
    new = [(n, "new", value + 0.02 + chance.gauss(0, 0.02)) for n, value in enumerate(hard)]
    apart = [result(f"{arm} {n}", arm, value) for n, arm, value in old + new]
    together = [result(f"{arm} {n}", arm, value, pair=f"input {n}") for n, arm, value in old + new]
    assert said([started(), *apart]).winner is None
    found = said([started(), *together])
    assert found.winner == "new"
    assert found.differences[0].paired
    assert found.differences[0].n == 100


def test_a_unit_counts_once() -> None:
    """A thousand results for one user are one value, their mean."""
    many = [result(f"{n}", "new", 1.0, unit="ada") for n in range(1000)]
    found = said([started(), *many, *results("old", share(0.0, 40))])
    assert found.winner is None
    assert found.estimates[1].n == 1


def test_a_winner_breaks_no_guardrail() -> None:
    """Better, but dearer than it may be: it is not called."""
    scores = [*results("old", share(0.4)), *results("new", share(0.8))]
    rails = started(guardrails={"cost": 0.2, "latency": 0.2})
    chance = Random(3)

    def calls(dear: float) -> list[Entry]:
        return [
            call(f"{arm} {n}", arm, amount=round(1e6 * factor * chance.uniform(0.9, 1.1)))
            for arm, factor in (("old", 1.0), ("new", dear))
            for n in range(100)
        ]

    found = said([rails, *scores], calls(1.5))
    assert found.winner is None
    assert found.harmful == ("new",)
    assert {one.metric: one.state for one in found.guarded} == {"cost": "broken", "latency": "kept"}
    assert "but breaks its guardrail on cost" in found.said
    assert said([rails, *scores], calls(1.1)).winner == "new"


def test_a_winner_is_shown_to_keep_its_guardrails() -> None:
    """That nothing is known to be wrong is not enough."""
    scores = [*results("old", share(0.4)), *results("new", share(0.8))]
    rails = started(guardrails={"errors": 0.05})
    few, many = ([call(f"{arm} {n}", arm) for arm in ("old", "new") for n in range(count)] for count in (100, 400))
    found = said([rails, *scores], few)
    assert (found.winner, found.guarded[0].state, found.harmful) == (None, "open", ())
    assert "but is not yet shown to keep its guardrail on errors" in found.said
    assert said([rails, *scores], many).winner == "new"


def test_errors_and_times_are_guarded_by_request() -> None:
    """A retry that answers is no failure; the request took as long as all its attempts."""
    rails = started(guardrails={"latency": 0.5, "errors": 0.1})
    retried = [
        entry
        for n in range(200)
        for entry in (
            call(f"new {n}", "new", error="Unavailable", retry=0),
            call(f"new {n}", "new", started_at=BEGUN + 1.0, retry=1),
        )
    ]
    plain = [call(f"old {n}", "old") for n in range(200)]
    latency, errors = said([rails], [*plain, *retried]).guarded
    assert (latency.state, latency.mean, latency.control) == ("broken", 1.5, 0.5)
    assert (errors.state, errors.mean) == ("kept", 0.0)
    failing = [call(f"new {n}", "new", error="Unavailable") for n in range(200)]
    assert said([rails], [*plain, *failing]).guarded[1].state == "broken"


def test_arms_that_do_not_get_their_shares_are_told_of() -> None:
    """Then there is no winner, however good it looks."""
    scores = [*results("old", share(0.4)), *results("new", share(0.8))]

    def shown(old: int, new: int) -> list[Event]:
        units = [("old", n) for n in range(old)] + [("new", n) for n in range(new)]
        return [event(EXPOSED, f"{arm} {n}", experiment="tone", arm=arm, unit=f"{arm} {n}") for arm, n in units]

    assert said([started(), *scores, *shown(500, 520)]).winner == "new"
    found = said([started(), *scores, *shown(500, 650)])
    assert found.mismatch
    assert found.winner is None
    assert "sample ratio mismatch" in found.said
    weights = started(weights={"old": 9, "new": 1})
    assert not said([weights, *shown(900, 105)]).mismatch


def test_scores_of_requests_count_for_the_arm_that_answered() -> None:
    """By the metric of the experiment; the unit is the tag that it goes by."""
    calls = [call("r1", "new", tags={"user": "ada"}), call("r2", "new", tags={"user": "ada"}), call("r3", "old")]
    scores = [
        event(SCORE, "1", request="r1", metric="quality", value=0.2),
        event(SCORE, "2", request="r2", metric="quality", value=0.6),
        event(SCORE, "3", request="r2", metric="speed", value=99.0),
        event(SCORE, "4", request="somebody else's", metric="quality", value=99.0),
    ]
    found = said([*scores, started(by="user")], calls)
    old, new = found.estimates
    assert (old.n, new.n, new.mean) == (0, 1, pytest.approx(0.4))


def test_an_experiment_in_another_has_its_calls_too() -> None:
    """The labels of both are on the request."""
    labels = joined(joined({"prompt": "p"}, "outer", "a"), "inner", "b")
    assert labels == {"prompt": "p", "experiment": "outer,inner", "arm": "a,b"}
    seen = fold({}, [], [call("r1", "", labels=labels)])
    assert {name: one.calls["r1"].arm for name, one in seen.items()} == {"outer": "a", "inner": "b"}


HISTORY: tuple[list[Event], list[Entry]] = (
    [
        started(by="user"),
        *results("old", share(0.4, 10)),
        event(EXPOSED, "tone/1", experiment="tone", arm="new", unit="1"),
        event(SCORE, "s", request="r1", metric="quality", value=0.5),
        event(STOPPED, "tone", serve="new", reason="by hand"),
    ],
    [call("r1", "new", retry=n) for n in range(3)],
)


@settings(max_examples=40)
@given(st.integers(0, 14), st.integers(0, 3))
def test_it_does_not_matter_in_how_many_readings_it_was_read(cut: int, booked: int) -> None:
    """A fold in two steps is the fold in one, and what was given is not changed."""
    events, entries = HISTORY
    cut = min(cut, 12) if booked == 0 else cut
    first: Seen = fold({}, events[:cut], entries[:booked])
    shown = repr(first)
    if booked == 3 or cut < 13:
        assert fold(first, events[cut:], entries[booked:]) == fold({}, events, entries)
    assert repr(first) == shown
