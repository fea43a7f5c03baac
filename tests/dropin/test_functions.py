"""`orchestra.litellm`: LiteLLM's module, with functions of ours that look and answer like its own."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any
from unittest import mock

import litellm
import pytest

import orchestra.litellm as ours
from orchestra import MultiModelAPI
from orchestra.dropin.functions import ASYNC, RERANK, SYNC
from orchestra.testing import Provider
from orchestra.testing.provider import Fault

from .conftest import HELLO

NAMES = [name for name in (*SYNC, *ASYNC, *RERANK) if hasattr(litellm, name)]


@pytest.mark.parametrize("name", NAMES)
def test_a_function_has_litellms_signature(name: str) -> None:
    """Positional order, defaults and annotations; what is a coroutine function there is one here."""
    mine, theirs = getattr(ours, name), getattr(litellm, name)
    assert mine is not theirs
    assert inspect.signature(mine) == inspect.signature(theirs)
    assert inspect.iscoroutinefunction(mine) == inspect.iscoroutinefunction(theirs)
    assert (mine.__name__, mine.__doc__) == (theirs.__name__, theirs.__doc__)


async def test_arguments_go_by_position_and_by_name(api: MultiModelAPI, provider: Provider) -> None:
    """The two functions have the same parameters in another order."""
    ours.completion("gpt-4o-mini", HELLO, 30.0, 0.5)
    await ours.acompletion("gpt-4o-mini", HELLO, None, None, 30.0, 0.5, custom_llm_provider="openai")
    assert [call.body["temperature"] for call in provider.calls] == [0.5, 0.5]
    with pytest.raises(TypeError, match="messages"):
        ours.completion("gpt-4o-mini", HELLO, messages=HELLO)


async def test_a_model_of_litellms_is_answered_through_the_ledger(api: MultiModelAPI, provider: Provider) -> None:
    """By any name that LiteLLM knows it by; and a policy by its own."""
    for model in ("gpt-4o-mini", "openai/gpt-4o-mini", "the-openai", "orchestra/the-openai"):
        answer = await ours.acompletion(model=model, messages=HELLO)
        assert answer._hidden_params["orchestra"]["attempts"][0]["model"] == "openai/gpt-4o-mini"
    assert len(provider.calls) == 4


def test_a_model_that_nobody_here_knows_is_litellms(api: MultiModelAPI) -> None:
    """So is its error, and a mock."""
    with pytest.raises(litellm.BadRequestError, match="LLM Provider NOT provided"):
        ours.completion("no-such-model", HELLO)
    answer = ours.completion("gpt-4o-mini", HELLO, mock_response="mocked")
    assert (
        answer.model_dump()["choices"]
        == litellm.completion("gpt-4o-mini", HELLO, mock_response="mocked").model_dump()["choices"]
    )


async def test_the_other_calls(api: MultiModelAPI, provider: Provider) -> None:
    """Embeddings, ranking, text and batches come as LiteLLM's own, with their cost."""
    vectors = [
        ours.embedding("openai/text-embedding-3-small", input=["a", "b"]),
        await ours.aembedding("openai/text-embedding-3-small", input=["a", "b"]),
    ]
    for one in vectors:
        assert type(one) is litellm.EmbeddingResponse
        assert len(one.data) == 2
        assert one._hidden_params["response_cost"] > 0
    for ranked in (
        ours.rerank("cohere/rerank-v3.5", "a", ["a", "b"]),
        await ours.arerank("cohere/rerank-v3.5", "a", ["a", "b"]),
    ):
        assert type(ranked).__name__ == "RerankResponse"
        assert {result["index"] for result in ranked.results} == {0, 1}
    for text in (
        ours.text_completion(model="gpt-4o-mini", prompt="hi"),
        await ours.atext_completion(model="gpt-4o-mini", prompt="hi"),
    ):
        assert type(text) is litellm.TextCompletionResponse
        assert text.choices[0].text == "echo: hi"
    batch = ours.batch_completion("the-openai", [HELLO, HELLO])
    assert [answer.choices[0].message.content for answer in batch] == ["echo: What is two and two?"] * 2
    first = ours.batch_completion_models(models=["the-openai", "the-groq"], messages=HELLO)
    assert first._hidden_params["orchestra"]


