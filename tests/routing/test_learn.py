"""Learning which texts need a stronger arm: what is found, how the dial is set, what is said of it, how it is kept."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orchestra import ConfigError
from orchestra.routing import Facts
from orchestra.routing.learn import Example, Target, learned
from orchestra.routing.learned import Learned
from orchestra.routing.strategies import Ranked
from orchestra.routing.trained import Trained

from .conftest import MakeArm

COSTS = {"cheap": 0.1, "strong": 1.0}


def examples(count: int = 300, tells: bool = True, seed: int = 0) -> list[Example]:
    """Texts of which long ones are hard for the cheap arm; with `tells` False, their length says nothing."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        hard = chance.random() < 0.4
        length = chance.gauss(6.0 if hard and tells else 4.0, 0.5)
        scores = {"cheap": float(chance.random() < (0.2 if hard else 0.95)), "strong": float(chance.random() < 0.95)}
        found.append(Example({"length": length, "digits": chance.random()}, scores))
    return found


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_the_dial_keeps_the_share(share: float) -> None:
    """On the examples it was set on, no more than the share goes to the strongest, and not much less."""
    trained = learned(examples(), ["cheap", "strong"], COSTS, Target(strong_share=share))
    assert share - 0.08 <= trained.report["shares"]["strong"] <= share


def test_the_dial_keeps_the_quality() -> None:
    """At most the points that may be lost are lost, at less than the cost of asking the strongest always."""
    trained = learned(examples(), ["cheap", "strong"], COSTS, Target(quality="strong - 2pt"))
    assert trained.report["lost"] <= 0.02
    assert trained.report["cost"] < 0.75


def test_what_was_learned_beats_chance_on_texts_it_has_not_seen() -> None:
    """With a third of strong calls, most of what the cheap arm gets wrong is caught."""
    trained = learned(examples(), ["cheap", "strong"], COSTS, Target(strong_share=0.4))
    new = examples(seed=9)

    def arm(example: Example) -> str:
        return max(COSTS, key=lambda name: trained.worth(name, trained.qualities(example.traits)[name]))

    routed = sum(example.scores[arm(example)] for example in new) / len(new)
    share = sum(arm(example) == "strong" for example in new) / len(new)
    blind = sum(share * e.scores["strong"] + (1 - share) * e.scores["cheap"] for e in new) / len(new)
    assert share < 0.5
    assert routed > blind + 0.08


def test_a_text_that_tells_nothing_is_said_to_tell_nothing() -> None:
    """The report's own verdict, so that nobody switches on what does not help."""
    assert learned(examples(), ["cheap", "strong"], COSTS, Target(strong_share=0.3)).report["tells"]
    assert not learned(examples(tells=False), ["cheap", "strong"], COSTS, Target(strong_share=0.3)).report["tells"]


def test_scores_of_one_arm_a_request_are_enough() -> None:
    """A log has no pairs: each request was answered once."""
    chance = random.Random(1)
    single = []
    for example in examples(600):
        arm = chance.choice(["cheap", "strong"])
        single.append(Example(example.traits, {arm: example.scores[arm]}))
    trained = learned(single, ["cheap", "strong"], COSTS, Target(strong_share=0.4))
    hard, easy = trained.qualities({"length": 6.5}), trained.qualities({"length": 3.5})
    assert hard["strong"] - hard["cheap"] > 0.3 > easy["strong"] - easy["cheap"]
    assert "apgr" not in trained.report


def test_of_three_arms_the_one_in_between_takes_what_is_in_between() -> None:
    """Each arm is worth its quality less its cost: easy texts stay cheap, hard ones go to the strongest."""
    chance, found = random.Random(2), []
    for _ in range(600):
        length = chance.uniform(2, 8)
        odds = {"cheap": 1.1 - length / 8, "middle": 1.25 - length / 10, "strong": 1.0}
        scores = {arm: float(chance.random() < p) for arm, p in odds.items()}
        found.append(Example({"length": length}, scores))
    costs = {"cheap": 0.02, "middle": 0.2, "strong": 1.0}
    trained = learned(found, list(costs), costs, Target(strong_share=0.25))
    shares = trained.report["shares"]
    assert 0.15 <= shares["strong"] <= 0.25
    assert min(shares["cheap"], shares["middle"]) > 0.1
    hard, easy = trained.qualities({"length": 7.5}), trained.qualities({"length": 2.5})
    assert max(costs, key=lambda arm: trained.worth(arm, hard[arm])) == "strong"
    assert max(costs, key=lambda arm: trained.worth(arm, easy[arm])) == "cheap"


def test_same_examples_and_seed_give_the_same_file(tmp_path: Path) -> None:
    """Byte for byte; and what is read back decides alike."""
    for name in ("one", "two"):
        learned(examples(), ["cheap", "strong"], COSTS, Target(strong_share=0.3), seed=4).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    again, first = Trained.load(tmp_path / "one"), learned(examples(), ["cheap", "strong"], COSTS, Target(0.3), seed=4)
    assert again.qualities({"length": 5.0}) == first.qualities({"length": 5.0})
    assert (again.dial, again.target) == (first.dial, "strong_share 0.3")


def test_too_few_scores_are_refused() -> None:
    """Before anything is learned, naming the arm and how many it takes."""
    few = [Example(e.traits, {"cheap": 1.0}) for e in examples(100)]
    with pytest.raises(ConfigError, match="0 scored examples of 'strong' are too few to learn from; it takes 60"):
        learned(few, ["cheap", "strong"], COSTS, Target(strong_share=0.3))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 9}', '{"format": 1, "arms": []}'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """Whatever is in it."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ConfigError, match="is not what 'orchestra learn' writes"):
        Trained.load(tmp_path / "x.json")
    with pytest.raises(ConfigError, match="'orchestra learn' writes it"):
        Trained.load(tmp_path / "missing.json")


def test_a_hard_text_goes_to_the_strong_arm(arm: MakeArm) -> None:
    """By the traits alone; the record has what each arm was expected to do."""
    trained = learned(examples(), ["cheap", "strong"], COSTS, Target(strong_share=0.4))
    route = Ranked(Learned(("cheap", "strong"), trained), (arm("cheap"), arm("strong")))
    assert route.decide(Facts(traits={"length": 6.5, "digits": 0.5})).arm == "strong"
    easy = route.decide(Facts(traits={"length": 3.5, "digits": 0.5}))
    assert easy.arm == "cheap"
    assert easy.record["measured"]["cheap"]["quality"] > 0.8


def test_untrained_or_observing_the_strongest_is_asked(arm: MakeArm) -> None:
    """And the reason says what would have been chosen."""
    arms = (arm("cheap"), arm("strong"))
    untrained = Ranked(Learned(("cheap", "strong")), arms).decide(Facts())
    assert (untrained.arm, "orchestra learn" in untrained.reason) == ("strong", True)
    trained = learned(examples(), ["cheap", "strong"], COSTS, Target(strong_share=0.4))
    observed = Ranked(Learned(("cheap", "strong"), trained, observe=True), arms).decide(Facts(traits={"length": 3.5}))
    assert observed.arm == "strong"
    assert observed.reason.startswith("observing: cheap would be chosen")
