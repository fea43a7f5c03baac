"""The optimized strategies: the cheapest, the fastest, the best and the best for its price, of those that can serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from orchestra.resilience import Load
from orchestra.routing import Arm, Facts
from orchestra.routing.measured import Measured, Score, Speed
from orchestra.routing.strategies import Balanced, Best, Cheapest, Fastest, Ranked, Ranking
from orchestra.types import Choice

from .conftest import MakeArm


def decide(ranking: Ranking, *arms: Arm, facts: Facts = Facts()) -> Choice:  # noqa: B008  # a frozen value
    return Ranked(ranking, arms).decide(facts)


def scored(**scores: tuple[int, float]) -> Callable[[], Measured]:
    """Figures in which each model has so many scores of a mean, in reasoning."""
    rows = {("reasoning", f"openai/{name}"): Score(n, n * mean, n * mean * mean) for name, (n, mean) in scores.items()}
    return lambda: Measured(scores=rows)


def test_the_cheapest_is_reckoned_at_the_requests_own_mix_of_tokens(arm: MakeArm) -> None:
    """A model with cheap input wins on a long prompt, one with cheap output on a long answer."""
    arms = (arm("cheap_in", usd=(0.1, 10.0)), arm("cheap_out", usd=(2.0, 1.0)))
    assert decide(Cheapest(), *arms, facts=Facts(input_tokens=50_000, answer_tokens=100)).arm == "cheap_in"
    assert decide(Cheapest(), *arms, facts=Facts(input_tokens=100, answer_tokens=4_000)).arm == "cheap_out"


def test_an_unknown_price_is_never_the_cheapest(arm: MakeArm) -> None:
    """Unknown is not zero: such a model comes last; a free one comes first."""
    arms = (arm("mystery", usd=None), arm("priced"), arm("free", usd=None, free=True))
    assert decide(Cheapest(), *arms).chain == ("free", "priced", "mystery")


def test_the_cheapest_that_cannot_serve_is_passed_over(arm: MakeArm) -> None:
    """Constraints come first, and the reason is kept."""
    choice = decide(
        Cheapest(),
        arm("tiny", usd=(0.01, 0.01), context_tokens=1_000),
        arm("large"),
        facts=Facts(input_tokens=5_000),
    )
    assert choice.arm == "large"
    assert "too small" in dict(choice.passed_over)["tiny"]


def test_the_cheapest_must_clear_the_bar(arm: MakeArm) -> None:
    """One that is scored below it is passed over with its figure; where none clears it, the best is taken."""
    arms = (arm("cheap", usd=(0.1, 0.1)), arm("dear", usd=(1, 5)))
    figures = scored(cheap=(50, 0.4), dear=(50, 0.9))
    facts = Facts(task="reasoning")
    choice = decide(Cheapest(figures, bar=0.8), *arms, facts=facts)
    assert choice.arm == "dear"
    assert dict(choice.passed_over)["cheap"] == (
        "quality about 0.41 (by 50 scores for reasoning) is below the bar of 0.80"
    )
    assert decide(Cheapest(figures, bar=0.3), *arms, facts=facts).arm == "cheap"
    nobody = decide(Cheapest(figures, bar=0.99), *arms, facts=facts)
    assert nobody.chain == ("dear", "cheap")
    assert nobody.reason.startswith("none clears the bar of 0.99")


def test_what_is_below_the_bar_can_still_be_a_fallback(arm: MakeArm) -> None:
    """Where it is named as one: a poor answer may be better than none."""
    cheap, dear = arm("cheap", usd=(0.1, 0.1)), arm("dear", usd=(1, 5))
    ranking = Cheapest(scored(cheap=(50, 0.4), dear=(50, 0.9)), bar=0.8)
    choice = Ranked(ranking, (cheap, dear), (cheap,)).decide(Facts(task="reasoning"))
    assert choice.chain == ("dear", "cheap")
    assert Ranked(ranking, (cheap, dear)).decide(Facts(task="reasoning")).chain == ("dear",)


def test_speed_prefers_fast_inference_then_small_models(arm: MakeArm) -> None:
    """Before anything is measured: a provider with inference hardware of its own first, then the smaller model."""
    arms = (arm("big", usd=(5, 20)), arm("small", usd=(0.1, 0.4)), arm("quick", usd=(0.5, 0.8), provider="groq"))
    assert decide(Fastest(), *arms).chain == ("quick", "small", "big")


def test_what_was_measured_beats_what_was_expected(arm: MakeArm) -> None:
    """A large model that answers at once is the fastest; for a long answer the time of each token decides."""
    figures = Measured(speeds={"openai/big": Speed(0.1, 0.01), "openai/small": Speed(2.0, 0.001)})
    arms = (arm("small", usd=(0.1, 0.4)), arm("big", usd=(5, 20)))
    fastest = Fastest(lambda: figures)
    assert decide(fastest, *arms, facts=Facts(answer_tokens=10)).arm == "big"
    assert decide(fastest, *arms, facts=Facts(answer_tokens=1_000)).arm == "small"


def test_calls_in_flight_make_a_model_slower(arm: MakeArm) -> None:
    """The same two models swap places while one of them is busy."""
    load = Load()
    figures = Measured(speeds={"openai/a": Speed(1.0, 0.0), "openai/b": Speed(1.2, 0.0)})
    fastest = Fastest(lambda: figures, load)
    arms = (arm("a"), arm("b"))
    assert decide(fastest, *arms).arm == "a"
    load.add("openai/a", 4)
    choice = decide(fastest, *arms)
    assert choice.arm == "b"
    assert choice.record["measured"]["a"]["in_flight"] == 4


def test_quality_takes_the_dearest_answer_first_until_scores_say_otherwise(arm: MakeArm) -> None:
    """Price is the prior of quality; enough scores of the task override it."""
    arms = (arm("small", usd=(0.1, 0.4)), arm("flagship", usd=(10, 50)), arm("mystery", usd=None))
    assert decide(Best(), *arms).chain == ("flagship", "small", "mystery")
    best = Best(scored(small=(40, 0.95), flagship=(40, 0.6)))
    assert decide(best, *arms, facts=Facts(task="reasoning")).arm == "small"
    assert decide(best, *arms, facts=Facts(task="chat")).arm == "flagship"


def test_one_good_score_is_not_yet_a_measure(arm: MakeArm) -> None:
    """Few scores are drawn towards the prior."""
    best = Best(scored(small=(1, 1.0), flagship=(40, 0.8)))
    assert decide(best, arm("small", usd=(0.1, 0.4)), arm("flagship"), facts=Facts(task="reasoning")).arm == "flagship"


def test_of_two_equally_good_the_cheaper_is_taken(arm: MakeArm) -> None:
    """Equal to the hundredth."""
    best = Best(scored(a=(100, 0.900), b=(100, 0.901)))
    choice = decide(best, arm("b", usd=(3, 2)), arm("a"), facts=Facts(task="reasoning", input_tokens=99))
    assert choice.arm == "a"


@pytest.mark.parametrize(("usd_per_point", "chosen"), [(0.0000001, "cheap"), (1.0, "dear")])
def test_the_dial_trades_quality_against_money(arm: MakeArm, usd_per_point: float, chosen: str) -> None:
    """A point worth nothing buys the cheapest, a point worth much the best."""
    figures = scored(cheap=(50, 0.7), dear=(50, 0.9))
    arms = (arm("cheap", usd=(0.1, 0.4)), arm("dear", usd=(5, 20)))
    choice = decide(Balanced(usd_per_point, figures), *arms, facts=Facts(task="reasoning"))
    assert (choice.arm, choice.rule) == (chosen, "balanced")
    assert "points after its price" in choice.reason


def test_equal_arms_keep_their_order_and_the_reason_names_the_figure(arm: MakeArm) -> None:
    """Ties go to the first listed."""
    choice = decide(Cheapest(), arm("a"), arm("b"), facts=Facts(input_tokens=100))
    assert choice.arm == "a"
    assert choice.reason.startswith("about $0.0")


def test_a_policy_among_the_arms_is_as_good_as_its_best_member(arm: MakeArm) -> None:
    """Whoever of its members can serve stands for it."""
    small, flagship = arm("small", usd=(0.1, 0.4)), arm("flagship", usd=(10, 50))
    both = replace(small, name="both", members=(*small.members, *flagship.members))
    assert decide(Best(), small, both).arm == "both"
