"""Logistic regression: it finds what was put in, and does not find what was not."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestra.routing.logistic import Logistic, chosen


def drawn(count: int, weight: float, seed: int = 0) -> tuple[list[dict[str, float]], list[float]]:
    """Rows of a trait that decides with `weight`, and one that is noise."""
    chance = random.Random(seed)
    rows = [{"real": chance.gauss(0, 1), "noise": chance.gauss(0, 1)} for _ in range(count)]
    return rows, [float(chance.random() < 1 / (1 + math.exp(-weight * row["real"]))) for row in rows]


def test_it_finds_the_trait_that_decides() -> None:
    """Its weight is near the true one, the noise's near nothing, and probabilities are those that came true."""
    rows, outcomes = drawn(2_000, 2.0)
    model, _ = chosen(rows, outcomes)
    assert model.weights["real"] == pytest.approx(2.0, abs=0.5)
    assert abs(model.weights["noise"]) < 0.2
    assert math.fsum(map(model, rows)) / len(rows) == pytest.approx(sum(outcomes) / len(rows), abs=0.02)


def test_noise_is_pulled_to_nothing() -> None:
    """Where nothing decides, the strongest ridge is taken."""
    rows, outcomes = drawn(400, 0.0, seed=3)
    model, _ = chosen(rows, outcomes)
    assert max(map(abs, model.weights.values())) < 0.02


def test_what_is_said_of_a_row_was_said_before_it_was_known() -> None:
    """An outlier does not tell its own outcome: of random outcomes nothing is known."""
    chance = random.Random(5)
    rows = [{f"t{n}": chance.gauss(0, 1) for n in range(20)} for _ in range(80)]
    outcomes = [float(chance.random() < 0.5) for _ in rows]
    _, said = chosen(rows, outcomes)
    right = sum((p > 0.5) == bool(y) for p, y in zip(said, outcomes, strict=True)) / len(rows)
    assert right < 0.7


@given(st.integers(0, 1_000), st.sampled_from([0.0, 1.0, None]))
@hypothesis_settings(max_examples=8)
def test_it_is_the_same_every_time_and_always_a_probability(seed: int, always: float | None) -> None:
    """Deterministic, in [0, 1], also where every outcome is the same; it survives JSON."""
    rows, outcomes = drawn(40, 1.0, seed)
    outcomes = outcomes if always is None else [always] * len(rows)
    first, second = chosen(rows, outcomes)[0], chosen(rows, outcomes)[0]
    assert first == second == Logistic.of(first.plain())
    assert all(0 <= first(row) <= 1 for row in rows)
