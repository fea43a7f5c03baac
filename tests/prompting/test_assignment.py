"""Assignment: laws of a pure function, found by hypothesis."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.prompting.assignment import point, sticky, takes_part

UNITS = st.text(max_size=8)
WEIGHTS = st.dictionaries(st.sampled_from("abcde"), st.floats(0.01, 100), min_size=2)
laws = settings(max_examples=60)
MANY = [f"unit {n}" for n in range(4000)]


@laws
@given(UNITS, WEIGHTS, st.randoms())
def test_a_unit_has_one_arm_whatever_the_order_and_the_scale_of_the_weights(unit, weights, chance) -> None:  # type: ignore[no-untyped-def]
    """The same on every machine, and for weights that say the same."""
    arm = sticky("salt", unit, weights)
    shuffled = dict(chance.sample(sorted(weights.items()), len(weights)))
    assert arm in weights
    assert sticky("salt", unit, shuffled) == arm
    assert sticky("salt", unit, {name: weight * 2 for name, weight in weights.items()}) == arm


@laws
@given(UNITS, WEIGHTS, st.sampled_from("abcde"), st.floats(1, 100))
def test_an_arm_whose_weight_grows_loses_nobody(unit: str, weights: dict[str, float], arm: str, more: float) -> None:
    """Who moves, moves to the arm that grew."""
    before = sticky("salt", unit, weights)
    after = sticky("salt", unit, {**weights, arm: weights.get(arm, 0.0) * more or more})
    assert after in (before, arm)


@laws
@given(UNITS, WEIGHTS)
def test_an_arm_that_goes_moves_its_own_units_only(unit: str, weights: dict[str, float]) -> None:
    """All others stay where they are; so does everybody when the arm comes back."""
    before = sticky("salt", unit, weights)
    gone = min(weights)
    after = sticky("salt", unit, {**weights, gone: 0.0})
    assert after == before or before == gone


@laws
@given(UNITS, st.floats(0, 1), st.floats(0, 1))
def test_whoever_takes_part_goes_on_while_the_share_grows(unit: str, one: float, other: float) -> None:
    """Growing it moves nobody: those who took part keep their arm, others join."""
    low, high = sorted((one, other))
    assert takes_part("salt", unit, high) or not takes_part("salt", unit, low)


def test_arms_get_their_shares() -> None:
    """In proportion to their weights, among those who take part too."""
    weights = {"a": 1.0, "b": 2.0, "c": 5.0}
    part = [unit for unit in MANY if takes_part("salt", unit, 0.5)]
    assert abs(len(part) - 2000) < 130
    for units in (MANY, part):
        counts = Counter(sticky("salt", unit, weights) for unit in units)
        assert all(abs(counts[arm] / len(units) - weight / 8) < 0.035 for arm, weight in weights.items())


def test_salts_are_independent() -> None:
    """Who is in an arm of one experiment is no more often in an arm of another."""
    halves = {"a": 1.0, "b": 1.0}
    both = Counter((sticky("one", unit, halves), sticky("two", unit, halves)) for unit in MANY)
    assert all(abs(count - 1000) < 130 for count in both.values())
    assert len(both) == 4


def test_a_point_never_changes() -> None:
    """What was assigned years ago is assigned today; 0 and 1 are never reached, and no two parts run together."""
    assert point("salt", "arm", "a", "ada") == 0.15746688275578252
    assert point("a", "b") != point("ab", "")
