"""Our own count of an answer, for where the provider's is missing or can't be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestra.llm.answers import text_of
from orchestra.types import Call, Usage

COUNTING_MODEL = "gpt-4o"
"""Its tokenizer ships with LiteLLM; others are fetched from the network."""

UNSEEN = ("audio", "images")
"""Parts of an answer that no tokenizer counts."""


def plausible(usage: Usage, raw: Any, call: Call) -> bool:
    """Whether the provider's count can be: something was read and, where something was said, something written."""
    if call == "rerank":
        return True
    return usage.input_tokens > 0 and (call == "embedding" or usage.output_tokens > 0 or not _said(raw))


def counted(litellm: Any, sent: Mapping[str, Any], raw: Any, call: Call, reported: Usage) -> Usage | None:
    """The tokens of a call, never fewer than were reported; `None` where a part of the answer can't be counted."""

    def count(text: str) -> int:
        return int(litellm.token_counter(model=COUNTING_MODEL, text=text)) if text else 0

    if call == "embedding":
        texts = sent.get("input") or ()
        inputs = sum(count(text) if isinstance(text, str) else len(text) for text in texts)
        return Usage(max(inputs, reported.input_tokens))
    if any(getattr(choice.message, part, None) for choice in raw.choices for part in UNSEEN):
        return None
    if any(isinstance(message.get("content"), list) and not _plain(message["content"]) for message in sent["messages"]):
        return None
    inputs = litellm.token_counter(model=COUNTING_MODEL, messages=sent["messages"], tools=sent.get("tools"))
    outputs = sum(count(text) for text in _said(raw))
    return Usage(max(inputs, reported.input_tokens), max(outputs, reported.output_tokens))


def _plain(parts: Sequence[Any]) -> bool:
    return all(isinstance(part, str) or part.get("type", "text") == "text" for part in parts)


def _said(raw: Any) -> list[str]:
    return [text for choice in raw.choices for text in _texts(choice.message)]


def _texts(message: Any) -> Iterator[str]:
    yield from filter(None, (text_of(message), getattr(message, "reasoning_content", None)))
    for call in getattr(message, "tool_calls", None) or ():
        yield json.dumps(call.model_dump(), default=str)
    yield from (str(part) for name in UNSEEN if (part := getattr(message, name, None)))
