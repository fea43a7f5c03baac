"""Every parameter reaches the member as plain LiteLLM would have sent it."""

from __future__ import annotations

import copy
from typing import Any

import litellm
import pytest

import orchestra.litellm as ours
from orchestra import MultiModelAPI
from orchestra.testing import Provider

from .conftest import HELLO, Side
from .observing import IDS, WAYS, observed

SCHEMA = {"type": "object", "properties": {"price": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}
PARAMETERS: dict[str, dict[str, Any]] = {
    "sampling": {"temperature": 0.3, "top_p": 0.9, "seed": 7, "n": 2, "stop": ["END"]},
    "max_tokens": {"max_tokens": 17},
    "max_completion_tokens": {"max_completion_tokens": 17},
    "user": {"user": "user-1"},
    "logprobs": {"logprobs": True, "top_logprobs": 2, "logit_bias": {"50256": -100}},
    "penalties": {"presence_penalty": 0.1, "frequency_penalty": 0.2},
    "tools": {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False},
    "response_format": {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}}},
    "extras": {"extra_body": {"top_k": 3}, "prompt_cache_key": "k", "service_tier": "flex", "store": True},
    "modes": {"modalities": ["text"], "prediction": {"type": "content", "content": "x"}},
    "web_search": {"web_search_options": {"search_context_size": "low"}},
    "nones": {"temperature": None, "tools": None, "stop": None, "user": None},
}
"""What a model of OpenAI's takes."""

REASONING = [
    {"reasoning_effort": "low"},
    {"verbosity": "low"},
    {"reasoning_effort": "low", "max_completion_tokens": 99},
]
WEATHER = {"type": "function", "function": {"name": "weather", "arguments": "{}"}}
OUT_OF_ORDER: list[dict[str, Any]] = [
    *HELLO,
    {"role": "assistant", "content": None, "tool_calls": [{"id": "a", **WEATHER}]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "b", **WEATHER}]},
    {"role": "tool", "tool_call_id": "b", "content": "rain"},
    {"role": "tool", "tool_call_id": "a", "content": "sun"},
]
"""What a client writes that takes the model for one of OpenAI's."""


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
@pytest.mark.parametrize("given", PARAMETERS.values(), ids=PARAMETERS)
async def test_a_parameter_reaches_the_member(
    sides: tuple[Side, Side], given: dict[str, Any], how: str, stream: bool
) -> None:
    """`user`, `max_completion_tokens`, `extra_body` and all the others, an explicit `None` as if it were not there."""
    theirs, ours = [await observed(side, how, "openai", stream=stream, **copy.deepcopy(given)) for side in sides]
    assert ours["upstream"] == theirs["upstream"]
    assert "error" not in ours


@pytest.mark.parametrize("given", REASONING)
async def test_a_reasoning_models_parameters_reach_it(
    provider: Provider, api: MultiModelAPI, given: dict[str, Any]
) -> None:
    """LiteLLM refuses them for a provider that it does not know; the member knows them."""
    where = {"api_base": provider.api_base("openai"), "api_key": "sk-configured", "max_retries": 0}
    await litellm.acompletion(model="openai/gpt-5-nano", messages=HELLO, **where, **given)
    await litellm.acompletion(model="orchestra/reasoner", messages=HELLO, **given)
    theirs, ours = provider.calls
    assert ours.body == theirs.body


async def test_thinking_reaches_claude(sides: tuple[Side, Side]) -> None:
    """In the member's own format."""
    given = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2048}
    theirs, ours = [await observed(side, "async", "anthropic", **given) for side in sides]
    assert ours["upstream"] == theirs["upstream"]
    assert ours.get("error") == theirs.get("error")


async def test_metadata_reaches_whom_litellm_gives_it_to(sides: tuple[Side, Side]) -> None:
    """LiteLLM sends Anthropic the user's id that is in it; our own words stay here."""
    given = {"metadata": {"user_id": "ann", "orchestra": {"tags": {"user": "ann"}}}, "max_tokens": 9}
    theirs, ours = [await observed(side, "async", "anthropic", **copy.deepcopy(given)) for side in sides]
    assert ours["upstream"] == theirs["upstream"]
    assert ours["upstream"][0]["metadata"] == {"user_id": "ann"}


