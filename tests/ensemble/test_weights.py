"""Weights: what right answers, or past votes alone, say of each member."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.ensemble.weights import EVEN, FEWEST, HEAVIEST, NONE_RIGHT, Groups, fitted, learned, right_of, winner


def drawn(
    accuracies: Sequence[float], copies: Sequence[int] = (), votes: int = 400, wrong: int = 4, seed: int = 0
) -> tuple[list[Groups], list[int]]:
    """Votes of members that are right so often, each wrong in its own way but for `copies` of a member (by number)."""
    chance = random.Random(seed)
    made: list[Groups] = []
    for _ in range(votes):
        vote = [0 if chance.random() < a else chance.randint(1, wrong) for a in accuracies]
        vote += [vote[n] if chance.random() < 0.95 else chance.randint(0, wrong) for n in copies]
        made.append(vote)
    return made, [0 if 0 in vote else NONE_RIGHT for vote in made]


def accuracy(votes: Sequence[Groups], right: Sequence[int], weights: Sequence[float]) -> float:
    return sum(winner(vote, weights) == truth for vote, truth in zip(votes, right, strict=True)) / len(votes)


UNEVEN = (0.5, 0.5, 0.5, 0.5, 0.9)


@pytest.mark.parametrize(("with_labels", "gain"), [(True, 0.03), (False, 0.005)])
def test_a_strong_member_among_weak_ones_weighs_more_and_the_vote_gains(with_labels: bool, gain: float) -> None:
    """On votes that the weights were not made from; the estimated accuracies are near the true ones."""
    votes, right = drawn(UNEVEN)
    fit = fitted(votes, right) if with_labels else learned(votes)
    assert fit.weights[-1] % EVEN == HEAVIEST
    assert all(abs(found - true) < 0.08 for found, true in zip(fit.accuracies, UNEVEN, strict=True))
    unseen, truth = drawn(UNEVEN, seed=1)
    assert accuracy(unseen, truth, fit.weights) > accuracy(unseen, truth, [1] * 5) + gain


def test_siblings_do_not_outvote_the_others() -> None:
    """Three that say the same count as little more than one; without labels they lose a tie of three against three."""
    members, copies = (0.75, 0.75, 0.75, 0.6), (3, 3)
    votes, right = drawn(members, copies)
    fit = fitted(votes, right)
    unseen, truth = drawn(members, copies, seed=1)
    assert accuracy(unseen, truth, fit.weights) > accuracy(unseen, truth, [1] * 6) + 0.05
    reordered = [[*vote[3:], *vote[:3]] for vote in votes]
    unlabelled = learned(reordered).weights
    assert winner([0, 0, 0, 1, 1, 1], unlabelled) == 1
    assert winner([0, 0, 0, 1, 1, 2], unlabelled) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 7), st.booleans())
def test_what_is_learned_without_right_answers_changes_ties_only(seed: int, members: int, scored: bool) -> None:
    """Whatever was seen and scored, the answer is that of a largest camp: a loss is possible only between equals."""
    chance = random.Random(seed)
    votes = [[chance.choice((None, 0, 0, 1, 2)) for _ in range(members)] for _ in range(40)]
    scores = [None if (won := winner(vote, [1] * members)) is None else (won, chance.random()) for vote in votes]
    weights = learned(votes, scores if scored else ()).weights
    for vote in votes:
        sizes = Counter(group for group in vote if group is not None)
        won = winner(vote, weights)
        assert not sizes if won is None else sizes[won] == max(sizes.values())


def test_a_score_of_a_wrong_answer_says_nothing_for_those_who_gave_another() -> None:
    """Or what they said would always look better than the plain vote; it is right itself where it was not asked."""
    assert right_of([0, 0, 1], (0, 1.0)) == 0
    assert right_of([0, 0, 1], (0, 0.0)) == NONE_RIGHT
    assert right_of([0, 0, 1], (1, 1.0)) == 1
    assert right_of([0, 0, 1], (1, 0.0)) == 0


def test_equal_members_keep_equal_weights() -> None:
    """Weights that would not do better on other votes are not taken."""
    fit = fitted(*drawn((0.8, 0.8, 0.8)))
    assert fit.weights == (1, 1, 1)
    assert fit.why.startswith("equal")


def test_from_too_few_votes_or_two_members_nothing_is_learned() -> None:
    """It says how many are needed."""
    votes, right = drawn((0.9, 0.5, 0.5), votes=FEWEST - 1)
    assert fitted(votes, right).weights == learned(votes).weights == (1, 1, 1)
    assert str(FEWEST) in learned(votes).why
    assert learned(drawn((0.9, 0.5))[0]).weights == (1, 1)
    assert learned([]).weights == ()


def test_a_member_without_an_answer_is_neither_right_nor_wrong() -> None:
    """Missing votes lower nobody's accuracy."""
    votes, right = drawn((0.9, 0.7, 0.7))
    holes = [[group if n or m % 2 else None for n, group in enumerate(vote)] for m, vote in enumerate(votes)]
    assert abs(fitted(holes, right).accuracies[0] - 0.9) < 0.05
