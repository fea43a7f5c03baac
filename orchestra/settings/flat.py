"""The spec's flat fields as policies: two ways to write one thing, compiled to one."""

from __future__ import annotations

from functools import cache

from orchestra.errors import ConfigError
from orchestra.resources import shipped
from orchestra.settings.api import APISettings, RouterConfig
from orchestra.settings.file import PolicyFile, read
from orchestra.settings.nodes import NameSpec, NodeSpec, RouteSpec, RuleSpec

DEFAULT = "default"


def policies(file: PolicyFile) -> dict[str, NodeSpec]:
    """Every policy of a file, those that its flat fields stand for included; the shipped `default` where it has none.

    Raises `ConfigError` where the flat fields and `policies:` say the same thing.
    """
    settings = file.settings
    _refuse_what_is_not_here(file)
    found = dict(settings.policies)
    if DEFAULT in found:
        flat = [name for name in ("router", "default_model") if name in settings.model_fields_set]
        twice = [name for name in flat if getattr(settings, name) is not None]
        if twice:
            here, there = file.place(("policies", DEFAULT)), file.place((twice[0],))
            raise ConfigError(f"{there}: says the same as {here}; keep one of them")
    elif settings.router is not None or settings.default_model is not None:
        found[DEFAULT] = route(settings)
    else:
        found[DEFAULT] = _shipped("default.yaml")
    return found


def _refuse_what_is_not_here(file: PolicyFile) -> None:
    """Say so, rather than ignore what this version cannot do."""
    if file.settings.ensemble is not None and file.settings.ensemble.enabled:
        raise ConfigError(f"{file.place(('ensemble', 'enabled'))}: this version has no ensembles; set it to false")


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
