"""Streams that break, and what was billed for them."""

import asyncio
from importlib.metadata import version
from typing import Any

import litellm
import openai
import pytest

from orchestra.testing.provider import PROVIDERS, Answer, Fault, Provider

SINCE_1_106 = pytest.mark.skipif(
    tuple(map(int, version("litellm").split(".")[:2])) < (1, 106), reason="how LiteLLM behaves since 1.106"
)

SIX = Answer("one two three four five six", input_tokens=11)
UNBOUNDED = ("gemini",)
"""LiteLLM 1.106 has no read timeout on Gemini's streams."""
SWALLOWED = ("mistral", "cohere", "cohere_chat")
"""LiteLLM 1.106 reads over an error that these send in the midst of a stream."""


@pytest.mark.parametrize("after_chunks", [0, 2], ids=["before-the-first-token", "after-two"])
@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_dropped_stream(provider: Provider, client: Any, name: str, after_chunks: int) -> None:
    """The caller gets the text so far, and so much was billed."""
    provider.fail(Fault.DROP, after_chunks=after_chunks, answer=SIX)
    text, _ = await _read(client, name)
    assert text == ("one two " if after_chunks else "")
    (record,) = provider.settled()
    assert (record.input_tokens, record.output_tokens, record.chunks) == (11, after_chunks, after_chunks)


@SINCE_1_106
@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_dropped_stream_raises(provider: Provider, client: Any, name: str) -> None:
    """After the text so far comes an error."""
    provider.fail(Fault.DROP, after_chunks=2, answer=SIX)
    text, error = await _read(client, name)
    assert (text, isinstance(error, openai.APIError)) == ("one two ", True)


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_cleanly_cut_stream(provider: Provider, client: Any, name: str) -> None:
    """A stream that just ends is a success to LiteLLM, with the text so far."""
    provider.fail(Fault.CUT, after_chunks=2, answer=SIX)
    assert await _read(client, name) == ("one two ", None)
    assert provider.settled()[-1].output_tokens == 2


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name not in SWALLOWED])
@SINCE_1_106
async def test_an_error_event_in_a_stream(provider: Provider, client: Any, name: str) -> None:
    """An error amid the stream is raised after the text so far."""
    provider.fail(Fault.ERROR_IN_200, after_chunks=2, answer=SIX)
    text, error = await _read(client, name)
    assert (text, isinstance(error, openai.APIError)) == ("one two ", True)


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name not in UNBOUNDED])
async def test_a_stalled_stream(provider: Provider, client: Any, name: str) -> None:
    """A stream that stalls ends with the caller's timeout, and the stand-in sees the caller leave."""
    provider.fail(Fault.HANG, after_chunks=2, answer=SIX)
    text, error = await _read(client, name, timeout=0.2)
    assert (text, isinstance(error, openai.APIError)) == ("one two ", True)
    (record,) = await asyncio.to_thread(provider.settled)
    assert (record.closed_early, record.output_tokens) == (True, 2)


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_stream_without_content(provider: Provider, client: Any, name: str) -> None:
    """No content at all is a success to LiteLLM."""
    provider.fail(Fault.NO_CONTENT)
    assert await _read(client, name) == ("", None)


async def test_a_fault_that_never_gets_its_chunks_strikes_at_the_end(provider: Provider, client: Any) -> None:
    """A stream shorter than `after_chunks` breaks before its finish."""
    provider.fail(Fault.DROP, after_chunks=100, answer=SIX)
    text, _ = await _read(client, "openai")
    assert text == SIX.text
    assert provider.settled()[-1].output_tokens == 6


@pytest.mark.parametrize("name", ["openai", "groq", "cohere", "ollama_chat"])
async def test_a_reader_that_leaves_is_billed_what_was_generated(provider: Provider, client: Any, name: str) -> None:
    """Closing the stream stops the model: the books have fewer tokens than the answer."""
    provider.reply(Answer("word " * 1000, chunk_delay_s=0.01))
    wrapper = await client.ask(name, "async", stream=True, stream_options={"include_usage": True})
    async for chunk in wrapper:
        if chunk.choices[0].delta.content:
            break
    await wrapper.aclose()
    (record,) = await asyncio.to_thread(provider.settled)
    assert record.closed_early
    assert 1 <= record.output_tokens == record.chunks < 1000


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_cancelled_call_closes_its_connection(provider: Provider, client: Any, name: str) -> None:
    """The stand-in sees that the caller of a plain call is gone."""
    provider.fail(Fault.HANG)
    task = asyncio.create_task(client.ask(name, "async"))
    await asyncio.to_thread(provider.arrived, 1)
    assert provider.in_flight == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (record,) = await asyncio.to_thread(provider.settled)
    assert record.closed_early
    assert provider.in_flight == 0


async def test_usage_only_for_those_who_ask(provider: Provider, client: Any) -> None:
    """OpenAI's format has usage in a stream only if `include_usage` is on; Mistral's always."""
    asked: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    for name, parameters, reported in [
        ("openai", {"stream": True}, False),
        ("openai", asked, True),
        ("mistral", {"stream": True}, True),
    ]:
        provider.reply(SIX)
        chunks = [chunk async for chunk in await client.ask(name, "async", **parameters)]
        response: Any = litellm.stream_chunk_builder(chunks)
        usage = response.usage
        assert (usage.prompt_tokens == 11) is reported, name


async def _read(client: Any, name: str, **parameters: Any) -> tuple[str, Exception | None]:
    """The text that came, and the error that ended it."""
    text = ""
    try:
        wrapper = await client.ask(name, "async", stream=True, stream_options={"include_usage": True}, **parameters)
        async for chunk in wrapper:
            text += chunk.choices[0].delta.content or ""
    except openai.OpenAIError as error:
        return text, error
    return text, None
