"""The parts of a policy as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from orchestra.settings.nodes import Bounds, ModelSpec, NameSpec, NodeSpec, RouteSpec, When


@given(st.sampled_from(["<", "<=", ">", ">=", "="]), st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_comparison_means_what_it_says(sign: str, bound: int, n: int) -> None:
    """For every sign and number."""
    python = {"<": n < bound, "<=": n <= bound, ">": n > bound, ">=": n >= bound, "=": n == bound}
    assert Bounds.model_validate(f"{sign} {bound}").holds(n) is python[sign]


def test_comparisons_take_units_and_lists() -> None:
    """`5k` is five thousand, and a list holds when all of it does."""
    between = Bounds.model_validate(["> 5k", "<= 1m"])
    assert [between.holds(n) for n in (5_000, 5_001, 1_000_000, 1_000_001)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("written", "priority"),
    [({"importance": "high"}, "high"), ({"budget_mode": True}, "budget"), ({"latency_critical": True}, "speed")],
    ids=["importance", "budget_mode", "latency_critical"],
)
def test_the_specs_words_for_priority_work_in_rules(written: dict[str, object], priority: str) -> None:
    """They are the same thing in other words, and naming both is an error."""
    assert When.model_validate(written).priority == (priority,)
    with pytest.raises(ValidationError, match="the same thing"):
        When.model_validate({**written, "priority": "normal"})


def test_a_string_is_a_name_anywhere() -> None:
    """Models, policies and nested nodes stand in the same places."""
    node = TypeAdapter(NodeSpec).validate_python({"kind": "fallback", "models": ["a", {"kind": "retry", "model": "b"}]})
    assert node.models[0] == NameSpec(name="a")
    assert node.models[1].model == NameSpec(name="b")


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ({"rules": []}, "needs 'otherwise'"),
        ({"strategy": "cost_optimized"}, "needs 'models'"),
        ({"otherwise": "a", "models": ["b"]}, "has 'rules'"),
    ],
    ids=["no otherwise", "no candidates", "candidates of a route by rules"],
)
def test_a_route_that_lacks_a_part_says_which(route: dict[str, object], said: str) -> None:
    """The error names the missing key and what it is for."""
    with pytest.raises(ValidationError, match=said):
        RouteSpec.model_validate(route)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strategy": "balanced"}, "needs 'usd_per_quality_point'"),
        ({"strategy": "learned"}, "needs 'strong_share' or 'quality', one of the two"),
        ({"strategy": "learned", "strong_share": 0.3, "quality": "strong"}, "one of the two"),
        ({"strategy": "learned", "quality": "weak + 1"}, "pattern"),
        ({"strategy": "cost_optimized", "explore": 0.1}, "'explore' is for strategy adaptive, not for cost_optimized"),
        ({"strategy": "speed_optimized", "quality_bar": 0.8}, "'quality_bar' is for strategy cost_optimized"),
        ({"strategy": "cost_optimized", "quality_bar": 80}, "less than or equal to 1"),
    ],
)
def test_an_option_belongs_to_its_strategy(options: dict[str, object], said: str) -> None:
    """One that would be ignored is an error."""
    with pytest.raises(ValidationError, match=said):
        RouteSpec.model_validate({"models": ["a", "b"], **options})


def test_a_model_of_ones_own_may_be_a_bare_id() -> None:
    """`fast: groq/…` is short for `fast: {litellm: groq/…}`; addresses and keys are the provider's."""
    assert ModelSpec.model_validate("groq/x").litellm == "groq/x"
    with pytest.raises(ValidationError, match="belongs to the provider"):
        ModelSpec.model_validate({"litellm": "groq/x", "params": {"api_key": "k"}})
