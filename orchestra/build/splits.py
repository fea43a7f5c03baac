"""The node that shares requests out, and the experiments that it may belong to."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from orchestra.build.builder import Builder, members
from orchestra.routing import Arm
from orchestra.routing.split import Split
from orchestra.settings.experiments import shares_of
from orchestra.settings.file import KeyPath
from orchestra.settings.nodes import NodeSpec, SplitSpec


def split(builder: Builder, spec: SplitSpec, name: str, path: KeyPath) -> Arm | None:
    if spec.experiment is None:
        arms = _arms(builder, spec.arms, name, path)
        if arms is None:
            return None
        return Arm(name, Split(name, arms, shares_of(spec.weights, list(arms)), spec.by), members([*arms.values()]))
    declared = builder.tree.settings.experiments
    if spec.experiment not in declared:
        close = get_close_matches(spec.experiment, declared, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "it is declared under 'experiments:'"
        builder.problem((*path, "experiment"), f"no experiment is called {spec.experiment!r}; {hint}")
        return None
    experiment = declared[spec.experiment]
    arms = _arms(builder, experiment.arms, spec.experiment, ("experiments", spec.experiment))
    if arms is None:
        return None
    runs = builder.runtime.experiment(spec.experiment, experiment)
    return Arm(name, Split(spec.experiment, arms, experiment.shares, experiment.by, runs), members([*arms.values()]))


def experiments(builder: Builder) -> None:
    """Find what is wrong with experiments, those that no policy uses too."""
    for name, spec in builder.tree.settings.experiments.items():
        if "," in name or not name:
            builder.problem(("experiments", name), f"{name!r} is no name of an experiment: it is empty or has a comma")
        nodes = {arm: node for arm, node in spec.arms.items() if node is not None}
        _arms(builder, nodes, name, ("experiments", name))


def _arms(builder: Builder, specs: Mapping[str, NodeSpec | None], name: str, path: KeyPath) -> dict[str, Arm] | None:
    """The arms by their names; `None` where one can't be built."""
    bare = [label for label, spec in specs.items() if spec is None]
    if bare:
        builder.problem((*path, "arms"), f"{', '.join(bare)}: but a name; say which model or policy that arm is")
    built = {
        label: builder.node(spec, f"{name}.{label}", (*path, "arms", label))
        for label, spec in specs.items()
        if spec is not None
    }
    found = {label: arm for label, arm in built.items() if arm is not None}
    return found if len(found) == len(specs) else None
