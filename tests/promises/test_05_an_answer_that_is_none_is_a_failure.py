"""Promise 5: an answer that is no answer is a failure: another model may answer, and what it cost is booked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestra import Cut, MultiModelAPI, RetiredModelWarning, RouterConfig, Unavailable
from orchestra.testing import Answer, Fault, Provider
from orchestra.testing.provider import Raw, ToolCall

KINDS: tuple[str, ...] = (
    "openai",
    "anthropic",
    "google",
    "groq",
    "mistral",
    "cohere",
    "perplexity",
    "together",
    "ollama",
    "vllm",
    "lm_studio",
)
NO_ANSWERS = (
    Fault.NO_CHOICES,
    Fault.NO_CONTENT,
    Fault.CUT,
    Fault.ERROR_IN_200,
    Fault.EMPTY_BODY,
    Fault.MALFORMED_JSON,
    Fault.HTML,
    Fault.DROP,
)
TOOL = {"type": "function", "function": {"name": "price", "parameters": {"type": "object", "properties": {}}}}

Client = Callable[..., MultiModelAPI]


async def read(api: MultiModelAPI, **options: Any) -> str:
    return "".join([chunk.text async for chunk in api.generate_stream("hello", **options)])


@pytest.mark.parametrize("fault", NO_ANSWERS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("kind", KINDS)
async def test_plain(provider: Provider, client: Client, kind: str, fault: Fault) -> None:
    """Nothing comes back as an answer, and what the provider generated is not booked as free."""
    provider.fail(fault)
    with pytest.raises(Unavailable) as caught:
        await client(router=None, max_retries=0).generate("hello", model=kind)
    (attempt,) = caught.value.journal
    assert attempt.error == "Unavailable"
    assert attempt.basis in ("usage", "counted", "reserved")


@pytest.mark.parametrize("fault", NO_ANSWERS, ids=lambda fault: fault.name)
@pytest.mark.parametrize("kind", KINDS)
async def test_streamed(provider: Provider, client: Client, kind: str, fault: Fault) -> None:
    """The same of a stream that has nothing in it."""
    provider.fail(fault)
    with pytest.raises(Unavailable) as caught:
        await read(client(router=None, max_retries=0), model=kind)
    (attempt,) = caught.value.journal
    assert attempt.basis in ("usage", "counted", "reserved")


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.DROP, Fault.ERROR_IN_200], ids=lambda fault: fault.name)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_that_breaks_after_it_began(provider: Provider, client: Client, kind: str, fault: Fault) -> None:
    """The reader has what came, then an error that says so; it is booked at its upper bound."""
    provider.fail(fault, after_chunks=2, answer=Answer("one two three four"))
    text = ""
    with pytest.raises(Cut) as caught:
        async for chunk in client(router=None, max_retries=3).generate_stream("hello", model=kind):
            text += chunk.text
    assert text == caught.value.text
    assert text
    assert "one two three four".startswith(text)
    (attempt,) = caught.value.journal
    assert attempt.basis == "reserved"


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", NO_ANSWERS, ids=lambda fault: fault.name)
@pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")
async def test_another_model_answers_instead(provider: Provider, client: Client, fault: Fault, streaming: bool) -> None:
    """A non-answer is a failure also for the fallback, and stays in the tree."""
    provider.on("openai").always(fault)
    api = client(router=RouterConfig(fallback_order=["mistral"]), max_retries=0)
    if streaming:
        stream = api.generate_stream("hello")
        assert "".join([chunk.text async for chunk in stream]) == "echo: hello"
        response = stream.response
    else:
        response = await api.generate("hello")
    assert response.name == "mistral"
    assert [attempt.success for attempt in response.attempts] == [False, True]
    assert response.note == "gpt-4o-mini failed; mistral answered"


async def test_a_redirect_page_is_no_answer(provider: Provider, client: Client) -> None:
    """A gateway between us and the provider may say anything."""
    provider.reply(Raw(b"", status=204), Raw(b'{"ok": true}', headers={"Content-Type": "application/json"}))
    api = client(router=None, max_retries=0)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await api.generate("hello", model="openai")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "perplexity"])
async def test_a_tool_call_without_text_is_an_answer(provider: Provider, client: Client, kind: str) -> None:
    """Null content is a failure only with nothing beside it."""
    provider.reply(Answer(tool_calls=(ToolCall("price", {}),)))
    response = await client(router=None, max_retries=0).generate("hello", model=kind, tools=[TOOL])
    assert response.text == ""
    assert response.success
    assert [call.function.name for call in response.tool_calls] == ["price"]


@pytest.mark.parametrize(
    "message",
    [{"refusal": "I will not."}, {"audio": {"id": "a", "data": "UklGRg==", "expires_at": 1, "transcript": "hi"}}],
    ids=["refusal", "audio"],
)
async def test_a_refusal_or_a_sound_without_text_is_an_answer(
    provider: Provider, client: Client, message: dict[str, Any]
) -> None:
    """What the model had to say is somewhere else than in the content."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": None, **message}}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    provider.reply(Raw(json.dumps(body).encode(), headers={"Content-Type": "application/json"}))
    response = await client(router=None, max_retries=0).generate("hello", model="openai")
    assert response.text == ""
    assert response.attempts[0].success


@pytest.mark.xfail(strict=True, reason="LiteLLM: drops the refusal of a stream")
async def test_a_streamed_refusal_is_an_answer(provider: Provider, client: Client) -> None:
    """In a stream it comes in deltas of its own."""
    head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas = [
        ({"role": "assistant", "content": None}, None),
        ({"refusal": "I will"}, None),
        ({"refusal": " not."}, None),
    ]
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        for delta, finish in [*deltas, ({}, "stop")]
    ]
    body = "".join(f"data: {part}\n\n" for part in [*map(json.dumps, chunks), "[DONE]"])
    provider.reply(Raw(body.encode(), headers={"Content-Type": "text/event-stream"}))
    assert await read(client(router=None, max_retries=0), model="openai") == ""


async def test_empty_text_cut_by_length_passes_but_is_no_success(provider: Provider, client: Client) -> None:
    """A model that spent its few tokens on thinking has answered, as far as it was let."""
    provider.reply(Answer("", finish_reason="length", output_tokens=16))
    response = await client(router=None, max_retries=0).generate("hello", model="openai", max_tokens=16)
    assert response.text == ""
    assert not response.success
    assert response.finish_reason == "length"


def test_the_warning_class_is_public() -> None:
    """It can be filtered by those who know that their models are retired."""
    assert issubclass(RetiredModelWarning, DeprecationWarning)
