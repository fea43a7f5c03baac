"""The spec's API reference: the Python client's examples, run as they are written."""

from __future__ import annotations

import pytest

from orchestra import APISettings, Response
from orchestra.testing import Provider

from .reading import example, run

pytestmark = pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")

CLIENT = "from webscraper_env import MultiModelAPI"
STEPS = ("# Initialize with config", "# Simple generation", "# With routing", "# With ensemble", "# Streaming")


def written(*steps: str) -> str:
    """The import, and these steps of the client's example."""
    parts = [example(CLIENT, stop=STEPS[0])]
    for step in (STEPS[0], *steps):
        following = STEPS[STEPS.index(step) + 1 :]
        parts.append(example(CLIENT, step, following[0] if following else ""))
    return "".join(parts)


async def test_initialize_with_config() -> None:
    """`MultiModelAPI(settings=APISettings())`, without a key."""
    names = await run(written(), APISettings=APISettings)
    names["api"].close()
    assert names["api"].settings == APISettings()


async def test_simple_generation(provider: Provider) -> None:
    """A prompt and a model."""
    names = await run(written("# Simple generation"), APISettings=APISettings)
    names["api"].close()
    response = names["response"]
    assert isinstance(response, Response)
    assert response.text == "echo: Extract product price from: <html>..."
    assert [call.model for call in provider.calls] == ["gpt-4o-mini"]


async def test_with_routing(provider: Provider) -> None:
    """The router selects the best model for an important task of reasoning."""
    names = await run(written("# With routing"), APISettings=APISettings)
    names["api"].close()
    response = names["response"]
    assert response.choice.rule == "reasoning_high_priority"
    assert [call.model for call in provider.calls] == ["gpt-4-turbo"]


async def test_with_ensemble(provider: Provider) -> None:
    """Three models vote."""
    names = await run(written("# With ensemble"), APISettings=APISettings)
    names["api"].close()
    response = names["response"]
    assert response.result["result"] == response.text == "echo: Extract all prices"
    assert response.result["confidence"] == 1.0
    assert len(provider.calls) == 3


async def test_streaming(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    """`async for` over the chunks, each printed as it comes."""
    names = await run(written("# Streaming"), APISettings=APISettings)
    names["api"].close()
    assert capsys.readouterr().out == "echo: ..."
    (call,) = provider.calls
    assert (call.model, call.stream) == ("claude-3-5-sonnet-20240620", True)


async def test_the_whole_example(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    """From its first line to its last."""
    names = await run(example(CLIENT), APISettings=APISettings)
    names["api"].close()
    assert capsys.readouterr().out == "echo: ..."
