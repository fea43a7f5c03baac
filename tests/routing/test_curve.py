"""The figures of a router: chance, an oracle, and what is between them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.routing.curve import apgr, cpt, ordered, recovered

PAIRS = [(0.0, 1.0)] * 20 + [(1.0, 1.0)] * 80


def test_an_oracle_recovers_the_gap_with_the_calls_it_takes() -> None:
    """A fifth of the requests gain: half the gap takes a tenth of strong calls, four fifths of it 16 %."""
    curve = recovered(ordered(PAIRS, [strong - cheap for cheap, strong in PAIRS]))
    assert (cpt(curve, 0.5), cpt(curve, 0.8)) == (0.1, 0.16)
    assert apgr(curve) == pytest.approx(0.9)


def test_chance_recovers_half_on_average() -> None:
    """RouteLLM's definition: 0.5 is nothing known."""
    areas = [apgr(recovered(random.Random(seed).sample(PAIRS, len(PAIRS)))) for seed in range(60)]
    assert sum(areas) / len(areas) == pytest.approx(0.5, abs=0.04)


def test_where_there_is_no_gap_nothing_is_recovered() -> None:
    """Equal arms: all zeros, and no share of strong calls is enough."""
    curve = recovered([(1.0, 1.0)] * 10)
    assert (apgr(curve), cpt(curve, 0.5)) == (0.0, 1.0)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_a_curve_begins_at_nothing_and_ends_at_the_gap(pairs: list[tuple[float, float]]) -> None:
    """Whatever the order; of equal scores the first stays first."""
    curve = recovered(pairs)
    gap = sum(b - a for a, b in pairs)
    assert curve[0] == 0
    assert curve[-1] == pytest.approx(1.0 if gap else 0.0)
    assert ordered(pairs, [0.0] * len(pairs)) == pairs
