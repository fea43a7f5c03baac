"""Every provider of the spec over LiteLLM's real HTTP code: plain, streamed, with tools, async and sync."""

from __future__ import annotations

import json

import pytest

from orchestra import MultiModelAPI
from orchestra.testing import Answer, Provider
from orchestra.testing.provider import ToolCall

from .conftest import KINDS

WITHOUT_TOOLS = {"perplexity"}
EMBEDDING = [kind for kind in KINDS if kind in ("openai", "google", "mistral", "cohere", "vllm", "lm_studio", "ollama")]
TOOL = {
    "type": "function",
    "function": {
        "name": "price",
        "description": "The price of a product.",
        "parameters": {"type": "object", "properties": {"product": {"type": "string"}}, "required": ["product"]},
    },
}
ANSWER = Answer(text="The price is forty-nine.", input_tokens=21, output_tokens=9)


@pytest.mark.parametrize("caller", ["async", "sync"])
@pytest.mark.parametrize("kind", KINDS)
async def test_plain(api: MultiModelAPI, provider: Provider, kind: str, caller: str) -> None:
    """The text, the provider's own token count and the cost come back."""
    provider.reply(ANSWER)
    response = await api.generate("What does it cost?", kind) if caller == "async" else api.generate_sync("What?", kind)
    assert response.text == ANSWER.text
    assert (response.usage.input_tokens, response.usage.output_tokens) == (21, 9)
    assert response.cost_usd is not None
    assert (response.cost_usd == 0) is (kind in ("ollama", "vllm", "lm_studio"))
    assert response.attempts[0].basis == "usage"


@pytest.mark.parametrize("caller", ["async", "sync"])
@pytest.mark.parametrize("kind", KINDS)
async def test_stream(api: MultiModelAPI, provider: Provider, kind: str, caller: str) -> None:
    """The chunks make the text, and the stream's usage is the provider's wherever LiteLLM reads it."""
    provider.reply(ANSWER)
    if caller == "async":
        stream = api.generate_stream("What does it cost?", kind)
        chunks = [chunk async for chunk in stream]
        response = stream.response
    else:
        streamed = api.generate_stream_sync("What does it cost?", kind)
        chunks = list(streamed)
        response = streamed.response
    assert "".join(chunk.text for chunk in chunks) == response.text == ANSWER.text
    assert len(chunks) > 2
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]
    if kind == "cohere":
        assert response.attempts[0].basis == "counted"
    else:
        assert (response.usage.input_tokens, response.usage.output_tokens) == (21, 9)
    assert response.attempts[0].first_token_s is not None


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in WITHOUT_TOOLS])
async def test_tools(api: MultiModelAPI, provider: Provider, kind: str, streamed: bool) -> None:
    """A tool call comes back with its name and arguments, streamed or not."""
    provider.reply(Answer(tool_calls=[ToolCall("price", {"product": "lamp"})], input_tokens=30, output_tokens=5))
    if streamed:
        stream = api.generate_stream("What does the lamp cost?", kind, tools=[TOOL])
        async for _ in stream:
            pass
        response = stream.response
    else:
        response = await api.generate("What does the lamp cost?", kind, tools=[TOOL])
    (call,) = response.tool_calls
    assert call.function.name == "price"
    assert json.loads(call.function.arguments) == {"product": "lamp"}


@pytest.mark.parametrize("kind", EMBEDDING)
async def test_embeddings(api: MultiModelAPI, kind: str) -> None:
    """One vector for each text, and the call is counted."""
    response = await api.embed(["a lamp", "a chair"], f"{kind}:embedding")
    assert len(response.result) == 2
    assert all(isinstance(number, float) for number in response.result[0])
    assert len(response.attempts) == 1


async def test_rerank(api: MultiModelAPI) -> None:
    """The best document comes first, priced by the search."""
    response = await api.rerank("lamp", ["a chair", "a lamp"], "cohere:rerank")
    assert response.result[0]["index"] == 1
    assert response.cost_usd is not None
    assert response.cost_usd > 0


@pytest.mark.parametrize("kind", KINDS)
async def test_the_key_reaches_its_own_provider(api: MultiModelAPI, provider: Provider, kind: str) -> None:
    """The configured key is in the header that this provider reads."""
    await api.generate("hi", kind)
    headers = {name.lower(): value for name, value in provider.settled()[-1].headers.items()}
    sent = [headers.get(name, "") for name in ("authorization", "x-api-key", "x-goog-api-key")]
    assert any("canary-key" in value for value in sent)
