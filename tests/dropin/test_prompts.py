"""LiteLLM's `prompt_id` and `prompt_variables` name a prompt of our library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm
import pytest

from orchestra import MultiModelAPI, install, uninstall
from orchestra.testing import Provider

from .conftest import HELLO, settings
from .observing import IDS, WAYS, called


@pytest.fixture
def library(provider: Provider, tmp_path: Path) -> Iterator[MultiModelAPI]:
    """A prompt with two versions, of which the second is the latest."""
    api = install(settings(provider, prompt_folder=tmp_path))
    api.prompts.register("greeting", "Greet {{ name }}.")
    api.prompts.create_version("greeting", "Greet {{ name }} warmly.")
    yield api
    uninstall()


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
async def test_a_prompt_is_rendered_and_counted_once(
    library: MultiModelAPI, provider: Provider, how: str, stream: bool
) -> None:
    """It comes before what the caller says, and the one call is booked under its version."""
    prompt: dict[str, Any] = {"prompt_id": "greeting", "prompt_variables": {"name": "Ann"}}
    await called(how, {"model": "orchestra/the-openai", "messages": HELLO, "stream": stream, **prompt})
    (call,) = provider.calls
    assert [message["content"] for message in call.body["messages"]] == ["Greet Ann warmly.", HELLO[0]["content"]]
    assert not {"prompt_id", "prompt_variables", "variables"} & call.body.keys()
    answer = await litellm.acompletion(model="orchestra/the-openai", messages=[], **prompt)
    assert answer.choices[0].message.content == "echo: Greet Ann warmly."


async def test_a_version_is_asked_for_among_our_words(library: MultiModelAPI, provider: Provider) -> None:
    """LiteLLM keeps its own `prompt_version` to itself."""
    words = {"orchestra": {"version": 1}}
    prompt: dict[str, Any] = {"prompt_id": "greeting", "prompt_variables": {"name": "Ann"}, "metadata": words}
    answer = await litellm.acompletion(model="orchestra/the-openai", messages=[], **prompt)
    assert answer.choices[0].message.content == "echo: Greet Ann."


async def test_a_prompt_that_is_not_there_is_a_bad_request(library: MultiModelAPI, provider: Provider) -> None:
    """With a suggestion, and nothing is sent."""
    with pytest.raises(litellm.BadRequestError, match="greeting"):
        await litellm.acompletion(model="orchestra/the-openai", messages=[], prompt_id="greting")
    assert provider.calls == ()
