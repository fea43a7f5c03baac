"""Every provider, driven through LiteLLM's real HTTP code: plain, stream, tools, streamed tools; sync and async."""

import json
from typing import Any

import litellm
import pytest
from litellm.exceptions import BadRequestError

from orchestra.testing.provider import PROVIDERS, Answer, Citation, Provider, Record, ToolCall

MODES = ("sync", "async")
WITH_TOOLS = [name for name in PROVIDERS if name != "perplexity"]
STREAMED_USAGE = [name for name in PROVIDERS if not name.startswith("cohere")]
"""LiteLLM 1.106 reads neither usage nor tool calls nor finish reason from Cohere's stream."""
STREAMED_TOOLS = [name for name in STREAMED_USAGE if name not in ("perplexity", "ollama")]
"""Of Ollama's `generate` LiteLLM streams the tool call as the text that it is."""

ANSWER = Answer("one two three", input_tokens=11, output_tokens=7)
PARIS = Answer(tool_calls=(ToolCall("weather", {"city": "Paris, France"}),))
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PROVIDERS)
async def test_plain(provider: Provider, client: Any, name: str, mode: str) -> None:
    """Text, finish reason and usage arrive, and the books say the same."""
    provider.reply(ANSWER)
    response = await client.ask(name, mode)
    assert response.choices[0].message.content == "one two three"
    assert response.choices[0].finish_reason == "stop"
    assert _usage(response) == _billed(provider.calls[-1]) == (11, 7)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", PROVIDERS)
async def test_stream(provider: Provider, client: Any, name: str, mode: str) -> None:
    """The text arrives word by word, and each word was billed."""
    provider.reply(ANSWER)
    chunks = await client.stream(name, mode)
    assert [text for chunk in chunks if (text := chunk.choices[0].delta.content)] == ["one ", "two ", "three"]
    record = provider.settled()[-1]
    assert (record.stream, record.chunks, _billed(record)) == (True, 3, (11, 7))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STREAMED_USAGE)
async def test_stream_reports_usage(provider: Provider, client: Any, name: str, mode: str) -> None:
    """A stream's usage is the provider's own count."""
    provider.reply(ANSWER)
    response: Any = litellm.stream_chunk_builder(await client.stream(name, mode))
    assert _usage(response) == (11, 7)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WITH_TOOLS)
async def test_tools(provider: Provider, client: Any, name: str, mode: str) -> None:
    """A tool call arrives with its arguments."""
    provider.reply(PARIS)
    response = await client.ask(name, mode, tools=[WEATHER])
    assert _tool_calls(response) == [("weather", {"city": "Paris, France"})]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", STREAMED_TOOLS)
async def test_streamed_tools(provider: Provider, client: Any, name: str, mode: str) -> None:
    """A tool call arrives in pieces that make up the same call."""
    provider.reply(PARIS)
    response: Any = litellm.stream_chunk_builder(await client.stream(name, mode, tools=[WEATHER]))
    assert _tool_calls(response) == [("weather", {"city": "Paris, France"})]


async def test_perplexity_has_no_tools(client: Any) -> None:
    """Tools that get past LiteLLM are refused by the stand-in."""
    with pytest.raises(BadRequestError, match="Tool calling is not supported"):
        await client.ask("perplexity", "async", tools=[WEATHER], allowed_openai_params=["tools"])


@pytest.mark.parametrize("name", [name for name in WITH_TOOLS if not name.startswith("ollama")])
async def test_two_tool_calls_stay_apart(provider: Provider, client: Any, name: str) -> None:
    """Parallel tool calls arrive as two."""
    provider.reply(Answer(tool_calls=(ToolCall("weather", {"city": "Paris"}), ToolCall("weather", {"city": "Rome"}))))
    response = await client.ask(name, "async", tools=[WEATHER])
    assert [arguments["city"] for _, arguments in _tool_calls(response)] == ["Paris", "Rome"]


@pytest.mark.parametrize("name", [name for name in WITH_TOOLS if not name.startswith(("ollama", "cohere"))])
async def test_a_demanded_tool_call_is_made(client: Any, name: str) -> None:
    """With `tool_choice` required and no script, the tool is called with arguments that fit."""
    response = await client.ask(name, "async", tools=[WEATHER], tool_choice="required")
    assert _tool_calls(response) == [("weather", {"city": "example"})]


