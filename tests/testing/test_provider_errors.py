"""What LiteLLM makes of each provider's errors and spoilt answers."""

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, TypeAlias

import openai
import pytest
from litellm import exceptions

from orchestra.testing.provider import PROVIDERS, STATUS, Answer, Fault, Provider

SINCE_1_106 = pytest.mark.skipif(
    tuple(map(int, version("litellm").split(".")[:2])) < (1, 106), reason="how LiteLLM behaves since 1.106"
)

Errors: TypeAlias = Mapping[Fault, type[Exception]]

USUAL: Errors = {
    Fault.CONTEXT_WINDOW: exceptions.ContextWindowExceededError,
    Fault.CONTENT_POLICY: exceptions.ContentPolicyViolationError,
    Fault.BAD_REQUEST: exceptions.BadRequestError,
    Fault.UNAUTHORIZED: exceptions.AuthenticationError,
    Fault.FORBIDDEN: exceptions.APIError,
    Fault.NOT_FOUND: exceptions.NotFoundError,
    Fault.RATE_LIMITED: exceptions.RateLimitError,
    Fault.SERVER_ERROR: exceptions.InternalServerError,
    Fault.UNAVAILABLE: exceptions.ServiceUnavailableError,
}
OLLAMA: Errors = {
    Fault.CONTEXT_WINDOW: exceptions.BadRequestError,
    Fault.CONTENT_POLICY: exceptions.BadRequestError,
    Fault.FORBIDDEN: exceptions.PermissionDeniedError,
}
COHERE: Errors = {Fault.CONTENT_POLICY: exceptions.BadRequestError, Fault.FORBIDDEN: exceptions.PermissionDeniedError}
NO_POLICY_WORDS: Errors = {Fault.CONTENT_POLICY: exceptions.BadRequestError}
UNUSUAL: Mapping[str, Errors] = {
    "anthropic": {
        Fault.FORBIDDEN: exceptions.PermissionDeniedError,
        Fault.UNAVAILABLE: exceptions.InternalServerError,
    },
    "gemini": {Fault.FORBIDDEN: exceptions.BadRequestError, Fault.UNAVAILABLE: exceptions.InternalServerError},
    "cohere": COHERE,
    "cohere_chat": COHERE,
    "ollama": OLLAMA,
    "ollama_chat": OLLAMA,
    "perplexity": NO_POLICY_WORDS,
    "hosted_vllm": NO_POLICY_WORDS,
    "lm_studio": NO_POLICY_WORDS,
}
"""Where LiteLLM 1.106 knows a provider's error by another class than usual."""

UNREADABLE = (Fault.MALFORMED_JSON, Fault.HTML, Fault.EMPTY_BODY, Fault.CUT, Fault.DROP)


@pytest.mark.parametrize("fault", STATUS, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("name", PROVIDERS)
@SINCE_1_106
async def test_an_error_is_known_by_its_words(provider: Provider, client: Any, name: str, fault: Fault) -> None:
    """LiteLLM maps the provider's own error to a class."""
    provider.fail(fault)
    with pytest.raises(openai.APIError) as caught:
        await client.ask(name, "async")
    assert type(caught.value) is UNUSUAL.get(name, {}).get(fault, USUAL[fault])


@pytest.mark.parametrize("fault", STATUS, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini", "cohere", "ollama_chat"])
async def test_an_error_is_not_billed(provider: Provider, client: Any, name: str, fault: Fault) -> None:
    """The call fails with the provider's status, and costs nothing."""
    provider.fail(fault)
    with pytest.raises(openai.APIError):
        await client.ask(name, "async")
    (record,) = provider.calls
    assert (record.status, record.input_tokens, record.output_tokens) == (_status(name, fault), 0, 0)


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "gemini"])
@SINCE_1_106
async def test_an_error_of_a_stream_comes_before_it(provider: Provider, client: Any, name: str) -> None:
    """An HTTP error is raised from the call that opens the stream."""
    provider.fail(Fault.RATE_LIMITED)
    with pytest.raises(exceptions.RateLimitError):
        await client.ask(name, "async", stream=True)


