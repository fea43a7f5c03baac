"""An ensemble that is asked for by the spec's words, outside of any policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestra.build import MAKERS
from orchestra.build.builder import Builder
from orchestra.errors import ConfigError
from orchestra.routing import Arm
from orchestra.settings.ensembles import node
from orchestra.tree import Tree


def ensemble(tree: Tree, strategy: str, models: Sequence[Any], words: Mapping[str, Any]) -> Arm:
    """The ensemble of a strategy over `models`, names or nodes; none: the router picks them.

    Raises `ConfigError` for a strategy, a word or a name that nobody knows.
    """
    builder = Builder(tree, {}, MAKERS)
    arm = builder.node(node(strategy, models, words), strategy, (strategy,))
    if builder.problems or arm is None:
        raise ConfigError(*(problem.partition(": ")[2] for problem in builder.problems))
    return arm
