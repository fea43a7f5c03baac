"""The whole of a LiteLLM config: its groups, fallbacks and aliases as policies, its settings as ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap

from orchestra.settings.api import APISettings
from orchestra.settings.litellm_config.deployments import EVERY, MODEL_LIST, SHARES, Deployment, deployments
from orchestra.settings.litellm_config.page import KeyPath, Page, line_in

SECTIONS = ("router_settings", "litellm_settings")
FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
SETTINGS = {
    "num_retries": "max_retries",
    "retry_after": "retry_delay_seconds",
    "drop_params": "drop_params",
}
"""What is said of every call, in LiteLLM's words and in ours."""
TIMEOUTS = ("timeout", "request_timeout")
READ = frozenset({"model_group_alias", "default_fallbacks", "routing_strategy", *TIMEOUTS, *FALLBACKS, *SETTINGS})
"""What is read of `router_settings` and `litellm_settings`."""
SHARED = "simple-shuffle"
CHEAPEST = "cost-based-routing"
DEFAULT = "default"

Chains = dict[str, list[str]]


def translated(config: CommentedMap, place: Callable[[KeyPath], str]) -> tuple[CommentedMap, tuple[str, ...]]:
    """A policy file that says the same; and what is not understood, a line each.

    Keys of Orchestra's own may stand beside LiteLLM's. Without a policy `default`, that is the cheapest group that can
    serve. Raises `ConfigError` where the config is none.
    """
    page = Page(config, place)
    for key, value in config.items():
        if key in APISettings.model_fields:
            page.put((key,), value, line_in(config, key))
        elif key not in (MODEL_LIST, *SECTIONS):
            page.leave((key,), "is for LiteLLM's server alone")
    aliases = {alias: _aliased(group) for alias, group in page.section("router_settings", "model_group_alias").items()}
    chains, rest = _chains(page)
    groups = deployments(page, lambda group: bool(rest) or group in chains, _timeout(page))
    core = {
        group: _core(members, page.section(SECTIONS[0]).get("routing_strategy")) for group, members in groups.items()
    }
    for group, members in groups.items():
        behind = [aliases.get(name, name) for name in (*chains.get(group, ()), *rest)]
        nodes = [core[group], *(core.get(name, name) for name in dict.fromkeys(behind) if name != group)]
        node = nodes[0] if len(nodes) == 1 else {"kind": "fallback", "models": nodes}
        if node != group:
            page.put(("policies", group), node, members[0].line)
    for alias, group in aliases.items():
        line = line_in(page.section("router_settings", "model_group_alias"), alias)
        page.put(("policies", alias), {"kind": "name", "name": group}, line)
    _settings(page)
    _default(page, list(groups))
    return page.made, tuple(page.unread)


def _core(members: list[Deployment], strategy: str | None) -> Any:
    """The deployments of a group: those of the lowest `order` first, drawn by their shares."""
    levels: dict[int, list[Deployment]] = {}
    for deployment in sorted(members, key=lambda deployment: deployment.order):
        levels.setdefault(deployment.order, []).append(deployment)
    nodes = [_level(level, strategy) for level in levels.values()]
    return nodes[0] if len(nodes) == 1 else {"kind": "fallback", "models": nodes}


def _level(level: list[Deployment], strategy: str | None) -> Any:
    names = [deployment.name for deployment in level]
    if len(names) == 1:
        return names[0]
    if strategy == CHEAPEST:
        return {"kind": "route", "strategy": "cost_optimized", "models": names}
    by = next((word for word in SHARES if any(word in deployment.shares for deployment in level)), None)
    weights = [deployment.shares.get(by, 0.0) for deployment in level] if by else []
    return {"kind": "spread", "models": names, "weights": weights}


def _aliased(group: Any) -> Any:
    return group.get("model") if isinstance(group, Mapping) else group


def _chains(page: Page) -> tuple[Chains, list[str]]:
    """The groups that each group falls back on, and those that every group does."""
    chains: Chains = {}
    rest: list[str] = []
    for place in SECTIONS:
        section = page.section(place)
        for kind in FALLBACKS:
            for path, row in page.rows((place, kind), section):
                for group, names in row.items():
                    chain = rest if group == EVERY else chains.setdefault(group, [])
                    chain += _names(page, (*path, group), names)
            if section.get(kind) and kind != FALLBACKS[0]:
                page.leave((place, kind), "these are asked after any failure, not after this kind alone")
        rest += _names(page, (place, "default_fallbacks"), section.get("default_fallbacks"))
    return chains, rest


def _timeout(page: Page) -> Any:
    """The seconds that one call may take where its deployment says nothing."""
    return next((found for place in SECTIONS for word in TIMEOUTS if (found := page.section(place).get(word))), None)


def _names(page: Page, path: KeyPath, names: Any) -> Iterator[str]:
    for n, name in enumerate([names] if isinstance(names, str) else names or ()):
        if isinstance(name, str):
            yield name
        else:
            page.leave((*path, n), "a fallback with parameters of its own is not asked")


def _settings(page: Page) -> None:
    """What `router_settings` and `litellm_settings` say of every call."""
    for place in SECTIONS:
        section = page.section(place)
        for key, value in section.items():
            if key in SETTINGS and value is not None:
                page.put((SETTINGS[key],), value, line_in(section, key))
            elif key == "routing_strategy" and value not in (SHARED, CHEAPEST):
                page.leave((place, key), "is not known: deployments are drawn by their shares")
            elif key not in READ:
                page.leave((place, key), "is not read")


def _default(page: Page, groups: list[str]) -> None:
    own = page.has("policies", DEFAULT) or page.config.get("router") or page.config.get("default_model")
    if not own and groups and DEFAULT not in groups:
        node = {"kind": "route", "strategy": "cost_optimized", "models": groups}
        page.put(("policies", DEFAULT), node, line_in(page.config, MODEL_LIST))