async def test_what_nobody_knows_reaches_the_member(sides: tuple[Side, Side]) -> None:
    """An unknown keyword is the provider's to judge; headers of both names are sent."""
    given = {"guided_choice": ["a"], "headers": {"X-One": "1"}, "extra_headers": {"X-Two": "2"}}
    theirs, ours = [await observed(side, "async", "vllm", **given) for side in sides]
    assert ours["upstream"] == theirs["upstream"]
    assert ours["upstream"][0]["guided_choice"] == ["a"]
    sent = sides[1].provider.calls[-1].headers
    assert (sent["x-one"], sent["x-two"]) == ("1", "2")


async def test_a_parameter_that_the_member_refuses_is_its_error(sides: tuple[Side, Side]) -> None:
    """`drop_params` keeps its meaning."""
    asked = {"n": 2, "max_tokens": 20}
    theirs, ours = [await observed(side, "async", "anthropic", **asked) for side in sides]
    assert ours["error"] == theirs["error"]
    assert ours["error"]["class"] == "UnsupportedParamsError"
    theirs, ours = [await observed(side, "async", "anthropic", drop_params=True, **asked) for side in sides]
    assert (ours["answer"], ours["upstream"]) == (theirs["answer"], theirs["upstream"])


@pytest.mark.parametrize("how", ["policy", "model", "other"])
async def test_a_callers_key_and_address_stay_with_their_provider(
    api: MultiModelAPI, provider: Provider, how: str
) -> None:
    """With a model's name they reach that model; with a policy's nobody, and never another provider."""
    own = {"api_key": "sk-callers", "api_base": provider.api_base("openai")}
    model = {"policy": "orchestra/the-openai", "model": "openai/gpt-4o-mini", "other": "orchestra/the-anthropic"}[how]
    await ours.acompletion(model=model, messages=HELLO, max_tokens=9, **own)
    (call,) = provider.calls
    key = call.headers.get("authorization") or call.headers.get("x-api-key")
    assert key == {"policy": "Bearer sk-configured", "model": "Bearer sk-callers", "other": "sk-configured"}[how]


@pytest.mark.parametrize(("kind", "path"), [("anthropic", "messages"), ("google", "contents")])
async def test_tool_results_stand_behind_their_calls(sides: tuple[Side, Side], kind: str, path: str) -> None:
    """Where the chosen member wants that; a client that is given a policy cannot know it."""
    _, ours = [await observed(side, "async", kind, messages=OUT_OF_ORDER, max_tokens=9) for side in sides]
    (sent,) = ours["upstream"]
    said = str(sent[path])
    assert said.index("sun") < said.index("'b'") if kind == "anthropic" else said.index("sun") < said.index("rain")


async def test_an_answer_at_the_end_is_mistrals_prefix(sides: tuple[Side, Side]) -> None:
    """Mistral refuses it otherwise."""
    messages = [*HELLO, {"role": "assistant", "content": "It is"}]
    _, ours = [await observed(side, "async", "mistral", messages=copy.deepcopy(messages)) for side in sides]
    assert ours["upstream"][0]["messages"][-1] == {"role": "assistant", "content": "It is", "prefix": True}


async def test_geminis_signatures_reach_gemini(sides: tuple[Side, Side]) -> None:
    """LiteLLM hides them in the ids of tool calls, and cuts them off for everybody else."""
    call = {"id": "call_1__thought__c2lnbmF0dXJl", **WEATHER}
    messages = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "sun"},
    ]
    theirs, ours = [await observed(side, "async", "google", messages=copy.deepcopy(messages)) for side in sides]
    assert ours["upstream"] == theirs["upstream"]
    assert "c2lnbmF0dXJl" in str(ours["upstream"])


async def test_the_callers_containers_are_never_written_to(api: MultiModelAPI) -> None:
    """Neither messages nor tools nor metadata nor headers."""
    given: dict[str, Any] = {
        "messages": copy.deepcopy(OUT_OF_ORDER),
        "extra_headers": {"X-Trace": "t"},
        "stop": ["END"],
        "metadata": {"orchestra": {"tags": {"user": "u"}}, "trace": {"id": 1}},
    }
    before = copy.deepcopy(given)
    await ours.acompletion(model="orchestra/the-openai", **given)
    after = {**given, "metadata": {name: given["metadata"][name] for name in before["metadata"]}}
    assert after == before