@pytest.mark.parametrize("name", [name for name in PROVIDERS if not name.startswith("cohere")])
async def test_json_schema(client: Any, name: str) -> None:
    """With a JSON schema and no script, the answer fits the schema."""
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
        "required": ["city", "degrees"],
        "additionalProperties": False,
    }
    response_format = {"type": "json_schema", "json_schema": {"name": "weather", "schema": schema, "strict": True}}
    response = await client.ask(name, "async", response_format=response_format)
    assert json.loads(response.choices[0].message.content) == {"city": "example", "degrees": 1}


@pytest.mark.parametrize(
    "name", [name for name in PROVIDERS if not name.startswith(("cohere", "ollama", "perplexity"))]
)
@pytest.mark.parametrize("mode", ["plain", "stream"])
async def test_cached_and_reasoning_tokens(provider: Provider, client: Any, name: str, mode: str) -> None:
    """Usage tells what was cached and what was thought, in the provider's own fields."""
    answer = Answer("yes", reasoning="let me think", input_tokens=100, output_tokens=20, cached_tokens=40)
    provider.reply(answer)
    chunks = await client.stream(name, "async") if mode == "stream" else None
    response: Any = litellm.stream_chunk_builder(chunks) if chunks else await client.ask(name, "async")
    assert _usage(response) == (100, 20)
    assert response.usage.prompt_tokens_details.cached_tokens == 40
    assert response.usage.completion_tokens_details.reasoning_tokens == 3


@pytest.mark.parametrize(
    "name", ["anthropic", "gemini", "groq", "together_ai", "hosted_vllm", "lm_studio", "ollama_chat"]
)
async def test_reasoning_is_streamed(provider: Provider, client: Any, name: str) -> None:
    """Where a provider shows the reasoning, it is streamed before the text."""
    provider.reply(Answer("yes", reasoning="let me think"))
    deltas = [chunk.choices[0].delta for chunk in await client.stream(name, "async")]
    thoughts = [getattr(delta, "reasoning_content", None) for delta in deltas]
    assert "".join(filter(None, thoughts)) == "let me think"
    assert [bool(thought) for thought in thoughts].index(True) < [delta.content for delta in deltas].index("yes")


@pytest.mark.parametrize("name", ["openai", "gemini", "cohere"])
async def test_citations_become_annotations(provider: Provider, client: Any, name: str) -> None:
    """Citations arrive with their place in the text, whatever the provider calls them."""
    provider.reply(Answer("Paris is nice", citations=(Citation("http://source.test", "A source", 0, 5),)))
    response = await client.ask(name, "async")
    cited = response.choices[0].message.annotations[0]["url_citation"]
    assert (cited["title"], cited["start_index"], cited["end_index"]) == ("A source", 0, 5)


@pytest.mark.parametrize("name", ["openai", "gemini"])
async def test_citations_are_streamed(provider: Provider, client: Any, name: str) -> None:
    """They arrive in streams too."""
    provider.reply(Answer("Paris is nice", citations=(Citation("http://source.test", "A source", 0, 5),)))
    response: Any = litellm.stream_chunk_builder(await client.stream(name, "async"))
    assert response.choices[0].message.annotations[0]["url_citation"]["url"] == "http://source.test"


async def test_perplexity_cites_in_its_own_way(provider: Provider, client: Any) -> None:
    """Perplexity lists addresses and search results beside the choices, in each chunk too."""
    answer = Answer("Paris is nice", citations=(Citation("http://source.test", "A source"),))
    provider.reply(answer, answer)
    response = await client.ask("perplexity", "async")
    assert response.citations == ["http://source.test"]
    assert response.search_results[0]["title"] == "A source"
    assert (await client.stream("perplexity", "async"))[0].citations == ["http://source.test"]


def _usage(response: Any) -> tuple[int, int]:
    return response.usage.prompt_tokens, response.usage.completion_tokens


def _billed(record: Record) -> tuple[int, int]:
    return record.input_tokens, record.output_tokens


def _tool_calls(response: Any) -> list[tuple[str, Any]]:
    calls = response.choices[0].message.tool_calls or []
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]