async def test_responses(api: MultiModelAPI, provider: Provider) -> None:
    """OpenAI's newer interface, over the same policies."""
    try:
        importlib.import_module("litellm.responses.mcp.litellm_proxy_mcp_handler")
    except ImportError:
        pytest.skip("LiteLLM 1.106 needs the package mcp for its responses, with Orchestra or without")
    answer = await ours.aresponses(model="the-openai", input="hi")
    assert answer.output[0].content[0].text == "echo: hi"
    events = [event.type async for event in await ours.aresponses(model="the-openai", input="hi", stream=True)]
    assert events[-1] == "response.completed"
    assert ours.responses(model="the-openai", input="hi").usage.total_tokens == answer.usage.total_tokens


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize(
    ("given", "calls"), [({"num_retries": 2}, 3), ({"max_retries": 2}, 3), ({"max_retries": 0}, 1)]
)
async def test_retries_do_not_multiply(
    api: MultiModelAPI, provider: Provider, how: str, given: dict[str, int], calls: int
) -> None:
    """`num_retries` and `max_retries` are how often a call is tried again, by one of us."""
    provider.always(Fault.SERVER_ERROR)
    for model, module in (("orchestra/the-openai", litellm), ("the-openai", ours)):
        provider.settled()
        before = len(provider.calls)
        with pytest.raises(litellm.InternalServerError):
            if how == "sync":
                module.completion(model=model, messages=HELLO, **given)
            else:
                await module.acompletion(model=model, messages=HELLO, **given)
        assert len(provider.calls) - before == calls


@pytest.mark.parametrize("max_retries", [0, 1])
@pytest.mark.parametrize("how", ["sync", "async"])
async def test_fallbacks_keep_their_meaning(api: MultiModelAPI, provider: Provider, how: str, max_retries: int) -> None:
    """LiteLLM asks the next one, through us too, also where we have asked the first one again."""
    provider.on("openai").always(Fault.SERVER_ERROR)
    asked: dict[str, Any] = {"model": "the-openai", "messages": HELLO, "fallbacks": ["the-groq"]}
    asked["max_retries"] = max_retries
    answer = ours.completion(**asked) if how == "sync" else await ours.acompletion(**asked)
    assert answer._hidden_params["orchestra"]["attempts"][0]["provider"] == "groq"
    assert len(provider.calls) == 1 + max_retries + 1


def test_everything_else_is_litellms_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read, set, deleted and listed there; submodules are the same objects."""
    assert ours.ModelResponse is litellm.ModelResponse
    assert ours.exceptions is litellm.exceptions
    assert importlib.import_module("orchestra.litellm.types.utils") is importlib.import_module("litellm.types.utils")
    assert litellm.types.utils.__spec__.name == "litellm.types.utils"
    assert set(dir(ours)) >= {"completion", "acompletion", "Router", "RateLimitError"}
    ours.drop_params = True
    assert litellm.drop_params is True
    ours.drop_params = False
    ours.something_new = 1
    assert litellm.something_new == 1
    del ours.something_new
    assert not hasattr(litellm, "something_new")
    with pytest.raises(AttributeError):
        _ = ours.no_such_name


def test_it_can_be_patched() -> None:
    """A test's mock takes the place of a function, ours or LiteLLM's, and gives it back."""
    mine, theirs, counter = ours.completion, litellm.completion, litellm.token_counter
    with mock.patch.object(ours, "completion", return_value="mocked"):
        assert ours.completion() == "mocked"
        assert litellm.completion is theirs
    with mock.patch("orchestra.litellm.embedding", return_value="mocked"):
        assert ours.embedding() == "mocked"
    with mock.patch.object(ours, "token_counter", return_value=7):
        assert litellm.token_counter() == 7
    assert ours.completion is mine
    assert litellm.token_counter is counter
    assert inspect.iscoroutinefunction(ours.acompletion)


def test_importing_it_does_not_import_litellm() -> None:
    """It is imported when something is asked of it."""
    code = """
import sys, orchestra.litellm
print('litellm' in sys.modules)
orchestra.litellm.completion
print('litellm' in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
