"""Promise 8: everything that LiteLLM takes passes through; what it returns comes back as its own types."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from orchestra import MultiModelAPI
from orchestra.testing import Answer, Provider
from orchestra.testing.provider import ToolCall

Client = Callable[..., MultiModelAPI]

MODELS = {
    "openai": "openai/gpt-4o-mini",
    "anthropic": "anthropic/claude-haiku-5-5",
    "google": "gemini/gemini-2.5-flash-lite",
    "groq": "groq/openai/gpt-oss-20b",
    "mistral": "mistral/mistral-small-latest",
    "cohere": "cohere/command-r7b-12-2024",
    "perplexity": "perplexity/sonar",
    "together": "together_ai/openai/gpt-oss-120b",
    "ollama": "ollama_chat/llama3",
    "vllm": "hosted_vllm/qwen",
    "lm_studio": "lm_studio/qwen",
}
"""A LiteLLM id at each provider: the same for LiteLLM and for us."""

BLIND = ("groq", "together")

PIXEL = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"price": {"type": "string"}}, "required": ["price"]}
TOOL = {"type": "function", "function": {"name": "look_up", "description": "…", "parameters": SCHEMA}}
HELLO = [{"role": "user", "content": "hello"}]
PICTURE = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
LOOKED_UP = [{"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}]
CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": PICTURE},
    {"role": "assistant", "content": None, "tool_calls": LOOKED_UP},
    {"role": "tool", "tool_call_id": "call_1", "content": "a pixel"},
]


class Price(BaseModel):
    price: str


OPENAI: dict[str, dict[str, Any]] = {
    "nothing": {},
    "temperature": {"temperature": 0.3},
    "top_p": {"top_p": 0.9},
    "max_tokens": {"max_tokens": 17},
    "max_completion_tokens": {"max_completion_tokens": 17},
    "stop": {"stop": ["END", "STOP"]},
    "seed": {"seed": 7},
    "n": {"n": 2},
    "user": {"user": "user-1"},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "logit_bias": {"logit_bias": {"50256": -100}},
    "penalties": {"presence_penalty": 0.1, "frequency_penalty": 0.2},
    "tools": {"tools": [TOOL]},
    "tool_choice": {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "look_up"}}},
    "parallel_tool_calls": {"tools": [TOOL], "parallel_tool_calls": False},
    "json_mode": {"response_format": {"type": "json_object"}},
    "json_schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}}},
    "pydantic": {"response_format": Price},
    "images_and_tool_results": {"messages": CONVERSATION, "tools": [TOOL]},
    "service_tier": {"service_tier": "flex"},
    "store": {"store": True},
    "prediction": {"prediction": {"type": "content", "content": "x"}},
    "modalities": {"modalities": ["text"]},
    "extra_body": {"extra_body": {"prompt_cache_key": "k"}},
    "extra_headers": {"extra_headers": {"X-Trace": "t-1"}},
    "web_search_options": {"web_search_options": {"search_context_size": "low"}},
    "nones": {"temperature": None, "tools": None, "stop": None},
}
"""Arguments of LiteLLM for a model of OpenAI's that takes them all."""

REASONING: dict[str, dict[str, Any]] = {
    "reasoning_effort": {"reasoning_effort": "low"},
    "verbosity": {"verbosity": "low"},
}


async def wire(provider: Provider, call: Callable[[], Any]) -> tuple[Any, dict[str, str]]:
    """Body and headers that a call put on the wire; what differs from call to call is left out of the headers."""
    before = len(provider.calls)
    await call()
    (record,) = [record for record in provider.calls[before:] if record.operation]
    passing = ("host", "content-length", "x-stainless-", "date")
    return record.body, {name: value for name, value in record.headers.items() if not name.startswith(passing)}


def base(provider: Provider, kind: str) -> str:
    """The `api_base` that plain LiteLLM wants."""
    return provider.api_base(MODELS[kind].partition("/")[0])


