"""Tool calls come through policies that ask several."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestra import install, uninstall
from orchestra.testing import Answer, Provider
from orchestra.testing.provider import ToolCall

from .conftest import HELLO, settings
from .observing import IDS, WAYS, called

MODELS = ["openai/gpt-4o-mini", "anthropic/claude-haiku-5-5", "groq/openai/gpt-oss-20b"]
POLICIES: dict[str, Any] = {
    "panel": {"kind": "vote", "models": MODELS[:3]},
    "checked": {"kind": "verify", "generator": MODELS[1], "validator": MODELS[0]},
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": CITY}}]


def weather(city: str) -> Answer:
    return Answer(tool_calls=[ToolCall("weather", {"city": city})])


async def asked(provider: Provider, policy: str, how: str, stream: bool) -> tuple[str, Any]:
    """Name and arguments of the one call that a policy answers with, as a client puts them together."""
    # In 1.106 a bare install of LiteLLM needs the last one for tools.
    about: dict[str, Any] = {"messages": HELLO, "tools": TOOLS, "max_retries": 0, "_skip_mcp_handler": True}
    install(settings(provider, policies=POLICIES))
    try:
        answer = await called(how, {"model": f"orchestra/{policy}", "stream": stream, **about})
    finally:
        uninstall()
    messages = [chunk.choices[0].delta for chunk in answer] if stream else [answer.choices[0].message]
    functions = [call.function for message in messages for call in message.tool_calls or ()]
    return "".join(f.name or "" for f in functions), json.loads("".join(f.arguments or "" for f in functions))


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
async def test_most_of_a_panel_call_the_same_tool(provider: Provider, how: str, stream: bool) -> None:
    """The winner's call reaches the caller; ids, which differ, are no difference."""
    for wire, city in (("openai", "Rome"), ("anthropic", "Paris"), ("groq", "Paris")):
        provider.on(wire).always(weather(city))
    assert await asked(provider, "panel", how, stream) == ("weather", {"city": "Paris"})
    assert len(provider.calls) == 3


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
async def test_a_mended_call_reaches_the_caller(provider: Provider, how: str, stream: bool) -> None:
    """Its author is asked with its first call and a result of it, as the provider wants them."""
    provider.on("anthropic").reply(weather("Pariss"), weather("Paris"))
    provider.on("openai").reply(
        Answer('{"correct": false, "confidence": 0.9, "issues": ["no such city"]}'), Answer('{"correct": true}')
    )
    assert await asked(provider, "checked", how, stream) == ("weather", {"city": "Paris"})
    mending = provider.calls[2].body["messages"]
    assert "Pariss" in json.dumps(mending[-2])
    assert (mending[-1]["content"][0]["type"], "no such city" in json.dumps(mending[-1])) == ("tool_result", True)
