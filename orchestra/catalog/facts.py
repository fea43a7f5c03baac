"""What a row of LiteLLM's map, and an entry of ours, say of a model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from orchestra.catalog.card import Card, ProviderCard
from orchestra.catalog.sources import Entry

FLAGS = {
    "tools": "supports_function_calling",
    "json": "supports_response_schema",
    "json_schema": "supports_response_schema",
    "vision": "supports_vision",
    "audio_input": "supports_audio_input",
    "video_input": "supports_video_input",
    "file_input": "supports_pdf_input",
    "web_search": "supports_web_search",
    "reasoning": "supports_reasoning",
}
ASKED_BY = {
    "tools": "tools",
    "json": "response_format",
    "json_schema": "response_format",
    "web_search": "web_search_options",
}
"""The parameter that asks for an ability: a model that refuses it can't show that ability through LiteLLM."""

PRICES = ("input_cost_per_token", "output_cost_per_token", "input_cost_per_query")


def listed(entry: Entry, model_id: str, theirs: Mapping[str, Any]) -> Card:
    """The card of a model of `models.yaml`, called by that id of its provider's; `theirs` is its row of the map."""
    base = {"litellm_provider": entry.provider.litellm, "mode": "chat"}
    ours_holds = entry.overrides_map or not any(theirs.get(price) for price in PRICES)
    if ours_holds:
        row = {**theirs, **base, **entry.row}
    else:
        row = {**base, **{fact: value for fact, value in entry.row.items() if "cost" not in fact}, **theirs}
    return _card(
        name=entry.name if model_id == entry.id else model_id,
        model_id=model_id,
        provider=entry.provider,
        row=row,
        flags=theirs,
        abilities=entry.abilities,
        retired_on=entry.retired_on or _retired_on(theirs),
        successor=entry.successor,
        source=entry.source if ours_holds and any(price in entry.row for price in PRICES) else None,
    )


def mapped(name: str, model_id: str, provider: ProviderCard, row: Mapping[str, Any]) -> Card:
    """The card of a model that the map alone knows."""
    return _card(name=name, model_id=model_id, provider=provider, row=row, flags=row, retired_on=_retired_on(row))


def refused(provider: ProviderCard, model_id: str, flags: Mapping[str, Any]) -> frozenset[str]:
    """The OpenAI parameters that LiteLLM turns down for the provider's model of that id, with those flags."""
    return frozenset().union(*(rule.params for rule in provider.refuses if rule.holds(model_id, flags)))


def _card(
    *,
    name: str,
    model_id: str,
    provider: ProviderCard,
    row: Mapping[str, Any],
    flags: Mapping[str, Any],
    retired_on: date | None,
    abilities: frozenset[str] = frozenset(),
    successor: str | None = None,
    source: str | None = None,
) -> Card:
    mode = row.get("mode") or "chat"
    refuses = refused(provider, model_id, flags) if mode in ("chat", "completion", "responses") else frozenset()
    able = {ability for ability, flag in FLAGS.items() if flags.get(flag) and ASKED_BY.get(ability) not in refuses}
    return Card(
        name=name,
        litellm=f"{provider.litellm}/{model_id}",
        provider=provider.name,
        mode=mode,
        context_tokens=_tokens(row.get("max_input_tokens")),
        output_tokens=_tokens(row.get("max_output_tokens")),
        row=MappingProxyType(row),
        abilities=abilities | able | ({mode} & {"embedding", "rerank"}),
        refuses=refuses,
        free=provider.free and not any(row.get(price) for price in PRICES),
        retired_on=retired_on,
        successor=successor,
        source=source,
    )


def _tokens(count: Any) -> int | None:
    return int(count) if isinstance(count, int | float) and count > 0 else None


def _retired_on(row: Mapping[str, Any]) -> date | None:
    try:
        return date.fromisoformat(row.get("deprecation_date") or "")
    except (TypeError, ValueError):
        return None
