"""The optimized strategies: the cheapest, the fastest and the best that can serve."""

from __future__ import annotations

from orchestra.routing import Facts
from orchestra.routing.strategies import ORDERS, Ordered

from .conftest import MakeArm


def test_the_cheapest_is_reckoned_at_the_requests_own_mix_of_tokens(arm: MakeArm) -> None:
    """A model with cheap input wins on a long prompt, one with cheap output on a long answer."""
    arms = (arm("cheap_in", usd=(0.1, 10.0)), arm("cheap_out", usd=(2.0, 1.0)))
    by_cost = Ordered("cost_optimized", arms, ORDERS["cost_optimized"])
    assert by_cost.decide(Facts(input_tokens=50_000, answer_tokens=100)).arm == "cheap_in"
    assert by_cost.decide(Facts(input_tokens=100, answer_tokens=4_000)).arm == "cheap_out"


def test_an_unknown_price_is_never_the_cheapest(arm: MakeArm) -> None:
    """Unknown is not zero: such a model comes last; a free one comes first."""
    arms = (arm("mystery", usd=None), arm("priced"), arm("free", usd=None, free=True))
    assert Ordered("cost_optimized", arms, ORDERS["cost_optimized"]).decide(Facts()).chain == (
        "free",
        "priced",
        "mystery",
    )


def test_the_cheapest_that_cannot_serve_is_passed_over(arm: MakeArm) -> None:
    """Constraints come first."""
    arms = (arm("tiny", usd=(0.01, 0.01), context_tokens=1_000), arm("large"))
    assert Ordered("cost_optimized", arms, ORDERS["cost_optimized"]).decide(Facts(input_tokens=5_000)).arm == "large"


def test_speed_prefers_fast_inference_then_small_models(arm: MakeArm) -> None:
    """A provider with inference hardware of its own first, then the smaller model."""
    arms = (arm("big", usd=(5, 20)), arm("small", usd=(0.1, 0.4)), arm("quick", usd=(0.5, 0.8), provider="groq"))
    assert Ordered("speed_optimized", arms, ORDERS["speed_optimized"]).decide(Facts()).chain == (
        "quick",
        "small",
        "big",
    )


def test_quality_takes_the_dearest_answer_first(arm: MakeArm) -> None:
    """Until scores say otherwise, price is the prior of quality."""
    arms = (arm("small", usd=(0.1, 0.4)), arm("flagship", usd=(10, 50)), arm("mystery", usd=None))
    chain = Ordered("quality_optimized", arms, ORDERS["quality_optimized"]).decide(Facts()).chain
    assert chain == ("flagship", "small", "mystery")


def test_equal_arms_keep_their_order_and_the_reason_names_the_figure(arm: MakeArm) -> None:
    """Ties go to the first listed."""
    choice = Ordered("cost_optimized", (arm("a"), arm("b")), ORDERS["cost_optimized"]).decide(Facts(input_tokens=100))
    assert choice.arm == "a"
    assert choice.reason.startswith("about $0.0")
