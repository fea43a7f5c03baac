"""The provider of the benchmarks: what it bills, and a call that costs a tenth of a cent to the nano-dollar."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the benchmarks run from a checkout, installed or not

from orchestra.testing.provider import Answer, Record

MODEL = "openai/gpt-4o"
PROMPT = "What is the weather?"
"""20 bytes: with 4 for its role and 16 for the message, no tokenizer makes more than 40 tokens of it."""
MAX_TOKENS = 90
EXACT = Answer("Rain.", input_tokens=40, output_tokens=MAX_TOKENS, delay_s=0.02)
"""The most that the call can come to: 40 tokens at $2.50 and 90 at $10 a million are $0.001."""
CALL_USD = Decimal("0.001")

Prices = Mapping[str, Mapping[str, Any]]
"""Rows of USD per token by model, as in LiteLLM's map."""


def bill(record: Record, prices: Prices) -> Decimal:
    """What the provider counted for one request, in USD."""
    if not record.operation:
        return Decimal(0)
    row = prices.get(record.model) or prices[f"{record.provider}/{record.model}"]
    if record.operation == "rerank":
        return _rate(row, "input_cost_per_query") if record.status == 200 else Decimal(0)
    fresh = record.input_tokens - record.cached_tokens
    tokens = fresh * _rate(row, "input_cost_per_token") + record.output_tokens * _rate(row, "output_cost_per_token")
    return tokens + record.cached_tokens * _rate(row, "cache_read_input_token_cost")


def billed(records: Iterable[Record], prices: Prices) -> Decimal:
    """What the provider counted in all, in USD."""
    return sum((bill(record, prices) for record in records), Decimal(0))


def _rate(row: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(repr(float(row.get(name) or 0)))
