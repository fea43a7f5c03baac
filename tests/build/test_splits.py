"""Splits and experiments of a policy file: what is built, and what is refused, with its place."""

from __future__ import annotations

import pytest

from orchestra.build import build
from orchestra.errors import ConfigError
from orchestra.routing import Split
from orchestra.settings import parse

EXPERIMENT = """\
experiments:
  tone:
    arms: {{old: gpt-4o-mini, new: {new}}}
    {more}
policies:
  tested: {{kind: split, experiment: tone}}
  also: {{kind: split, experiment: tone}}
"""


def split_of(text: str, name: str = "tested") -> Split:
    node = build(parse(text, "o.yaml")).find(name).model
    assert isinstance(node, Split)
    return node


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        build(parse(text, "o.yaml"))
    return tuple(caught.value.problems)


def test_a_split_has_arms_of_its_own() -> None:
    """Models, policies and nodes; weights become shares."""
    text = """\
policies:
  careful: {kind: fallback, models: [gpt-4o, gpt-4o-mini]}
  tested:
    kind: split
    by: user
    arms: {a: gpt-4o-mini, b: careful, c: {kind: retry, model: gpt-4o}}
    weights: {a: 2, b: 1, c: 1}
"""
    node = split_of(text)
    assert (node.name, node.by, node.weights) == ("tested", "user", {"a": 0.5, "b": 0.25, "c": 0.25})
    assert [arm.name for arm in node.arms.values()] == ["gpt-4o-mini", "careful", "tested.c"]
    assert {member.name for member in build(parse(text)).find("tested").members} == {"gpt-4o-mini", "gpt-4o"}


def test_an_experiment_is_one_for_all_the_nodes_that_are_part_of_it() -> None:
    """They share what it knows."""
    tree = build(parse(EXPERIMENT.format(new="gpt-4o", more="by: user")))
    one, other = (tree.find(name).model for name in ("tested", "also"))
    assert isinstance(one, Split)
    assert isinstance(other, Split)
    assert one.experiment is other.experiment is not None
    assert (one.name, one.by) == ("tone", "user")


def test_a_mistake_in_an_arm_is_told_once_with_its_place() -> None:
    """However many policies use the experiment, and where none does."""
    wrong = EXPERIMENT.format(new="gpt-4oo", more="")
    (said,) = mistakes(wrong)
    assert said.startswith("o.yaml:3: experiments.tone.arms.new: no model or policy is called 'gpt-4oo'")
    (said,) = mistakes(wrong.partition("policies:")[0])
    assert said.startswith("o.yaml:3: experiments.tone.arms.new")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("policies: {a: {kind: split, experiment: tune}}", "no experiment is called 'tune'"),
        (
            "experiments: {tone: {arms: [1, 2]}}\npolicies: {a: {kind: split, experiment: tone}}",
            "1, 2: but a name; say which model or policy that arm is",
        ),
        (
            "experiments: {tone: {arms: {x: a, y: gpt-4o}}}\npolicies: {a: {kind: split, experiment: tone}}",
            "a circle: a → a",
        ),
        ("experiments: {'a,b': {arms: [x, y]}}", "is no name of an experiment"),
        ("policies: {a: {kind: split}}", "a split has 'arms', or the name of an 'experiment'"),
        ("policies: {a: {kind: split, arms: {x: gpt-4o}}}", "two arms or more"),
        ("policies: {a: {kind: split, arms: {x: gpt-4o, y: gpt-4o}, weights: {x: 1}}}", "a number for each arm"),
        ("experiments: {t: {arms: [x, y], weights: {x: 1, y: 0}}}", "a positive number for each arm: x, y"),
        ("experiments: {t: {arms: [x, x]}}", "two arms have the same name"),
        ("experiments: {t: {arms: [x, y], assign: top_two}}", "for three arms and more"),
        ("experiments: {t: {arms: [x, y], assign: random, by: user}}", "'by' goes with 'assign: sticky'"),
        ("experiments: {t: {arms: ['x,y', z]}}", "has a comma"),
        ("experiments: {t: {arms: [x, y], guardrails: {cots: 1}}}", "did you mean 'cost'"),
    ],
)
def test_what_cannot_be_is_refused(text: str, said: str) -> None:
    """Each mistake once, in a line."""
    assert len(found := mistakes(text)) == 1
    assert said in found[0]