async def plain(provider: Provider, kind: str, streaming: bool, **given: Any) -> tuple[Any, dict[str, str]]:
    """What plain LiteLLM sends."""
    import litellm

    async def call() -> None:
        options = {"messages": HELLO, **given}
        # Without these two LiteLLM retries by itself and, in 1.106, can't call tools; neither reaches the wire.
        quiet = {"max_retries": 0, "_skip_mcp_handler": True, **({"stream": True} if streaming else {})}
        where = {"api_base": base(provider, kind), "api_key": "sk-test"}
        answer = await litellm.acompletion(model=MODELS[kind], **where, **quiet, **options)
        if streaming:
            [chunk async for chunk in answer]

    return await wire(provider, call)


async def ours(api: MultiModelAPI, provider: Provider, kind: str, streaming: bool, **given: Any) -> Any:
    """What goes over the wire when we are asked for the same."""

    async def call() -> None:
        options = {"messages": HELLO, **given}
        if streaming:
            [chunk async for chunk in api.generate_stream(model=MODELS[kind], **options)]
        else:
            await api.generate(model=MODELS[kind], **options)

    return await wire(provider, call)


def conversation(kind: str) -> list[dict[str, Any]]:
    """Tool calls and results, with a picture where the model can see."""
    start, _, *rest = copy.deepcopy(CONVERSATION)
    return [start, {"role": "user", "content": HELLO[0]["content"] if kind in BLIND else copy.deepcopy(PICTURE)}, *rest]


def without_usage(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body without the one thing that we may add: that a stream reports its usage."""
    options = {name: value for name, value in (body.get("stream_options") or {}).items() if name != "include_usage"}
    rest = {name: value for name, value in body.items() if name != "stream_options"}
    return rest | ({"stream_options": options} if options else {})


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("given", OPENAI.values(), ids=OPENAI)
async def test_the_wire_is_litellms(provider: Provider, client: Client, given: dict[str, Any], streaming: bool) -> None:
    """Body and headers are those of plain LiteLLM, but for the usage of streams."""
    body, headers = await plain(provider, "openai", streaming, **given)
    our_body, our_headers = await ours(client(router=None), provider, "openai", streaming, **given)
    assert without_usage(our_body) == without_usage(body)
    assert our_headers == headers
    assert ("stream_options" in our_body) == streaming


@pytest.mark.parametrize("given", REASONING.values(), ids=REASONING)
async def test_the_wire_of_a_reasoning_model(provider: Provider, client: Client, given: dict[str, Any]) -> None:
    """Parameters that only some models know."""
    import litellm

    async def call() -> None:
        where = {"api_base": base(provider, "openai"), "api_key": "sk-test", "max_retries": 0}
        await litellm.acompletion(model="openai/gpt-5-nano", messages=HELLO, **where, **given)

    api = client(router=None)
    body, _ = await wire(provider, call)
    our_body, _ = await wire(provider, lambda: api.generate("hello", model="openai/gpt-5-nano", **given))
    assert our_body == body
    assert given.items() <= our_body.items()


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("kind", MODELS)
async def test_the_wire_of_every_provider(provider: Provider, client: Client, kind: str, streaming: bool) -> None:
    """The same in each provider's own format."""
    given: dict[str, Any] = {"max_tokens": 17, "temperature": 0.2} if kind != "anthropic" else {"max_tokens": 17}
    body, headers = await plain(provider, kind, streaming, **given)
    our_body, our_headers = await ours(client(router=None), provider, kind, streaming, **given)
    assert without_usage(our_body) == without_usage(body)
    assert our_headers == headers


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind not in ("perplexity", "cohere")])
async def test_tools_on_the_wire_of_every_provider(provider: Provider, client: Client, kind: str) -> None:
    """Tools, a forced choice, and the results of earlier calls."""
    given: dict[str, Any] = {"messages": conversation(kind), "tools": [TOOL], "max_tokens": 17}
    body, _ = await plain(provider, kind, False, **copy.deepcopy(given))
    our_body, _ = await ours(client(router=None), provider, kind, False, **given)
    assert our_body == body


