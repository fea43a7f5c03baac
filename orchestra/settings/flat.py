"""The spec's flat fields as policies: two ways to write one thing, compiled to one."""

from __future__ import annotations

from functools import cache

from orchestra.errors import ConfigError
from orchestra.resources import shipped
from orchestra.settings.api import APISettings, RouterConfig
from orchestra.settings.ensembles import ensemble
from orchestra.settings.file import PolicyFile, read
from orchestra.settings.nodes import NameSpec, NodeSpec, RouteSpec, RuleSpec

DEFAULT = "default"
ENSEMBLE = "ensemble"
"""The policies that flat fields stand for."""


def policies(file: PolicyFile) -> dict[str, NodeSpec]:
    """Every policy of a file, those that its flat fields stand for included; the shipped `default` where it has none.

    Raises `ConfigError` where the flat fields and `policies:` say the same thing.
    """
    settings = file.settings
    named = {name for name in settings.model_fields_set if getattr(settings, name) is not None}
    for policy, fields in ((DEFAULT, ("router", "default_model")), (ENSEMBLE, (ENSEMBLE,))):
        flat = [name for name in fields if name in named]
        if policy in settings.policies and flat:
            here, there = file.place(("policies", policy)), file.place((flat[0],))
            raise ConfigError(f"{there}: says the same as {here}; keep one of them")
    found = dict(settings.policies)
    if DEFAULT not in found:
        flat_route = settings.router is not None or settings.default_model is not None
        found[DEFAULT] = route(settings) if flat_route else _shipped("default.yaml")
    if settings.ensemble is not None and ENSEMBLE in named:
        try:
            found[ENSEMBLE] = ensemble(settings.ensemble)
        except ConfigError as error:
            raise ConfigError(*(f"{file.place((ENSEMBLE,))}: {problem}" for problem in error.problems)) from None
    return found


def default_policy(settings: APISettings) -> str:
    """The policy that is asked where nobody names a model."""
    return ENSEMBLE if settings.ensemble is not None and settings.ensemble.enabled else DEFAULT


def route(settings: APISettings) -> NodeSpec:
    """`router` and `default_model` as a policy."""
    router, default = settings.router, NameSpec(name=settings.default_model or "gpt-4o-mini")
    if router is None or not router.enabled:
        return default
    fallback = tuple(NameSpec(name=name) for name in router.fallback_order)
    if router.strategy != "task_based":
        names = dict.fromkeys([default.name, *router.routing_rules.values(), *router.fallback_order])
        return RouteSpec(strategy=router.strategy, models=tuple(NameSpec(name=name) for name in names))
    return RouteSpec(rules=tuple(_rows(router, default)), otherwise=default, fallback=fallback)


def _rows(router: RouterConfig, default: NameSpec) -> list[RuleSpec]:
    """The shipped rule table with the models that `routing_rules` and `default_model` name."""
    classic = _shipped("classic.yaml")
    assert isinstance(classic, RouteSpec)
    names = [rule.name for rule in classic.rules]
    unknown = sorted(set(router.routing_rules) - set(names))
    if unknown:
        known = ", ".join(str(name) for name in names)
        raise ConfigError(f"router.routing_rules: no row is called {unknown[0]!r}; the rows are {known}")
    rows = []
    for rule in classic.rules:
        use = tuple(default if arm == classic.otherwise else arm for arm in rule.use)
        if rule.name in router.routing_rules:
            use = (NameSpec(name=router.routing_rules[rule.name]), *use[1:])
        rows.append(rule.model_copy(update={"use": use}))
    return rows


@cache
def _shipped(name: str) -> NodeSpec:
    """The policy `default` of a shipped file."""
    return read(shipped("config") / name).settings.policies[DEFAULT]
