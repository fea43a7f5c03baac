"""The nodes that ask several models: a vote, and a cascade."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from orchestra.build.builder import Builder, members
from orchestra.build.panel import panelled
from orchestra.ensemble.answers import Answers
from orchestra.ensemble.asking import Asked
from orchestra.ensemble.cascade import Accept, Agreement, Cascade, Judged, fits
from orchestra.ensemble.judges import Pointwise
from orchestra.ensemble.learned import VOTE, Learned, past_of
from orchestra.ensemble.vote import Given, Otherwise, Vote, Weigh, equal
from orchestra.ledger import Ledger
from orchestra.routing import Arm
from orchestra.settings.file import KeyPath
from orchestra.settings.nodes import AnswersSpec, CascadeSpec, NameSpec, VoteSpec
from orchestra.types import Model


def vote(builder: Builder, spec: VoteSpec, name: str, path: KeyPath) -> Arm | None:
    if not spec.models:
        return panelled(builder, spec, name, path)
    arms = builder.nodes(spec.models, name, (*path, "models"))
    names = [arm.name for arm in arms]
    for twice in sorted({one for one in names if names.count(one) > 1}):
        builder.problem((*path, "models"), f"{twice!r} is listed twice; 'samples' asks one model several times")
    if isinstance(spec.weights, dict):
        for unknown in sorted(spec.weights.keys() - {*names}):
            builder.problem((*path, "weights"), f"{unknown!r} is no member; members: {', '.join(names)}")
    others: tuple[Arm, ...] = ()
    otherwise: tuple[str, Model] | Otherwise | None = None
    if spec.otherwise is None or isinstance(spec.otherwise, str):
        otherwise = spec.otherwise
    elif (other := builder.node(spec.otherwise, f"{name}.otherwise", (*path, "otherwise"))) is not None:
        others, otherwise = (other,), (other.name, other.model)
    if len(arms) < len(spec.models):
        return None
    if len(arms) * spec.samples == 2 and otherwise is None and spec.min_agreement < 1:
        said = f"{name!r} is a vote of 2, who can't outvote each other: name 3, an 'otherwise', or 'min_agreement: 1'"
        warnings.warn(said, stacklevel=2)
    ledger = builder.tree.money.ledger
    node = Vote(
        tuple((arm.name, arm.model) for arm in arms),
        answers_of(spec.answers),
        spec.min_agreement,
        otherwise,
        spec.stop,
        spec.launch,
        spec.samples,
        _weigh(spec, builder),
        _recorded(ledger),
        builder.runtime.clock,
    )
    return Arm(name, node, members([*arms, *others]))


def cascade(builder: Builder, spec: CascadeSpec, name: str, path: KeyPath) -> Arm | None:
    arms = builder.nodes(spec.models, name, (*path, "models"))
    if len(arms) < len(spec.models):
        return None
    if spec.accept == "agreement":
        for n, step in enumerate(spec.models[:-1]):
            if isinstance(step, NameSpec) and arms[n].name not in builder.specs:
                said = "agreement: make it a vote, or 'accept' by a judge or the schema"
                builder.problem((*path, "models", n), f"{step.name} is one model, whose answer has no {said}")
    accept: Accept = Agreement(spec.threshold) if spec.accept == "agreement" else fits
    if spec.judge is not None:
        judge = builder.node(spec.judge, f"{name}.judge", (*path, "judge"))
        if judge is None:
            return None
        asked = Asked(judge.name, judge.model, builder.tree.prompts)
        accept = Judged(Pointwise(asked, clock=builder.runtime.clock), spec.threshold)
    return Arm(
        name, Cascade(tuple((arm.name, arm.model) for arm in arms), accept, builder.runtime.clock), members(arms)
    )


def answers_of(spec: AnswersSpec) -> Answers:
    """What a vote compares answers by."""
    return Answers(spec.kind, spec.field, spec.pattern, spec.fenced, spec.labels)


def _weigh(spec: VoteSpec, builder: Builder) -> Weigh:
    if isinstance(spec.weights, dict):
        return Given(spec.weights)
    return Learned(builder.runtime.folded(past_of)) if spec.weights == "learned" else equal


def _recorded(ledger: Ledger) -> Any:
    def record(ballot: Mapping[str, Any]) -> None:
        ledger.event(VOTE, None, ballot)

    return record