async def test_an_unknown_keyword_passes(provider: Provider, client: Client) -> None:
    """What we have never heard of is LiteLLM's to judge, and the provider's."""
    body, _ = await plain(provider, "vllm", False, guided_choice=["a", "b"])
    our_body, _ = await ours(client(router=None), provider, "vllm", False, guided_choice=["a", "b"])
    assert our_body == body
    assert our_body["guided_choice"] == ["a", "b"]


async def test_a_stream_whose_reader_asked_for_usage_has_it(provider: Provider, client: Client) -> None:
    """And one whose reader did not ask is not shown it."""
    api = client(router=None)
    for asked in (True, False):
        options = {"stream_options": {"include_usage": True}} if asked else {}
        chunks = [chunk.raw async for chunk in api.generate_stream("hello", model="openai", **options)]
        assert any(getattr(raw, "usage", None) is not None for raw in chunks if raw is not None) is asked


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("kind", MODELS)
async def test_the_callers_containers_are_never_written_to(
    provider: Provider, client: Client, kind: str, streaming: bool
) -> None:
    """LiteLLM edits nested dicts; those of the caller stay as they are."""
    given: dict[str, Any] = {
        "messages": copy.deepcopy(HELLO),
        "metadata": {"trace": {"id": "t"}},
        "extra_headers": {"X-Trace": "t-1"},
        "stop": ["END"],
    }
    if kind not in ("perplexity", "cohere"):
        given |= {"tools": [copy.deepcopy(TOOL)], "messages": conversation(kind)}
    if kind == "perplexity":
        del given["stop"]
    before = copy.deepcopy(given)
    api = client(router=None)
    if streaming:
        [chunk async for chunk in api.generate_stream(model=MODELS[kind], **given)]
    else:
        await api.generate(model=MODELS[kind], **given)
    assert given == before


async def test_raw_is_litellms_own(provider: Provider, client: Client) -> None:
    """Response, chunks, embeddings and ranking: the classes of LiteLLM, not look-alikes."""
    import litellm
    from litellm.types.rerank import RerankResponse
    from litellm.types.utils import EmbeddingResponse

    api = client(router=None)
    assert type((await api.generate("hello", model="openai")).raw) is litellm.ModelResponse
    stream = api.generate_stream("hello", model="openai")
    chunks = [chunk async for chunk in stream]
    assert {type(chunk.raw) for chunk in chunks if chunk.text} == {litellm.ModelResponseStream}
    assert type(stream.response.raw) is litellm.ModelResponse
    assert type((await api.embed(["a"], "openai:embedding")).raw) is EmbeddingResponse
    assert type((await api.rerank("a", ["b"], "cohere:rerank")).raw) is RerankResponse


async def test_what_comes_back_is_what_litellm_gives(provider: Provider, client: Client) -> None:
    """The dump of the raw response is that of plain LiteLLM's, tool calls and cached tokens included."""
    import litellm

    answer = Answer(
        tool_calls=(ToolCall("look_up", {"price": "$1"}), ToolCall("look_up", {"price": "$2"})),
        reasoning_tokens=3,
        input_tokens=20,
        cached_tokens=8,
        output_tokens=30,
    )
    provider.reply(answer, answer)
    where = {"api_base": base(provider, "openai"), "api_key": "sk-test", "max_retries": 0, "_skip_mcp_handler": True}
    theirs = await litellm.acompletion(model=MODELS["openai"], messages=HELLO, tools=[TOOL], **where)
    response = await client(router=None).generate("hello", model=MODELS["openai"], tools=[TOOL])
    differing = ("id", "created")
    assert _dumped(response.raw, differing) == _dumped(theirs, differing)
    assert [json.loads(call.function.arguments) for call in response.tool_calls] == [{"price": "$1"}, {"price": "$2"}]
    assert (response.usage.cached_tokens, response.usage.reasoning_tokens) == (8, 3)


def _dumped(raw: Any, differing: tuple[str, ...]) -> str:
    data = {name: value for name, value in raw.model_dump().items() if name not in differing}
    for choice in data["choices"]:
        for call in choice["message"]["tool_calls"]:
            del call["id"]
    return json.dumps(data, default=str)
