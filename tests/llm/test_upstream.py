"""The connection below a stream: closed when we leave it, and known to be cut when it is."""

from __future__ import annotations

import asyncio

import pytest

from orchestra import Cut, MultiModelAPI
from orchestra.testing import Answer, Fault, Provider

from .conftest import KINDS

LONG = Answer(text="word " * 60, chunk_delay_s=0.05)


@pytest.mark.parametrize("kind", KINDS)
async def test_leaving_a_stream_stops_the_provider(api: MultiModelAPI, provider: Provider, kind: str) -> None:
    """Of sixty words few are generated, and the connection is closed before its end."""
    provider.reply(LONG)
    async with api.generate_stream("Tell me a story.", kind) as stream:
        await anext(stream)
    record = (await asyncio.to_thread(provider.settled))[-1]
    assert record.closed_early
    assert record.output_tokens < 50


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_that_is_cut_cleanly_is_an_error_with_the_text_so_far(
    api: MultiModelAPI, provider: Provider, kind: str
) -> None:
    """LiteLLM passes a truncated answer off as a whole one."""
    provider.fail(Fault.CUT, after_chunks=3)
    with pytest.raises(Cut) as caught:
        async for _ in api.generate_stream("one two three four five six", kind):
            pass
    assert caught.value.text
    assert [attempt.basis for attempt in caught.value.journal] == ["reserved"]
