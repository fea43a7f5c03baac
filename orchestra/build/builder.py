"""Settings to tree: names resolved, circles and mistakes found, each policy built once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestra.errors import ConfigError
from orchestra.model_config import ModelConfig
from orchestra.names import PREFIX
from orchestra.routing import Arm
from orchestra.runtime import Runtime
from orchestra.settings.api import TASK_TYPES
from orchestra.settings.base import Spec
from orchestra.settings.file import KeyPath
from orchestra.settings.flat import DEFAULT
from orchestra.settings.nodes import NameSpec, NodeSpec
from orchestra.tree import AUTO, Tree


class Builder:
    """Builds the policies of one file, each once, and collects what is wrong.

    `makers` build the nodes: a function for each class of spec.
    """

    def __init__(self, tree: Tree, specs: Mapping[str, NodeSpec], makers: Mapping[type[Spec], Maker]) -> None:
        self.tree = tree
        self.specs = specs
        self.makers = makers
        self.problems: list[str] = []
        self.tasks = {*TASK_TYPES, *tree.settings.task_types}
        self.asked: dict[str, dict[str, ModelConfig]] = {}
        """The models that each policy names, itself or through another, whatever it asks them for."""
        self._done: dict[str, Arm] = {}
        self._under_way: list[str] = []

    @property
    def runtime(self) -> Runtime:
        return self.tree.runtime

    def built(self) -> dict[str, Arm]:
        """Every policy; what is wrong with them is in `problems`."""
        self._names()
        self._providers()
        self._budgets()
        for name in self.specs:
            self._policy(name, ("policies", name))
        return self._done

    def problem(self, path: KeyPath, said: str) -> None:
        """Note a mistake at a place of the file."""
        self.problems.append(f"{self.tree.file.place(path)}: {said}")

    def node(self, spec: NodeSpec, name: str, path: KeyPath) -> Arm | None:
        """The node of a spec, under a name; `None` when it can't be built, which is noted as a problem."""
        if isinstance(spec, NameSpec):
            arm = self._named(spec, path)
            if arm is not None and self._under_way:
                asked = self.asked.setdefault(self._under_way[-1], {})
                asked |= {member.name: member for member in arm.members} | self.asked.get(arm.name, {})
            return arm if arm is None or name not in self.specs else Arm(name, arm.model, arm.members)
        return self.makers[type(spec)](self, spec, name, path)

    def nodes(self, specs: tuple[NodeSpec, ...], name: str, path: KeyPath) -> tuple[Arm, ...]:
        """The nodes of a list of specs, without those that can't be built."""
        found = [self.node(spec, f"{name}.{path[-1]}[{n}]", (*path, n)) for n, spec in enumerate(specs)]
        return tuple(arm for arm in found if arm is not None)

    def _names(self) -> None:
        """One name stands for one thing."""
        settings = self.tree.settings
        for name in settings.policies:
            for other, where in (("models", settings.models), ("providers", settings.providers)):
                if name in where:
                    self.problem((other, name), f"{name!r} is also a policy; give one of them another name")
        for name in settings.models.keys() & settings.providers.keys():
            self.problem(("models", name), f"{name!r} is also a provider; give one of them another name")
        for name in settings.models:
            self._checked(("models", name), name)

    def _providers(self) -> None:
        settings = self.tree.settings
        named = {spec.provider for spec in settings.models.values()}
        for entry, provider in settings.providers.items():
            for role in provider.models:
                self._checked(("providers", entry, "models", role), entry if role == "default" else f"{entry}:{role}")
            kind = provider.provider or self.tree.catalog.provider(entry) or provider.base_url
            if kind is None and entry not in named:  # a model that names it says which kind it is
                hint = self.tree.names.hint(entry)
                self.problem(("providers", entry), f"no provider is called {entry!r}; say which with 'provider:'{hint}")

    def _budgets(self) -> None:
        for name, budget in self.tree.specs.items():
            if budget.downgrade_to is not None and self._checked(
                ("budgets", name, "downgrade_to"), budget.downgrade_to
            ):
                hint = self.tree.names.hint(budget.downgrade_to)
                self.problem(("budgets", name, "downgrade_to"), f"no model is called {budget.downgrade_to!r}{hint}")
            self._counted(("budgets", name, "models"), budget.models, self.tree.counted.models)
            self._counted(("budgets", name, "providers"), budget.providers, self.tree.counted.provider)

    def _counted(self, path: KeyPath, names: tuple[str, ...], resolved: Callable[[str], object]) -> None:
        for name in names:
            try:
                resolved(name)
            except ConfigError as error:
                self.problem(path, str(error))

    def _checked(self, path: KeyPath, name: str) -> bool:
        """Note what is wrong with a model's name; True when nobody knows it, which is another matter."""
        try:
            return self.tree.names.find(name) is None
        except ConfigError as error:
            self.problem(path, str(error))
            return False

    def _policy(self, name: str, path: KeyPath) -> Arm | None:
        if name in self._done:
            return self._done[name]
        if name in self._under_way:
            circle = " → ".join([*self._under_way[self._under_way.index(name) :], name])
            self.problem(path, f"a circle: {circle}")
            return None
        self._under_way.append(name)
        arm = self.node(self.specs[name], name, ("policies", name))
        self._under_way.pop()
        if arm is not None:
            self._done[name] = arm
        return arm

    def _named(self, spec: NameSpec, path: KeyPath) -> Arm | None:
        name = spec.name.removeprefix(PREFIX)
        name = DEFAULT if name == AUTO else name
        if name in self.specs:
            if spec.params:
                self.problem(path, f"{name!r} is a policy; 'params' go with a model")
            return self._policy(name, path)
        try:
            if not spec.params:
                return self.tree.find(name)
            model = self.tree.names.find(name, spec.params)
        except ConfigError as error:
            self.problem(path, str(error))
            return None
        if model is None:
            self.problem(path, f"no model or policy is called {name!r}{self.tree.names.hint(name)}")
            return None
        return self.tree.model(model)


Maker = Callable[[Builder, Any, str, KeyPath], Arm | None]
"""Builds the node of one class of spec, for a name, at a place of the file."""


def members(arms: tuple[Arm, ...] | list[Arm]) -> tuple[ModelConfig, ...]:
    """Every model that can answer for one of `arms`, each once."""
    return tuple({member.name: member for arm in arms for member in arm.members}.values())