@SINCE_1_106
async def test_an_error_of_geminis_stream_comes_with_the_first_read(provider: Provider, client: Any) -> None:
    """LiteLLM opens Gemini's stream lazily, and wraps the error."""
    provider.fail(Fault.RATE_LIMITED)
    stream = await client.ask("gemini", "async", stream=True)
    with pytest.raises(exceptions.MidStreamFallbackError) as caught:
        await anext(stream)
    assert isinstance(caught.value.original_exception, exceptions.RateLimitError)


@pytest.mark.parametrize("name", [name for name in PROVIDERS if not name.startswith("cohere")])
@SINCE_1_106
async def test_retry_after_reaches_the_caller(provider: Provider, client: Any, name: str) -> None:
    """The seconds to wait are in the error's headers (of Cohere's errors LiteLLM drops them)."""
    provider.fail(Fault.RATE_LIMITED, retry_after_s=7)
    with pytest.raises(exceptions.RateLimitError) as caught:
        await client.ask(name, "async")
    assert caught.value.litellm_response_headers["retry-after"] == "7"  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", UNREADABLE, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("name", PROVIDERS)
async def test_an_unreadable_answer_raises_but_was_billed(
    provider: Provider, client: Any, name: str, fault: Fault
) -> None:
    """The caller gets an error, though the model generated an answer and its provider charges for it."""
    provider.fail(fault, answer=Answer("one two three", input_tokens=11))
    with pytest.raises(openai.APIError):
        await client.ask(name, "async")
    (record,) = provider.settled()
    assert (record.input_tokens, record.output_tokens) == (11, 3)


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "ollama"])
async def test_an_error_in_a_200_raises(provider: Provider, client: Any, name: str) -> None:
    """An error object is no answer whatever the status, and nothing is billed (LiteLLM takes `ollama`'s for empty)."""
    provider.fail(Fault.ERROR_IN_200)
    with pytest.raises(openai.APIError):
        await client.ask(name, "async")
    assert provider.calls[-1].input_tokens == 0


@pytest.mark.parametrize("fault", [Fault.NO_CHOICES, Fault.NO_CONTENT], ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "ollama_chat"])
@SINCE_1_106
async def test_litellm_takes_no_answer_for_one(provider: Provider, client: Any, name: str, fault: Fault) -> None:
    """No choices, or a choice with no content, is a success to LiteLLM: that it is none, the caller must see."""
    provider.fail(fault)
    response = await client.ask(name, "async")
    assert not response.choices or not response.choices[0].message.content


async def test_a_hang_ends_with_the_callers_timeout(provider: Provider, client: Any) -> None:
    """A provider that never answers has run the model all the same; the books show that the caller left."""
    provider.fail(Fault.HANG, answer=Answer("one two three"))
    with pytest.raises(exceptions.Timeout):
        await client.ask("openai", "async", timeout=0.2)
    (record,) = await asyncio.to_thread(provider.settled)
    assert (record.status, record.closed_early, record.output_tokens) == (None, True, 3)


async def test_an_answer_without_usage(provider: Provider, client: Any) -> None:
    """LiteLLM reports zero tokens; the books know better."""
    provider.fail(Fault.NO_USAGE)
    response = await client.ask("openai", "async")
    assert (response.usage.total_tokens, provider.calls[-1].output_tokens) == (0, 4)


async def test_a_message_of_ones_own(provider: Provider, client: Any) -> None:
    """The provider's words can be replaced, to see what LiteLLM makes of others."""
    provider.fail(Fault.BAD_REQUEST, message="Your prompt is longer than the model's context length, sorry")
    with pytest.raises(exceptions.ContextWindowExceededError, match="sorry"):
        await client.ask("groq", "async")


def _status(name: str, fault: Fault) -> int:
    """Anthropic's overload is a 529, and Gemini answers a bad key with a 400."""
    own = {("anthropic", Fault.UNAVAILABLE): 529, ("gemini", Fault.UNAUTHORIZED): 400}
    return own.get((name, fault), STATUS[fault])
