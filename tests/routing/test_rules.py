"""Rules: the first that holds, and whose model can serve, decides; the choice says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra import NoModelAvailable
from orchestra.catalog import Card
from orchestra.resilience import Cooldowns
from orchestra.routing import Facts, Rule, Rules
from orchestra.routing.rules import holds, missed
from orchestra.settings.nodes import When
from orchestra.testing import FakeClock

from .conftest import MakeArm


def rule(name: str, when: dict[str, Any], *arms: Any) -> Rule:
    return Rule(name, When.model_validate(when), arms)


def test_the_first_rule_that_holds_decides(arm: MakeArm) -> None:
    """Order is what counts; the reason and the later rule are named."""
    rules = Rules(
        (
            rule("hard", {"task": "reasoning", "priority": "high"}, arm("big")),
            rule("any", {"task": "reasoning"}, arm("mid")),
        ),
        arm("small"),
    )
    choice = rules.decide(Facts(task="reasoning", priority="high"))
    assert (choice.arm, choice.rule) == ("big", "hard")
    assert ("any → mid", "hard comes before it") in choice.passed_over
    assert rules.decide(Facts(task="reasoning")).arm == "mid"
    assert rules.decide(Facts(task="chat")).rule == "otherwise"


def test_a_model_that_cannot_serve_is_passed_over_for_the_next(arm: MakeArm) -> None:
    """Too small a window takes the rule's second model, and says so."""
    rules = Rules((rule("long", {"task": "reasoning"}, arm("small", context_tokens=8_000), arm("large")),), arm("x"))
    choice = rules.decide(Facts(task="reasoning", input_tokens=20_000, estimated=False))
    assert choice.arm == "large"
    assert dict(choice.passed_over)["small"] == "too small: 20000 tokens in a window of 8000"


def test_the_answers_room_counts_against_the_window(arm: MakeArm) -> None:
    """An input that fits alone does not fit with the answer it asks for."""
    rules = Rules((), arm("small", context_tokens=8_000), (arm("large"),))
    assert rules.decide(Facts(input_tokens=7_000)).arm == "small"
    assert rules.decide(Facts(input_tokens=7_000, answer_tokens=2_000)).arm == "large"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (Facts(images=True), "cannot see images"),
        (Facts(audio=True), "cannot hear audio"),
        (Facts(video=True), "cannot see video"),
        (Facts(tools=True), "has no tools"),
        (Facts(parameters=frozenset({"temperature"})), "refuses temperature"),
        (Facts(call="embedding"), "is for chat, not for embedding"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_inability_has_its_reason(arm: MakeArm, facts: Facts, reason: str) -> None:
    """What the model cannot do is said in words."""
    able = arm("able", abilities=frozenset({"vision", "audio_input", "video_input", "tools"}))
    unable = arm("unable", abilities=frozenset(), refuses=frozenset({"temperature"}))
    if facts.call == "embedding":
        assert unable.unable(facts) == reason
        return
    choice = Rules((), unable, (able,)).decide(facts)
    assert choice.arm == "able"
    assert dict(choice.passed_over)["unable"] == reason


def test_nothing_is_held_against_a_model_of_which_nothing_is_known(arm: MakeArm) -> None:
    """A self-hosted model without a card is asked, whatever the request needs."""
    known = arm("mystery")
    nothing = replace(known.members[0], card=Card("mystery", "openai/mystery", "openai"))
    assert replace(known, members=(nothing,)).unable(Facts(images=True, input_tokens=10**9)) is None


def test_missing_keys_count_only_live(arm: MakeArm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry decision is made as if every key were there; a live one passes keyless models over, naming the variable."""
    rules = Rules((), arm("a", key="A_API_KEY"), (arm("b", key="B_API_KEY"),))
    monkeypatch.setenv("B_API_KEY", "b")
    assert rules.decide(Facts()).arm == "a"
    live = rules.decide(Facts(), live=True)
    assert live.arm == "b"
    assert dict(live.passed_over)["a"] == "no key: A_API_KEY is not set"


def test_when_none_is_left_the_variables_to_set_are_named(arm: MakeArm) -> None:
    """The error lists each model's reason, and what would help."""
    rules = Rules((), arm("a", key="A_API_KEY"), (arm("b", key="B_API_KEY"),))
    with pytest.raises(NoModelAvailable, match="set A_API_KEY or B_API_KEY"):
        rules.decide(Facts(), live=True)


def test_a_model_that_cools_down_comes_last(arm: MakeArm) -> None:
    """It is passed over while another can serve, and asked when it is the only one."""
    cooldowns = Cooldowns(FakeClock())
    cooldowns.start("openai/a", 20)
    choice = Rules((), arm("a"), (arm("b"),), cooldowns=cooldowns).decide(Facts(), live=True)
    assert (choice.arm, choice.chain) == ("b", ("b",))
    assert dict(choice.passed_over)["a"] == "cools down for 20 s more"
    assert Rules((), arm("a"), cooldowns=cooldowns).decide(Facts(), live=True).arm == "a"


def test_behind_the_chosen_come_its_rules_own_then_the_fallbacks(arm: MakeArm) -> None:
    """The chain never holds a model that only another rule names."""
    rules = Rules(
        (rule("r", {"task": "code"}, arm("a"), arm("b")), rule("s", {"task": "code"}, arm("other"))),
        arm("small"),
        (arm("f"), arm("g")),
    )
    assert rules.decide(Facts(task="code")).chain == ("a", "b", "f", "g")


def test_a_preferred_model_comes_before_every_rule(arm: MakeArm) -> None:
    """It is taken when it can serve, and passed over with the reason when it cannot."""
    known = {"mine": arm("mine", context_tokens=1_000)}
    rules = Rules((rule("r", {"task": "code"}, arm("a")),), arm("small"), find=known.__getitem__)
    assert rules.decide(Facts(task="code", preferred_model="mine")).rule == "preferred_model"
    choice = rules.decide(Facts(task="code", preferred_model="mine", input_tokens=5_000))
    assert choice.arm == "a"
    assert "too small" in dict(choice.passed_over)["mine"]


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "task": st.sampled_from(["code", "chat", ["code", "chat"]]),
        "priority": st.sampled_from(["high", "speed", ["high", "normal"]]),
        "input_tokens": st.sampled_from(["> 100", "< 100", ">= 50", "<= 5k"]),
        "images": st.booleans(),
        "tags": st.sampled_from([{"team": "a"}, {"team": ["a", "b"]}]),
    },
)
FACTS = st.builds(
    Facts,
    task=st.sampled_from(["code", "chat", None]),
    priority=st.sampled_from(["high", "speed", "normal"]),
    input_tokens=st.integers(0, 200),
    images=st.booleans(),
    tags=st.sampled_from([{}, {"team": "a"}, {"team": "b"}]),
)


@given(CONDITIONS, CONDITIONS, FACTS)
def test_a_condition_that_covers_another_holds_wherever_that_does(
    wide: dict[str, Any], narrow: dict[str, Any], facts: Facts
) -> None:
    """The law behind dead rules: covering is implication."""
    first, second = When.model_validate(wide), When.model_validate(narrow)
    if first.covers(second) and holds(second, facts):
        assert holds(first, facts)
    assert first.covers(first)


@given(CONDITIONS, FACTS)
def test_a_rule_that_does_not_hold_says_which_condition_failed(when: dict[str, Any], facts: Facts) -> None:
    """The reason is empty exactly when the rule holds."""
    parsed = When.model_validate(when)
    assert holds(parsed, facts) is (missed(parsed, facts) == "")
