"""Every policy and model of ours as a row of LiteLLM's map: price, context window, capabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestra.api import MultiModelAPI
from orchestra.catalog.facts import FLAGS
from orchestra.dropin.errors import PROVIDER
from orchestra.model_config import ModelConfig
from orchestra.tree import AUTO

LEAST = 1e-12
"""The price of a token, in USD, where none is known or nothing is charged: LiteLLM takes zero for "not limited"."""


def rows(api: MultiModelAPI) -> dict[str, Mapping[str, Any]]:
    """A row for `auto`, every policy, and every model that the settings name."""
    tree = api.tree
    names = [AUTO, *tree.policies, *tree.settings.models]
    return {f"{PROVIDER}/{name}": row_of(tree.find(name).members) for name in names}


def row_of(members: tuple[ModelConfig, ...]) -> dict[str, Any]:
    """What an alias can do and cost: all that one of its reachable members can do, and at the most what one costs."""
    reachable = [m for m in members if m.enabled and m.unready() is None] or [m for m in members if m.enabled]
    cards = [member.card for member in reachable or members]
    able = frozenset().union(*(card.abilities for card in cards))
    context = max((card.context_tokens or 0 for card in cards), default=0)
    output = max((card.output_tokens or 0 for card in cards), default=0)
    row: dict[str, Any] = {
        "litellm_provider": PROVIDER,
        "mode": cards[0].mode if cards else "chat",
        "max_input_tokens": context or None,
        "max_output_tokens": output or None,
        "max_tokens": output or context or None,
        "input_cost_per_token": max((_rate(card.row, "input_cost_per_token") for card in cards), default=LEAST),
        "output_cost_per_token": max((_rate(card.row, "output_cost_per_token") for card in cards), default=LEAST),
        "supports_system_messages": True,
        **{flag: ability in able for ability, flag in FLAGS.items()},
        "supports_tool_choice": "tools" in able,
    }
    return {name: value for name, value in row.items() if value is not None}


def _rate(row: Mapping[str, Any], name: str) -> float:
    return float(row.get(name) or LEAST)
