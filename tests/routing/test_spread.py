"""Requests spread over arms that are as good as each other."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from orchestra import Request, Unavailable
from orchestra.resilience import Cooldowns
from orchestra.routing import Arm, Facts, Route
from orchestra.routing.spread import Spread
from orchestra.routing.strategies import Ranked
from orchestra.settings.nodes import NodeSpec
from orchestra.testing import Scripted

from .conftest import MakeArm


def test_each_is_drawn_by_its_weight(arm: MakeArm) -> None:
    """Over many requests the shares are the weights; a weight of 0 is never drawn first."""
    strategy = Ranked(Spread({"a": 3.0, "b": 1.0, "c": 0.0}, Random(7).uniform), (arm("a"), arm("b"), arm("c")))
    drawn = Counter(strategy.decide(Facts()).arm for _ in range(2000))
    assert drawn["a"] + drawn["b"] == 2000
    assert 0.72 < drawn["a"] / 2000 < 0.78


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6).filter(any), st.integers())
def test_all_the_others_come_after_the_one_that_is_drawn(weights: list[float], seed: int) -> None:
    """Whatever the weights: nobody is lost, nobody is asked twice."""
    arms = tuple(Arm(f"m{n}", Scripted(), ()) for n in range(len(weights)))
    drawn = Spread({arm.name: weight for arm, weight in zip(arms, weights, strict=True)}, Random(seed).uniform)
    choice = Ranked(drawn, arms).decide(Facts(), live=True)
    assert sorted(choice.chain) == [arm.name for arm in arms]


async def test_a_failing_one_is_passed_over_at_once_and_drawn_last_while_it_cools_down(arm: MakeArm) -> None:
    """The request is answered by the other, and the next ones go there first."""
    ill, well = Arm("ill", Scripted(Unavailable("down")), arm("ill").members), arm("well")
    cooldowns = Cooldowns()
    strategy = Ranked(Spread({"ill": 1.0, "well": 0.0}), (ill, well), cooldowns=cooldowns)
    node = Route(strategy, {"ill": ill, "well": well})
    assert (await node(Request())).note == "ill failed; well answered"
    cooldowns.start("openai/ill", 30)
    assert strategy.decide(Facts(), live=True).chain == ("well", "ill")


@pytest.mark.parametrize(
    ("weights", "said"), [([1], "2 models have 1 weights"), ([0, 0], "above 0"), ([1, -1], "greater")]
)
def test_weights_that_say_nothing_are_refused(weights: list[float], said: str) -> None:
    """One for each model, none below zero, and one above."""
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(NodeSpec).validate_python({"kind": "spread", "models": ["a", "b"], "weights": weights})
