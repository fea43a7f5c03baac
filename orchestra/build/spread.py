"""The node that spreads requests over models that are as good as each other."""

from __future__ import annotations

from orchestra.build.builder import Builder, members
from orchestra.routing import Arm, Route
from orchestra.routing.spread import Spread
from orchestra.routing.strategies import Ranked
from orchestra.settings.file import KeyPath
from orchestra.settings.nodes import SpreadSpec


def spread(builder: Builder, spec: SpreadSpec, name: str, path: KeyPath) -> Arm:
    run, weights = builder.runtime, spec.weights or (1.0,) * len(spec.models)
    found = [builder.node(of, f"{name}.models[{n}]", (*path, "models", n)) for n, of in enumerate(spec.models)]
    able = {arm.name: (arm, weight) for arm, weight in zip(found, weights, strict=True) if arm is not None}
    arms = tuple(arm for arm, _ in able.values())
    drawn = Spread({name: weight for name, (_, weight) in able.items()}, run.uniform)
    strategy = Ranked(drawn, arms, cooldowns=run.cooldowns)
    return Arm(name, Route(strategy, {arm.name: arm for arm in arms}, clock=run.clock), members(arms))
