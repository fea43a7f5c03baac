"""Weights: what right answers, or past votes alone, say of each member."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from orchestra.ensemble.weights import FEWEST, HEAVIEST, NONE_RIGHT, Groups, fitted, learned, winner


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


UNEVEN = (0.9, 0.5, 0.5, 0.5, 0.5)


@pytest.mark.parametrize("with_labels", [True, False])
def test_a_strong_member_among_weak_ones_weighs_more_and_the_vote_gains(with_labels: bool) -> None:
    """On votes that the weights were not made from; the estimated accuracies are near the true ones."""
    votes, right = drawn(UNEVEN)
    fit = fitted(votes, right) if with_labels else learned(votes)
    assert fit.weights[0] == HEAVIEST
    assert all(abs(found - true) < 0.08 for found, true in zip(fit.accuracies, UNEVEN, strict=True))
    unseen, truth = drawn(UNEVEN, seed=1)
    assert accuracy(unseen, truth, fit.weights) > accuracy(unseen, truth, [1] * 5) + 0.03


@pytest.mark.parametrize("with_labels", [True, False])
def test_siblings_do_not_outvote_the_others(with_labels: bool) -> None:
    """Three that say the same count as little more than one."""
    members, copies = (0.75, 0.75, 0.75, 0.6), (3, 3)
    votes, right = drawn(members, copies)
    fit = fitted(votes, right) if with_labels else learned(votes)
    unseen, truth = drawn(members, copies, seed=1)
    assert accuracy(unseen, truth, fit.weights) > accuracy(unseen, truth, [1] * 6) + 0.05


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
