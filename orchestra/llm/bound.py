"""The most that one call can cost: an upper bound of its input, the dearest rate that can apply, a capped answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from orchestra.llm.cost import rounded_up
from orchestra.model_config import ModelConfig
from orchestra.types import Call, Usage

MESSAGE_TOKENS = 16
"""More than any chat template puts around one message."""

FIXED_TOKENS = 512
"""More than any provider adds to a call that has tools or a schema."""

IMAGE_TOKENS: Mapping[str, int] = {
    "openai": 48_200,
    "azure": 48_200,
    "anthropic": 5_000,
    "google": 5_200,
    "mistral": 4_200,
}
"""The most that one image can come to, whatever its size, by each provider's published formula."""

TIER = re.compile(r"_above_(\d+)k_tokens$")
RERANK_BATCH = 100


def most_usd(
    model: ModelConfig, sent: Mapping[str, Any], call: Call, input_tokens: int | None = None
) -> Decimal | None:
    """The most that the call can cost, in USD, rounded up once; `None` where that is not known.

    `sent` are the arguments of the call. `input_tokens` is an exact count; without one every byte of text counts as a
    token, which no byte-level tokenizer exceeds.
    """
    row = model.card.row
    if model.card.free:
        return Decimal(0)
    if call == "rerank":
        return _reranking(row, sent)
    if not row.get("input_cost_per_token"):
        return None
    inputs = input_bound(model, sent, call) if input_tokens is None else input_tokens
    if inputs is None:
        return None
    fixed = sum(_fees(row, sent), Decimal(0))
    cost = inputs * _dearest(row, ("input_cost_per_token", "cache_creation_input_token_cost"), inputs, sent) + fixed
    if call == "chat":
        cap = output_cap(sent)
        if cap is None or not row.get("output_cost_per_token"):
            return None
        rate = _dearest(row, ("output_cost_per_token", "output_cost_per_reasoning_token"), inputs, sent)
        cost += cap * int(sent.get("n") or 1) * rate
    return rounded_up(cost)


def most_of(model: ModelConfig, sent: Mapping[str, Any], call: Call, counted: Usage) -> Decimal | None:
    """The most that so many tokens can cost in this call, in USD; `None` where that is not known."""
    output = {"max_tokens": max(1, counted.output_tokens), "max_completion_tokens": None, "n": 1}
    return most_usd(model, {**sent, **output}, call, counted.input_tokens)


def input_bound(model: ModelConfig, sent: Mapping[str, Any], call: Call) -> int | None:
    """The most tokens that the input can have; `None` where a part of it has no bound (audio, video, files)."""
    if call == "embedding":
        texts = sent.get("input") or ()
        return sum(_size(text) + MESSAGE_TOKENS for text in ([texts] if isinstance(texts, str) else texts))
    messages: Sequence[Mapping[str, Any]] = sent.get("messages") or ()
    total = FIXED_TOKENS if any(sent.get(name) for name in ("tools", "functions", "response_format")) else 0
    for message in messages:
        total += MESSAGE_TOKENS
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            size = _part(part, model)
            if size is None:
                return None
            total += size
        rest = {name: value for name, value in message.items() if name != "content" or isinstance(value, str)}
        total += sum(_size(value) for value in rest.values() if value is not None)
    for name in ("tools", "functions", "response_format", "documents", "web_search_options"):
        total += _size(sent[name]) if sent.get(name) else 0
    return total


def output_cap(sent: Mapping[str, Any]) -> int | None:
    """The longest answer that was asked for, in tokens; `None` when nothing bounds it."""
    caps = [sent[name] for name in ("max_tokens", "max_completion_tokens") if sent.get(name)]
    return max(caps, default=None)


def _part(part: Any, model: ModelConfig) -> int | None:
    if isinstance(part, str):
        return _size(part)
    match part.get("type", "text"):
        case "text":
            return _size(part.get("text") or "")
        case "image_url" | "image" | "input_image":
            return IMAGE_TOKENS.get(model.provider)
        case "tool_result" | "tool_use" | "thinking":
            return _size(part)
        case _:
            return None


def _size(value: Any) -> int:
    """Bytes of a text, or of a thing as JSON; a pydantic class counts as its schema."""
    if isinstance(value, type) and hasattr(value, "model_json_schema"):
        value = value.model_json_schema()
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return len(text.encode("utf-8", "surrogatepass"))


def _dearest(row: Mapping[str, Any], names: tuple[str, ...], inputs: int, sent: Mapping[str, Any]) -> Decimal:
    """The dearest of the rates that can apply to a call of this size, in USD per token."""
    priority = sent.get("service_tier") in ("priority", "auto", "fast")
    rates = []
    for key, value in row.items():
        if not key.startswith(names) or not isinstance(value, (int, float)):
            continue
        tier = TIER.search(key.removesuffix("_priority").removesuffix("_flex"))
        if tier and inputs <= int(tier.group(1)) * 1000:
            continue
        if "_batches" in key or (key.endswith("_priority") and not priority):
            continue
        rates.append(Decimal(repr(float(value))))
    return max(rates, default=Decimal(0))


def _fees(row: Mapping[str, Any], sent: Mapping[str, Any]) -> Iterator[Decimal]:
    """What a call costs beside its tokens: a fee for each request, and for each search."""
    yield Decimal(repr(float(row.get("input_cost_per_request") or 0)))
    searches = row.get("search_context_cost_per_query")
    if isinstance(searches, Mapping) and (
        sent.get("web_search_options") or row.get("litellm_provider") == "perplexity"
    ):
        yield max((Decimal(repr(float(fee))) for fee in searches.values()), default=Decimal(0))


def _reranking(row: Mapping[str, Any], sent: Mapping[str, Any]) -> Decimal | None:
    per_query = row.get("input_cost_per_query")
    if per_query is None:
        return None
    documents = sent.get("documents") or ()
    long = sum(1 + _size(document) // 2_000 for document in documents)  # a long document counts as several
    return rounded_up(Decimal(repr(float(per_query))) * (1 + long // RERANK_BATCH))
