"""The nodes that choose one model for each request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestra.build.builder import Builder, members
from orchestra.errors import ConfigError
from orchestra.ledger import Folded
from orchestra.resilience import Fallback
from orchestra.routing import Arm, Facts, Reader, Route, Rule, Rules
from orchestra.routing.adaptive import Adaptive, Played, fold
from orchestra.routing.asked import Asked
from orchestra.routing.classify import builtin
from orchestra.routing.diary import Diary
from orchestra.routing.learn import Target
from orchestra.routing.learned import Learned
from orchestra.routing.purse import Purse
from orchestra.routing.reader import Asking
from orchestra.routing.route import Decider
from orchestra.routing.scored import KINDS
from orchestra.routing.strategies import Balanced, Best, Cheapest, Fastest, Ranked, Ranking
from orchestra.routing.trained import Trained, order_checked
from orchestra.routing.traits import traits
from orchestra.settings.file import KeyPath, PolicyFile
from orchestra.settings.nodes import ClassifierSpec, RouteSpec, RuleSpec, When


def route(builder: Builder, spec: RouteSpec, name: str, path: KeyPath) -> Arm:
    fallback = builder.nodes(spec.fallback, name, (*path, "fallback"))
    run, find = builder.runtime, builder.tree.find
    purse = Purse(lambda: builder.tree.money, run.wall, run.clock)
    strategy: Decider
    if spec.strategy == "task_based":
        assert spec.otherwise is not None
        rules = tuple(_rules(builder, spec, name, path, fallback))
        otherwise = builder.node(spec.otherwise, f"{name}.otherwise", (*path, "otherwise"))
        arms = [*(arm for rule in rules for arm in rule.arms), *((otherwise,) if otherwise else ()), *fallback]
        if otherwise is None:  # already a problem; any arm stands in until it is mended
            otherwise = arms[0] if arms else Arm(name, Fallback(()), ())
        strategy = Rules(rules, otherwise, fallback, find, run.cooldowns, purse)
    else:
        candidates = builder.nodes(spec.models, name, (*path, "models"))
        ranking = _ranking(builder, spec, candidates, name, path)
        strategy = Ranked(ranking, candidates, fallback, find, run.cooldowns, purse)
        arms = [*candidates, *fallback]
    node = Route(
        strategy,
        {arm.name: arm for arm in arms},
        find,
        run.clock,
        Reader(builtin if spec.classifier else None, _asking(builder, spec, name, path), _traits(spec)),
        {"policy": name, "version": builder.tree.settings.version, "hash": builder.tree.file.hash},
        Diary(builder.tree.money.ledger),
        purse,
    )
    return Arm(name, node, members(arms))


def _ranking(builder: Builder, spec: RouteSpec, arms: tuple[Arm, ...], name: str, path: KeyPath) -> Ranking:
    figures = builder.runtime.figures
    match spec.strategy:
        case "cost_optimized":
            return Cheapest(figures, spec.quality_bar)
        case "speed_optimized":
            return Fastest(figures, builder.runtime.load)
        case "balanced":
            assert spec.usd_per_quality_point is not None
            return Balanced(spec.usd_per_quality_point, figures)
        case "learned":
            names = tuple(arm.name for arm in arms)
            return Learned(names, _trained(builder, spec, names, (*path, "trained")), spec.observe)
        case "adaptive":
            return _adaptive(builder, spec, name)
        case _:
            return Best(figures)


def _adaptive(builder: Builder, spec: RouteSpec, name: str) -> Adaptive:
    run = builder.runtime
    start = Played(name, spec.half_life)
    played = Folded(builder.tree.money.ledger, fold, start, kinds=KINDS, clock=run.clock)
    return Adaptive(
        lambda: played.value,
        run.wall,
        spec.explore,
        spec.explore_limit_usd,
        spec.usd_per_quality_point,
        spec.observe,
    )


def _trained(builder: Builder, spec: RouteSpec, arms: tuple[str, ...], path: KeyPath) -> Trained | None:
    if spec.trained is None:
        return None
    file = trained_path(builder.tree.file, spec.trained)
    if not file.exists():  # nothing is trained yet
        return None
    try:
        trained = Trained.load(file)
    except ConfigError as error:
        builder.problem(path, str(error))
        return None
    if why_not := order_checked(trained, arms, str(Target(spec.strong_share, spec.quality))):
        builder.problem(path, f"{file}: {why_not}; 'orchestra learn' trains it anew")
        return None
    return trained


def trained_path(file: PolicyFile, name: str) -> Path:
    """Where a trained policy is kept: beside the policy file that names it."""
    folder = Path(file.origin).parent if file.fingerprint and Path(file.origin).is_file() else Path()
    return folder / Path(name).expanduser()


def _traits(spec: RouteSpec) -> Callable[[str, Facts], Mapping[str, float]] | None:
    return (lambda text, facts: traits(text, builtin())) if spec.strategy == "learned" else None


def _asking(builder: Builder, spec: RouteSpec, name: str, path: KeyPath) -> Asking | None:
    """What asks the model of `classifier:` for the kind of task."""
    if not isinstance(spec.classifier, ClassifierSpec):
        return None
    arm = builder.node(spec.classifier.model, f"{name}.classifier", (*path, "classifier", "model"))
    return None if arm is None else Asked(arm.model, builder.tree.prompts, tuple(sorted(builder.tasks)))


def _rules(builder: Builder, spec: RouteSpec, name: str, path: KeyPath, fallback: tuple[Arm, ...]) -> Iterator[Rule]:
    for n, rule in enumerate(spec.rules):
        here = (*path, "rules", n)
        for task in rule.when.task or ():
            if task not in builder.tasks:
                known = ", ".join(sorted(builder.tasks))
                builder.problem((*here, "when", "task"), f"no task type is called {task!r}; known: {known}")
        for earlier in spec.rules[:n]:
            if earlier.when.covers(rule.when):
                builder.problem(here, f"never reached: an earlier rule ({earlier.when}) takes all that it would take")
                break
        arms = builder.nodes(rule.use, f"{name}.rules[{n}]", (*here, "use"))
        _serves(builder, rule, arms, here, fallback)
        yield Rule(rule.name or f"rules[{n}]", rule.when, arms, rule.reason or "")


def _serves(builder: Builder, rule: RuleSpec, arms: tuple[Arm, ...], here: KeyPath, fallback: tuple[Arm, ...]) -> None:
    facts = demanded(rule.when)
    arms, fallback = _switched_on(arms), _switched_on(fallback)
    reasons = [arm.unable(facts) for arm in arms]
    if reasons and None not in reasons:
        builder.problem((*here, "use"), f"{arms[0].name} cannot serve what the rule takes: {reasons[0]}")
    elif fallback and all(arm.unable(facts) for arm in fallback):
        first = fallback[0]
        builder.problem(here, f"no fallback can serve what the rule takes: {first.name}: {first.unable(facts)}")


def _switched_on(arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
    """The arms as if none of their providers were switched off: a rule is not wrong because one is."""
    return tuple(replace(arm, members=tuple(replace(m, enabled=True) for m in arm.members)) for arm in arms)


def demanded(when: When) -> Facts:
    """The least that a request which meets a condition has."""
    tokens = when.input_tokens.above + 1 if when.input_tokens and when.input_tokens.above is not None else 0
    parts: dict[str, Any] = {name: bool(getattr(when, name)) for name in ("images", "audio", "video", "files", "tools")}
    return Facts(input_tokens=tokens, **parts)
