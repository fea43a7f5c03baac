"""The `config.yaml` under which LiteLLM's proxy serves every policy and model of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from orchestra.names import PREFIX
from orchestra.settings import APISettings
from orchestra.settings.file import VARIABLE
from orchestra.settings.litellm_config import MODEL_LIST, READ
from orchestra.tree import AUTO, Tree

MASTER_KEY = "LITELLM_MASTER_KEY"
HANDLER = {"provider": "orchestra", "custom_handler": "orchestra.proxy.handler"}


def proxy_config(tree: Tree, given: Mapping[str, Any], place: str | None, local: bool) -> dict[str, Any]:
    """LiteLLM's configuration for the policies of a tree, which the server will find at `place`.

    `given` is the file that they are from: where that is a LiteLLM config, what is the server's own in it stays.
    Callers need the key in `LITELLM_MASTER_KEY` where that is set; none is needed where only this machine, `local`, can
    call.
    """
    kept: dict[str, Any] = {}
    if MODEL_LIST in given:
        kept = {key: value for key, value in given.items() if key not in (MODEL_LIST, *APISettings.model_fields)}
    settings, router, general, variables = (
        {key: value for key, value in (kept.pop(section, None) or {}).items() if key not in READ}
        for section in ("litellm_settings", "router_settings", "general_settings", "environment_variables")
    )
    others = [entry for entry in settings.get("custom_provider_map") or () if entry["provider"] != HANDLER["provider"]]
    return {
        MODEL_LIST: [*_models(served(tree, given)), *_wildcards(given)],
        # Retries are Orchestra's, and so is leaving a failing model alone: a policy has others.
        "litellm_settings": {**settings, "custom_provider_map": [*others, HANDLER], "num_retries": 0},
        "router_settings": {**router, "disable_cooldowns": True, "num_retries": 0},
        "general_settings": {
            **({"master_key": f"os.environ/{MASTER_KEY}"} if os.environ.get(MASTER_KEY) else {}),
            **({"dangerously_permit_weak_or_unset_master_key": True} if local else {}),
            **general,
        },
        "environment_variables": {**variables, VARIABLE: place} if place is not None else variables,
        **kept,
    }


def served(tree: Tree, given: Mapping[str, Any]) -> list[str]:
    """What the proxy lists: every policy, and every model that the file names, but not the deployments of a group."""
    named = {*(given.get("models") or ()), *(entry["model_name"] for entry in given.get(MODEL_LIST) or ())}
    return list(dict.fromkeys([AUTO, *tree.policies, *(name for name in tree.settings.models if name in named)]))


def _models(names: list[str]) -> Iterator[dict[str, Any]]:
    """Each under two names: clients differ in whether they take what stands before a slash for themselves."""
    for name in names:
        for shown in (f"{PREFIX}{name}", name):
            yield {"model_name": shown, "litellm_params": {"model": f"{PREFIX}{name}"}}


def _wildcards(given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in given.get(MODEL_LIST) or ():
        if entry["model_name"].endswith("*"):
            yield {"model_name": entry["model_name"], "litellm_params": {"model": f"{PREFIX}{entry['model_name']}"}}
