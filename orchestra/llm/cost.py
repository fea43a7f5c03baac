"""What an answer cost, by LiteLLM's own calculation (caching, tiers, reasoning tokens)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Context, Decimal
from hashlib import blake2b
from typing import Any

from orchestra.model_config import ModelConfig
from orchestra.types import Call, Usage

NANO = Decimal("1e-9")
TIER = re.compile(r"\w+_above_(\d+)k_tokens")
WIDE = Context(prec=60, rounding=ROUND_CEILING)
"""Room for what a provider may claim."""
CALL_TYPES: dict[Call, str] = {"chat": "acompletion", "embedding": "aembedding", "rerank": "arerank"}


def cost_of(litellm: Any, raw: Any, usage: Usage, model: ModelConfig, call: Call) -> Decimal | None:
    """The cost in USD, rounded up once to a nano-dollar; `None` where the price is not known.

    LiteLLM reckons in floats: what is beyond their twelfth digit is noise, and is not rounded up to a nano-dollar.
    The row that priced it is the catalogue's: LiteLLM's where the two agree, the catalogue's own rates where it
    knows better (retired models, prices of the user's own).
    """
    card = model.card
    if card.free:
        return Decimal(0)
    row = card.row
    if call == "rerank" and row.get("input_cost_per_query"):
        return rounded_up(_rate(row, "input_cost_per_query") * _searches(raw))
    if call != "rerank" and not (row.get("input_cost_per_token") or row.get("output_cost_per_token")):
        return None
    if not _same(litellm, model):
        return by_rates(row, usage)
    cost = _reckoned(raw)
    if cost is None:  # a stream, put together by us
        try:
            cost = litellm.completion_cost(
                completion_response=raw,
                model=model.model,
                custom_llm_provider=model.model.partition("/")[0],
                call_type=CALL_TYPES[call],
            )
        except Exception:  # noqa: BLE001  # LiteLLM raises a bare one for what it can't price
            return by_rates(row, usage)
    return rounded_up(Decimal(f"{cost:.12g}")) if cost > 0 else None


def fingerprint(row: Mapping[str, Any]) -> str:
    """A short hash of the prices of a row: which prices a call was reckoned at."""
    prices = {key: value for key, value in row.items() if "cost" in key}
    return blake2b(json.dumps(prices, sort_keys=True, default=str).encode(), digest_size=6).hexdigest()


def rounded_up(amount: Decimal) -> Decimal:
    return amount.quantize(NANO, context=WIDE)


def _reckoned(raw: Any) -> float | None:
    """What LiteLLM has already reckoned for a response of its own."""
    hidden = getattr(raw, "_hidden_params", None)
    cost = hidden.get("response_cost") if isinstance(hidden, Mapping) else None
    return cost if isinstance(cost, float) and cost > 0 else None


def _same(litellm: Any, model: ModelConfig) -> bool:
    """LiteLLM's live row is the one that the catalogue holds."""
    known = litellm.model_cost
    theirs = known.get(model.model) or known.get(model.model.partition("/")[2])
    rates = ("input_cost_per_token", "output_cost_per_token")
    return theirs is not None and all(theirs.get(rate) == model.card.row.get(rate) for rate in rates)


def by_rates(row: Mapping[str, Any], usage: Usage) -> Decimal | None:
    """Tokens times the rates of a row, at the tier of this input; `None` where it has none."""
    if row.get("input_cost_per_token") is None and row.get("output_cost_per_token") is None:
        return None
    per_input = _tiered(row, "input_cost_per_token", usage.input_tokens)
    cached = row.get("cache_read_input_token_cost") is not None
    per_cached = _tiered(row, "cache_read_input_token_cost", usage.input_tokens) if cached else per_input
    per_output = _tiered(row, "output_cost_per_token", usage.input_tokens)
    fresh = max(0, usage.input_tokens - usage.cached_tokens)
    tokens = fresh * per_input + usage.cached_tokens * per_cached + usage.output_tokens * per_output
    return rounded_up(tokens + _rate(row, "input_cost_per_request"))


def _tiered(row: Mapping[str, Any], name: str, input_tokens: int) -> Decimal:
    """The rate for an input of this size: that of the highest tier that it is above."""
    tiers = [
        (int(tier.group(1)), key) for key in row if (tier := TIER.fullmatch(key)) and key.startswith(f"{name}_above")
    ]
    reached = [tier for tier in tiers if input_tokens > tier[0] * 1000]
    return _rate(row, max(reached)[1] if reached else name)


def _rate(row: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(repr(float(row.get(name) or 0)))


def _searches(raw: Any) -> int:
    """How many searches a reranking was billed as."""
    meta = getattr(raw, "meta", None) or {}
    return int((meta.get("billed_units") or {}).get("search_units") or 1)
