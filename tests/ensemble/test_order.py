"""Orders from comparisons: the winner of all of them, from fewer."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.ensemble.order import BradleyTerry, Copeland, Order, Pair


def played_out(order: Order, n: int, outcomes: dict[Pair, float]) -> dict[Pair, float]:
    """Every comparison that the order asks for."""
    played: dict[Pair, float] = {}
    while pairs := order.following(n, played):
        assert not played.keys() & set(pairs)
        answers = [answer for pair in pairs for answer in pair]
        assert len(answers) == len(set(answers))
        played |= {pair: outcomes[pair] for pair in pairs}
    return played


def first(order: Order, n: int, played: dict[Pair, float]) -> int:
    scores = order.scores(n, played)
    return max(range(n), key=lambda a: (scores[a], -a))


@st.composite
def tournaments(draw: st.DrawFn) -> tuple[int, dict[Pair, float]]:
    n = draw(st.integers(1, 6))
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
    return n, {pair: draw(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])) for pair in pairs}


@given(tournaments())
@settings(max_examples=200)
def test_an_early_exit_has_the_winner_of_all_comparisons(tournament: tuple[int, dict[Pair, float]]) -> None:
    """Whatever the comparisons come to, and the whole order makes each of them once."""
    n, outcomes = tournament
    whole = played_out(Copeland(whole=True), n, outcomes)
    assert whole == outcomes
    assert first(Copeland(), n, played_out(Copeland(), n, outcomes)) == first(Copeland(), n, whole)


def test_a_clear_winner_needs_only_its_own_comparisons() -> None:
    """Of five answers the best is known after four comparisons or a few more, not ten."""
    outcomes = {(a, b): 1.0 for a in range(5) for b in range(a + 1, 5)}
    assert len(played_out(Copeland(), 5, outcomes)) <= 6


@pytest.mark.parametrize("n", [2, 3, 8, 16])
def test_strengths_find_the_order_in_n_log_n_comparisons(n: int) -> None:
    """Where each answer beats all below it, the first comes first and the last last."""
    outcomes = {(a, b): 0.0 for a in range(n) for b in range(a + 1, n)}  # the later is always the better
    played = played_out(BradleyTerry(), n, outcomes)
    assert len(played) <= (math.ceil(math.log2(n)) + 1) * (n // 2)
    scores = BradleyTerry().scores(n, played)
    assert max(range(n), key=scores.__getitem__) == n - 1
    assert min(range(n), key=scores.__getitem__) == 0


@given(tournaments())
@settings(max_examples=50)
def test_scores_are_shares(tournament: tuple[int, dict[Pair, float]]) -> None:
    """In [0, 1], and those of equals are equal."""
    n, outcomes = tournament
    for order in (Copeland(), BradleyTerry()):
        assert all(0 <= score <= 1 for score in order.scores(n, outcomes))
        assert len({round(score, 9) for score in order.scores(n, dict.fromkeys(outcomes, 0.5))}) == 1
