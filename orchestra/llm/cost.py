"""What an answer cost, by LiteLLM's own calculation (caching, tiers, reasoning tokens)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from orchestra.model_config import ModelConfig
from orchestra.types import Call, Usage

NANO = Decimal("1e-9")
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
    if call != "rerank" and not (row.get("input_cost_per_token") or row.get("output_cost_per_token")):
        return None
    if not _same(litellm, model):
        return by_rates(row, usage)
    try:
        cost = litellm.completion_cost(
            completion_response=raw,
            model=model.model,
            custom_llm_provider=model.model.partition("/")[0],
            call_type=CALL_TYPES[call],
        )
    except (litellm.exceptions.ModelNotMappedError, litellm.exceptions.BadRequestError, ValueError, KeyError):
        return by_rates(row, usage)
    return rounded_up(Decimal(f"{cost:.12g}")) if cost or not usage.total_tokens else None


def rounded_up(amount: Decimal) -> Decimal:
    return amount.quantize(NANO, rounding=ROUND_CEILING)


def _same(litellm: Any, model: ModelConfig) -> bool:
    """LiteLLM's live row is the one that the catalogue holds."""
    known = litellm.model_cost
    theirs = known.get(model.model) or known.get(model.model.partition("/")[2])
    rates = ("input_cost_per_token", "output_cost_per_token")
    return theirs is not None and all(theirs.get(rate) == model.card.row.get(rate) for rate in rates)


def by_rates(row: Mapping[str, Any], usage: Usage) -> Decimal | None:
    """Tokens times the rates of a row, tiers aside; `None` where it has none."""
    if row.get("input_cost_per_token") is None and row.get("output_cost_per_token") is None:
        return None

    def rate(name: str, default: Decimal) -> Decimal:
        value = row.get(name)
        return default if value is None else Decimal(repr(float(value)))

    per_input = rate("input_cost_per_token", Decimal(0))
    per_cached = rate("cache_read_input_token_cost", per_input)
    per_output = rate("output_cost_per_token", Decimal(0))
    fresh = usage.input_tokens - usage.cached_tokens
    fixed = rate("input_cost_per_request", Decimal(0))
    return rounded_up(fresh * per_input + usage.cached_tokens * per_cached + usage.output_tokens * per_output + fixed)
