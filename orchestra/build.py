"""Settings to tree: every name resolved, every mistake found, before anything is asked of a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from orchestra.catalog import Catalog
from orchestra.errors import ConfigError
from orchestra.model_config import ModelConfig
from orchestra.resilience import Cached, Fallback, Limited, RateLimit, Retry
from orchestra.resilience.store import cache_place
from orchestra.routing import Arm, Facts, Route, Rule, Rules
from orchestra.routing.route import Decider
from orchestra.routing.strategies import ORDERS, Ordered
from orchestra.runtime import Runtime
from orchestra.settings.api import TASK_TYPES
from orchestra.settings.file import KeyPath, PolicyFile
from orchestra.settings.flat import DEFAULT, policies
from orchestra.settings.nodes import (
    CachedSpec,
    FallbackSpec,
    LimitedSpec,
    NameSpec,
    NodeSpec,
    RetrySpec,
    RouteSpec,
    RuleSpec,
    When,
)
from orchestra.tree import AUTO, PREFIX, Tree
from orchestra.types import Model


def build(file: PolicyFile, runtime: Runtime | None = None, catalog: Catalog | None = None) -> Tree:
    """The tree of every policy in a file; raises `ConfigError` with one line for each mistake."""
    runtime = runtime or Runtime()
    if runtime.limit is None and file.settings.max_requests_per_minute is not None:
        runtime.limit = RateLimit(file.settings.max_requests_per_minute)
    tree = Tree(file, runtime, catalog or Catalog(file.settings.price_map))
    builder = _Builder(tree, policies(file))
    arms = builder.built()
    if builder.problems:
        raise ConfigError(*builder.problems)
    tree.add(arms)
    return tree


class _Builder:
    """Builds the policies of one file, each once, and collects what is wrong."""

    def __init__(self, tree: Tree, specs: dict[str, NodeSpec]) -> None:
        self.tree = tree
        self.specs = specs
        self.problems: list[str] = []
        self.done: dict[str, Arm] = {}
        self.under_way: list[str] = []
        self.tasks = {*TASK_TYPES, *tree.settings.task_types}

    def built(self) -> dict[str, Arm]:
        self._names()
        self._providers()
        self._budgets()
        for name in self.specs:
            self._policy(name, ("policies", name))
        return self.done

    def _names(self) -> None:
        """One name stands for one thing."""
        settings = self.tree.settings
        for name in settings.policies:
            for other, where in (("models", settings.models), ("providers", settings.providers)):
                if name in where:
                    self._problem((other, name), f"{name!r} is also a policy; give one of them another name")
        for name in settings.models.keys() & settings.providers.keys():
            self._problem(("models", name), f"{name!r} is also a provider; give one of them another name")
        for name in settings.models:
            self._checked(("models", name), name)

    def _providers(self) -> None:
        settings = self.tree.settings
        for entry, provider in settings.providers.items():
            for role in provider.models:
                self._checked(("providers", entry, "models", role), entry if role == "default" else f"{entry}:{role}")
            if provider.provider is None and self.tree.catalog.provider(entry) is None and provider.base_url is None:
                hint = self.tree.names.hint(entry)
                self._problem(
                    ("providers", entry), f"no provider is called {entry!r}; say which with 'provider:'{hint}"
                )

    def _budgets(self) -> None:
        for name, budget in self.tree.specs.items():
            if budget.downgrade_to is not None and self._checked(
                ("budgets", name, "downgrade_to"), budget.downgrade_to
            ):
                hint = self.tree.names.hint(budget.downgrade_to)
                self._problem(("budgets", name, "downgrade_to"), f"no model is called {budget.downgrade_to!r}{hint}")

    def _problem(self, path: KeyPath, said: str) -> None:
        self.problems.append(f"{self.tree.file.place(path)}: {said}")

    def _checked(self, path: KeyPath, name: str) -> bool:
        """Note what is wrong with a model's name; True when nobody knows it, which is another matter."""
        try:
            return self.tree.names.find(name) is None
        except ConfigError as error:
            self._problem(path, str(error))
            return False

    def _policy(self, name: str, path: KeyPath) -> Arm | None:
        if name in self.done:
            return self.done[name]
        if name in self.under_way:
            circle = " → ".join([*self.under_way[self.under_way.index(name) :], name])
            self._problem(path, f"a circle: {circle}")
            return None
        self.under_way.append(name)
        arm = self._node(self.specs[name], name, ("policies", name))
        self.under_way.pop()
        if arm is not None:
            self.done[name] = arm
        return arm

    def _node(self, spec: NodeSpec, name: str, path: KeyPath) -> Arm | None:
        match spec:
            case NameSpec():
                arm = self._named(spec, path)
                return arm if arm is None or name not in self.specs else Arm(name, arm.model, arm.members)
            case RouteSpec():
                return self._route(spec, name, path)
            case FallbackSpec():
                arms = self._nodes(spec.models, name, (*path, "models"))
                node: Model = Fallback(tuple((arm.name, arm.model) for arm in arms), self.tree.runtime.clock)
                return Arm(name, node, _members(arms))
            case RetrySpec():
                of = self._node(spec.model, f"{name}.model", (*path, "model"))
                run = self.tree.runtime
                if of is None:
                    return None
                again = Retry(of.model, spec.max_retries, spec.retry_delay_s, run.clock, run.sleep, run.uniform)
                return Arm(name, again, of.members)
            case LimitedSpec():
                of = self._node(spec.model, f"{name}.model", (*path, "model"))
                run = self.tree.runtime
                if of is None:
                    return None
                limit = RateLimit(spec.max_requests_per_minute)
                return Arm(name, Limited(of.model, limit, run.clock, run.sleep), of.members)
            case CachedSpec():
                of = self._node(spec.model, f"{name}.model", (*path, "model"))
                run = self.tree.runtime
                if of is None:
                    return None
                store = run.store(cache_place(spec.path), spec.size_mb * 1_000_000)
                return Arm(name, Cached(of.model, store, spec.ttl_s, clock=run.clock, wall=run.wall), of.members)

    def _nodes(self, specs: tuple[NodeSpec, ...], name: str, path: KeyPath) -> tuple[Arm, ...]:
        found = [self._node(spec, f"{name}.{path[-1]}[{n}]", (*path, n)) for n, spec in enumerate(specs)]
        return tuple(arm for arm in found if arm is not None)

    def _named(self, spec: NameSpec, path: KeyPath) -> Arm | None:
        name = spec.name.removeprefix(PREFIX)
        name = DEFAULT if name == AUTO else name
        if name in self.specs:
            if spec.params:
                self._problem(path, f"{name!r} is a policy; 'params' go with a model")
            return self._policy(name, path)
        try:
            if not spec.params:
                return self.tree.find(name)
            model = self.tree.names.find(name, spec.params)
        except ConfigError as error:
            self._problem(path, str(error))
            return None
        if model is None:
            self._problem(path, f"no model or policy is called {name!r}{self.tree.names.hint(name)}")
            return None
        return self.tree.model(model)

    def _route(self, spec: RouteSpec, name: str, path: KeyPath) -> Arm:
        fallback = self._nodes(spec.fallback, name, (*path, "fallback"))
        run, find = self.tree.runtime, self.tree.find
        strategy: Decider
        if spec.strategy == "task_based":
            assert spec.otherwise is not None
            rules = tuple(self._rules(spec, name, path, fallback))
            otherwise = self._node(spec.otherwise, f"{name}.otherwise", (*path, "otherwise"))
            arms = [*(arm for rule in rules for arm in rule.arms), *((otherwise,) if otherwise else ()), *fallback]
            if otherwise is None:  # already a problem; any arm stands in until it is mended
                otherwise = arms[0] if arms else Arm(name, Fallback(()), ())
            strategy = Rules(rules, otherwise, fallback, find, run.cooldowns)
        else:
            candidates = self._nodes(spec.models, name, (*path, "models"))
            strategy = Ordered(spec.strategy, candidates, ORDERS[spec.strategy], fallback, find, run.cooldowns)
            arms = [*candidates, *fallback]
        return Arm(name, Route(strategy, {arm.name: arm for arm in arms}, find, run.clock), _members(arms))

    def _rules(self, spec: RouteSpec, name: str, path: KeyPath, fallback: tuple[Arm, ...]) -> Iterator[Rule]:
        for n, rule in enumerate(spec.rules):
            here = (*path, "rules", n)
            for task in rule.when.task or ():
                if task not in self.tasks:
                    known = ", ".join(sorted(self.tasks))
                    self._problem((*here, "when", "task"), f"no task type is called {task!r}; known: {known}")
            for earlier in spec.rules[:n]:
                if earlier.when.covers(rule.when):
                    self._problem(here, f"never reached: an earlier rule ({earlier.when}) takes all that it would take")
                    break
            arms = self._nodes(rule.use, f"{name}.rules[{n}]", (*here, "use"))
            self._serves(rule, arms, here, fallback)
            yield Rule(rule.name or f"rules[{n}]", rule.when, arms, rule.reason or "")

    def _serves(self, rule: RuleSpec, arms: tuple[Arm, ...], here: KeyPath, fallback: tuple[Arm, ...]) -> None:
        facts = demanded(rule.when)
        arms, fallback = _switched_on(arms), _switched_on(fallback)
        reasons = [arm.unable(facts) for arm in arms]
        if reasons and None not in reasons:
            self._problem((*here, "use"), f"{arms[0].name} cannot serve what the rule takes: {reasons[0]}")
        elif fallback and all(arm.unable(facts) for arm in fallback):
            first = fallback[0]
            self._problem(here, f"no fallback can serve what the rule takes: {first.name}: {first.unable(facts)}")


def _switched_on(arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
    """The arms as if none of their providers were switched off: a rule is not wrong because one is."""
    return tuple(replace(arm, members=tuple(replace(m, enabled=True) for m in arm.members)) for arm in arms)


def demanded(when: When) -> Facts:
    """The least that a request which meets a condition has."""
    tokens = when.input_tokens.above + 1 if when.input_tokens and when.input_tokens.above is not None else 0
    parts: dict[str, Any] = {name: bool(getattr(when, name)) for name in ("images", "audio", "video", "files", "tools")}
    return Facts(input_tokens=tokens, **parts)


def _members(arms: tuple[Arm, ...] | list[Arm]) -> tuple[ModelConfig, ...]:
    return tuple({member.name: member for arm in arms for member in arm.members}.values())
