"""The settings as the spec draws them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestra.cli.provider_state import NO_KEY, provider_states
from orchestra.settings import EnsembleConfig
from orchestra.settings.flat import DEFAULT, policies
from orchestra.settings.nodes import FallbackSpec, NameSpec, NodeSpec, RouteSpec

if TYPE_CHECKING:
    from rich.panel import Panel

    from orchestra.tree import Tree

ON, OFF = "☑", "☐"


def settings_data(tree: Tree) -> dict[str, Any]:
    """What the screen shows, as plain data; keys are masked."""
    settings = tree.settings
    default = policies(tree.file)[DEFAULT]
    ensemble = settings.ensemble or EnsembleConfig()
    return {
        "file": tree.file.origin,
        "providers": [asdict(state) for state in provider_states(tree)],
        "routing": _routing(default),
        "ensemble": {
            "enabled": ensemble.enabled,
            "strategy": ensemble.strategy,
            "models": ensemble.models,
        },
        "cost": {
            "daily_budget_usd": settings.daily_budget_usd,
            "alert_threshold": settings.alert_threshold,
        },
        "limits": {
            "max_requests_per_minute": settings.max_requests_per_minute,
            "max_retries": settings.retries,
            "retry_delay_seconds": settings.retry_delay_seconds,
            "deadline_s": settings.deadline_s,
        },
    }


def drawn(data: dict[str, Any]) -> Panel:
    """The screen."""
    from rich.panel import Panel
    from rich.text import Text

    routing, ensemble, cost, limits = (data[part] for part in ("routing", "ensemble", "cost", "limits"))
    budget = cost["daily_budget_usd"]
    lines = [
        "Model Providers:",
        *(line for state in data["providers"] for line in _provider(state)),
        "",
        "Smart Routing:",
        f"  {ON if routing['enabled'] else OFF} Enabled",
        *([f"  Strategy: {title(routing['strategy'])}"] if routing["enabled"] else []),
        f"  Default:  {routing['default_model'] or 'none'}",
        f"  Fallback: {' → '.join(routing['fallback']) or 'none'}",
        "",
        "Model Ensemble:",
        f"  {ON if ensemble['enabled'] else OFF} Enabled (increases cost)",
        f"  Strategy: {title(ensemble['strategy'])}",
        f"  Models:   {', '.join(ensemble['models']) or 'picked by the router'}",
        "",
        "Cost Control:",
        f"  Daily Budget:  {'none' if budget is None else f'${budget:.2f}'}",
        f"  Alert at:      {cost['alert_threshold']:.0%} of budget",
        "",
        "Limits:",
        f"  Requests a minute: {limits['max_requests_per_minute'] or 'no limit'}",
        f"  Retries:           {limits['max_retries']}, the first after up to {limits['retry_delay_seconds']:g} s",
        f"  Deadline:          {'none' if limits['deadline_s'] is None else str(limits['deadline_s']) + ' s'}",
    ]
    text = Text("\n".join(lines))
    return Panel(text, title="API Settings", title_align="left", subtitle=data["file"], expand=False, padding=(1, 2))


def title(word: str) -> str:
    """`task_based` as a screen has it: Task-Based."""
    return "-".join(part.capitalize() for part in word.split("_"))


def _provider(state: dict[str, Any]) -> list[str]:
    if not state["ready"]:
        variable = f": {state['key_variable']}" if state["lacks"] == NO_KEY else ""
        return [f"  {OFF} {state['title']}   {state['lacks']}{variable}"]
    lines = [f"  {ON} {state['title']}"]
    if state["key"]:
        lines.append(f"      API Key: {state['key']}")
    if state["base_url"]:
        lines.append(f"      Address: {state['base_url']}")
    return [*lines, f"      Default: {state['default_model']}"]


def _routing(spec: NodeSpec) -> dict[str, Any]:
    """The policy `default` as the screen has it: on where it chooses."""
    match spec:
        case RouteSpec():
            return {
                "enabled": True,
                "strategy": spec.strategy,
                "default_model": _name(spec.otherwise) if spec.otherwise else None,
                "fallback": [_name(node) for node in spec.fallback],
            }
        case FallbackSpec():
            first, *others = (_name(node) for node in spec.models)
            return {"enabled": False, "strategy": spec.kind, "default_model": first, "fallback": others}
        case _:
            return {"enabled": False, "strategy": spec.kind, "default_model": _name(spec), "fallback": []}


def _name(spec: NodeSpec) -> str:
    return spec.name if isinstance(spec, NameSpec) else spec.kind
