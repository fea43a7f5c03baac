"""Each case is run as plain LiteLLM and as Orchestra against the same server, and what is seen is compared."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from orchestra.testing.provider import Answer, Citation, Reply, ToolCall

from .conftest import MODELS, Side
from .observing import IDS, WAYS, observed

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "look_up", "description": "…", "parameters": SCHEMA}}
TWO_CALLS = Answer(tool_calls=(ToolCall("look_up", {"city": "Oslo"}), ToolCall("look_up", {"city": "Rome"})))
DETAILED = Answer("four", input_tokens=40, cached_tokens=8, output_tokens=12, reasoning_tokens=3)
CITED = Answer("four, they say", citations=(Citation("https://example.org/four", "Four", 0, 4),))


class Place(BaseModel):
    city: str


CASES: dict[str, tuple[dict[str, Any], tuple[Reply, ...]]] = {
    "text": ({}, ()),
    "cut": ({"max_tokens": 2}, (Answer("one two three four"),)),
    "usage": ({"stream_options": {"include_usage": True}}, (DETAILED,)),
    "usage_unasked": ({}, (DETAILED,)),
    "tool": ({"tools": [TOOL]}, (Answer(tool_calls=(ToolCall("look_up", {"city": "Oslo"}),)),)),
    "parallel_tools": ({"tools": [TOOL]}, (TWO_CALLS,)),
    "json_mode": ({"response_format": {"type": "json_object"}}, (Answer('{"city": "Oslo"}'),)),
    "json_schema": ({"response_format": Place}, (Answer('{"city": "Oslo"}'),)),
    "citations": ({}, (CITED,)),
    "reasoning": ({}, (Answer("four", reasoning="two and two", reasoning_tokens=3),)),
    "two_answers": ({"n": 2}, ()),
    "empty_and_cut": ({"max_tokens": 1}, (Answer("", finish_reason="length"),)),
}
"""Arguments and the provider's answers."""

KINDS = ["anthropic", "google", "groq", "mistral", "cohere", "perplexity", "together", "ollama", "vllm", "lm_studio"]


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
@pytest.mark.parametrize("case", CASES)
async def test_the_same_is_seen(sides: tuple[Side, Side], case: str, how: str, stream: bool) -> None:
    """Text, tool calls, usage, finish reason, cost, and what reached upstream."""
    options, replies = CASES[case]
    if not stream:
        options = {name: value for name, value in options.items() if name != "stream_options"}
    theirs, ours = [await observed(side, how, "openai", replies, stream=stream, **options) for side in sides]
    assert ours == theirs


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_is_seen_of_every_provider(sides: tuple[Side, Side], kind: str, how: str, stream: bool) -> None:
    """In each provider's own format, with the tokens that it counts."""
    options = {"max_tokens": 20, **({"stream_options": {"include_usage": True}} if stream else {})}
    theirs, ours = [await observed(side, how, kind, (DETAILED,), stream=stream, **options) for side in sides]
    assert ours == expected(theirs, ours)


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("perplexity", "cohere")])
async def test_the_same_tools_are_seen_of_every_provider(
    sides: tuple[Side, Side], kind: str, how: str, stream: bool
) -> None:
    """Two calls at once, in each provider's own format."""
    options = {"max_tokens": 20, "tools": [TOOL]}
    theirs, ours = [await observed(side, how, kind, (TWO_CALLS,), stream=stream, **options) for side in sides]
    assert ours == expected(theirs, ours)


def expected(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """What is seen of LiteLLM alone, but for what it does not know: a model's price, and one id for a stream."""
    better: dict[str, Any] = {"ids": 1} if "ids" in theirs else {}
    if theirs.get("cost", 0) is None:  # not in the map of LiteLLM 1.90
        better["cost"] = ours["cost"]
    return {**theirs, **better}


def test_every_provider_is_compared() -> None:
    """No provider of the spec is left out."""
    assert {"openai", *KINDS} == set(MODELS)
