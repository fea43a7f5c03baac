"""Intervals and evidence: against exact sums, laws, and people who look after every result."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.prompting.sequences import (
    ENOUGH,
    ENOUGH_ALONE,
    EVERYTHING,
    Moments,
    _won,
    betting_interval,
    difference_interval,
    mean_interval,
    more_wins,
    multinomial_evidence,
    needed,
    rate_interval,
    widening,
)

COUNTS = st.integers(0, 400)
laws = settings(max_examples=50)


def test_the_evidence_of_counts_is_worth_one_on_average() -> None:
    """Over all sequences that the null can bring, exactly: that is what makes it hold at every look."""
    shares = (0.2, 0.3, 0.5)
    for n in (1, 4, 7):
        average = sum(
            math.prod(shares[arm] for arm in sequence)
            * multinomial_evidence([sequence.count(arm) for arm in range(3)], shares, 10.0)
            for sequence in itertools.product(range(3), repeat=n)
        )
        assert average == pytest.approx(1.0)


def test_counts_in_their_shares_are_no_evidence_and_others_are() -> None:
    """5,050 and 4,950 of two halves may be; 5,300 and 4,700 may not."""
    assert multinomial_evidence([5050, 4950], (0.5, 0.5), 100.0) < 1
    assert multinomial_evidence([5300, 4700], (0.5, 0.5), 100.0) > 1000
    assert multinomial_evidence([10**7, 1], (0.5, 0.5), 100.0) > 1000


@laws
@given(COUNTS, COUNTS, COUNTS)
def test_a_betting_interval_is_the_mirror_of_the_other_arms(wins: int, losses: int, ties: int) -> None:
    """It holds the mean of what was seen, and says what `more_wins` says."""
    low, high = betting_interval({1.0: wins, -1.0: losses, 0.0: ties}, 0.05)
    n = wins + losses + ties
    assert -1 <= low <= (wins - losses) / max(1, n) <= high <= 1
    assert betting_interval({1.0: losses, -1.0: wins, 0.0: ties}, 0.05) == pytest.approx((-high, -low), abs=1e-5)
    if abs(low) > 1e-5:
        assert more_wins(wins, losses, 0.05) == (low > 0)


@pytest.mark.parametrize("mean", [-0.3, 0.0, 0.6])
def test_the_evidence_of_bets_is_worth_one_on_average(mean: float) -> None:
    """Over all differences that the null can bring, of three sizes, exactly."""
    chances = {1.0: 0.3 + mean / 2, 0.5: 0.0, -1.0: 0.3 - mean / 2} if abs(mean) < 0.6 else {1.0: 0.6, 0.0: 0.4}
    chances = {**chances, 0.0: 1 - sum(chance for value, chance in chances.items() if value)}
    average = sum(
        math.prod(chances[value] for value in sequence) * math.exp(_won(Counter(sequence), mean))
        for sequence in itertools.product(chances, repeat=5)
    )
    assert sum(value * chance for value, chance in chances.items()) == pytest.approx(mean)
    assert average == pytest.approx(1.0)


@laws
@given(st.integers(0, 400), st.integers(0, 400), st.floats(0.001, 0.2))
def test_a_rate_interval_holds_the_rate_and_shrinks_with_alpha(successes: int, failures: int, alpha: float) -> None:
    """The surer, the wider."""
    n = successes + failures
    low, high = rate_interval(successes, n, alpha)
    wide = rate_interval(successes, n, alpha / 2)
    assert 0 <= wide[0] <= low + 1e-6
    assert high - 1e-6 <= wide[1] <= 1
    assert n == 0 or low - 1e-5 <= successes / n <= high + 1e-5


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_a_rate_is_inside_at_every_look(p: float) -> None:
    """In more than 95 % of runs of 400 tries; an interval for one look is left by a third of them."""
    left = 0
    for seed in range(60):
        chance, successes = Random(seed), 0
        for n in range(1, 401):
            successes += chance.random() < p
            if n % 20 == 0 and not (ends := rate_interval(successes, n, 0.05))[0] <= p <= ends[1]:
                left += 1
                break
    assert left <= 3


def test_two_equal_arms_have_no_winner_however_often_one_looks() -> None:
    """At most one run in twenty calls one; a z-test at every look does in more than a fifth."""
    called = naive = 0
    for seed in range(150):
        chance, wins, losses = Random(seed), 0, 0
        ours = theirs = False
        for _ in range(400):
            one, other = chance.random() < 0.7, chance.random() < 0.7
            wins, losses = wins + (one > other), losses + (other > one)
            ours = ours or more_wins(wins, losses, 0.05) or more_wins(losses, wins, 0.05)
            theirs = theirs or abs(wins - losses) > 1.96 * math.sqrt(max(30, wins + losses))
        called, naive = called + ours, naive + theirs
    assert called <= 150 * 0.05
    assert naive >= 150 * 0.2


def test_means_are_inside_at_every_look() -> None:
    """Of skewed values too, from `ENOUGH_ALONE` of them on; before that nothing is claimed."""
    left, truth = 0, math.exp(0.5)
    for seed in range(100):
        chance, values = Random(seed), []
        for n in range(1, 601):
            values.append(chance.lognormvariate(0, 1))
            if n % 30 == 0 and not (ends := mean_interval(Moments.of(values), 0.05))[0] <= truth <= ends[1]:
                left += 1
                break
    assert left <= 5
    few = Moments.of([1.0] * (ENOUGH - 1))
    assert (
        mean_interval(Moments.of([1.0] * (ENOUGH_ALONE - 1)), 0.05) == difference_interval(few, few, 0.05) == EVERYTHING
    )


@laws
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=40), st.floats(-3, 3))
def test_moments_are_those_of_the_values(values: list[float], factor: float) -> None:
    """And of a multiple of each."""
    found = Moments.of(values)
    mean = sum(values) / len(values)
    assert found.n == len(values)
    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.variance == pytest.approx(sum((v - mean) ** 2 for v in values) / (len(values) - 1), abs=1e-9)
    scaled = Moments.of([value * factor for value in values])
    assert found.times(factor).variance == pytest.approx(scaled.variance, abs=1e-6)


def test_what_is_needed_is_enough() -> None:
    """At so many results the interval just leaves 0; a difference of nothing never shows."""
    n = needed(0.1, 0.45, 0.05)
    assert n is not None
    for lacking, told in ((0, True), (-2, False)):
        one, two = Moments(n + lacking, 0.6, 0.24), Moments(n + lacking, 0.7, 0.21)
        assert (difference_interval(one, two, 0.05)[0] > 0) is told
    assert needed(0.0, 0.45, 0.05) is None
    assert needed(0.0001, 0.45, 0.05) is None


def test_the_formula_of_the_paper() -> None:
    """Waudby-Smith et al., eq. 1: the radius over the standard error, at the n that it is sharpest at and elsewhere."""
    rho2 = (-2 * math.log(0.05) + math.log(1 - 2 * math.log(0.05))) / 500
    for n in (30, 500, 10_000):
        radius = math.sqrt(2 * (n * rho2 + 1) / (n**2 * rho2) * math.log(math.sqrt(n * rho2 + 1) / 0.05))
        assert widening(n, 0.05) == pytest.approx(radius * math.sqrt(n))
    assert 3 < widening(500, 0.05) < widening(30, 0.05)
