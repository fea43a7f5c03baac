"""Wherever a call comes from: a running loop, threads, one loop after another, a forked child."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import litellm
import pytest

from orchestra import ConfigError, MultiModelAPI, install, uninstall
from orchestra.testing import Answer, Provider
from orchestra.types import Request, Response

from .conftest import HELLO, settings

MODEL = "orchestra/the-openai"
SLOW_S = 0.3


async def test_a_sync_call_inside_a_running_loop(api: MultiModelAPI) -> None:
    """As in a notebook; plain and streamed."""
    assert litellm.completion(MODEL, HELLO).choices[0].message.content
    assert len(list(litellm.completion(MODEL, HELLO, stream=True))) > 2


def test_one_loop_after_another(provider: Provider, tmp_path: Path) -> None:
    """Each `asyncio.run` has a loop of its own."""
    script = """
async def ask():
    answer = await litellm.acompletion(model="orchestra/p", messages=hello)
    stream = await litellm.acompletion(model="orchestra/p", messages=hello, stream=True)
    return answer.choices[0].message.content, len([chunk async for chunk in stream])

print({asyncio.run(ask()) for _ in range(3)}, litellm.completion("orchestra/p", hello).choices[0].message.content)
"""
    assert in_a_process(script, provider, tmp_path) == "{('echo: hi', 3)} echo: hi"


def test_many_threads(api: MultiModelAPI, provider: Provider) -> None:
    """Their calls overlap: all have arrived before the first is answered."""
    provider.always(Answer(delay_s=SLOW_S))
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(litellm.completion, MODEL, HELLO) for _ in range(8)]
        provider.arrived(8)
        assert sum(answer.done() for answer in answers) == 0
        assert {answer.result().choices[0].message.content for answer in answers} == {"echo: What is two and two?"}


async def test_parallel_streams_overlap(api: MultiModelAPI, provider: Provider) -> None:
    """None waits for another to be read."""
    provider.always(Answer(delay_s=SLOW_S))
    streams = [await litellm.acompletion(model=MODEL, messages=HELLO, stream=True) for _ in range(12)]
    readers = [asyncio.create_task(anext(stream)) for stream in streams]
    await asyncio.to_thread(provider.arrived, 12)
    assert not any(reader.done() for reader in readers)
    for reader, stream in zip(readers, streams, strict=True):
        await reader
        await stream.aclose()


async def test_a_stream_that_is_left_is_closed(api: MultiModelAPI, provider: Provider) -> None:
    """The provider stops generating, async and sync."""
    provider.always(Answer(" ".join(["word"] * 200), chunk_delay_s=0.02))
    stream = await litellm.acompletion(model=MODEL, messages=HELLO, stream=True)
    await anext(stream)
    await stream.aclose()
    sync = litellm.completion(MODEL, HELLO, stream=True)
    next(sync)
    sync.completion_stream.close()
    records = await asyncio.to_thread(provider.settled)
    assert [record.closed_early for record in records] == [True, True]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_after_a_fork(provider: Provider, tmp_path: Path) -> None:
    """A child asks with a loop of its own; the parent's stays its own."""
    script = """
ask = lambda: litellm.completion("orchestra/p", hello).choices[0].message.content
first = ask()
child = os.fork()
if child == 0:
    streamed = "".join(c.choices[0].delta.content or "" for c in litellm.completion("orchestra/p", hello, stream=True))
    os._exit(0 if ask() == streamed == first else 1)
print(os.waitpid(child, 0)[1], ask())
"""
    assert in_a_process(script, provider, tmp_path) == "0 echo: hi"
    assert len(provider.calls) == 4


def in_a_process(script: str, provider: Provider, folder: Path) -> str:
    """What a fresh interpreter prints, with a policy `p` installed."""
    start = f"""
import asyncio, os, litellm
from orchestra import APISettings, ProviderConfig, install
install(APISettings(
    providers={{"openai": ProviderConfig(api_key="sk", base_url={provider.api_base("openai")!r})}},
    policies={{"p": "openai/gpt-4o-mini"}}, router=None, max_requests_per_minute=None,
    daily_budget_usd=None, ledger={{"path": {str(folder / "ledger.db")!r}}},
))
hello = [{{"role": "user", "content": "hi"}}]
"""
    run = subprocess.run(
        [sys.executable, "-c", start + script], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


async def test_a_policy_does_not_recurse_without_bound(provider: Provider) -> None:
    """A member that asks for its own policy is told so, long before the stack or the money is at its end."""
    calls: list[int] = []

    async def again(request: Request) -> Response:
        calls.append(1)
        answer = await litellm.acompletion(model="orchestra/circle", messages=list(request.messages))
        return Response(text=answer.choices[0].message.content, model="circle")

    api = install(settings(provider, policies={"circle": "openai/gpt-4o-mini"}))
    arm = api.tree.find("circle")
    object.__setattr__(arm, "model", again)
    try:
        begun = time.monotonic()
        with pytest.raises(litellm.BadRequestError, match="asks for itself"):
            await litellm.acompletion(model="orchestra/circle", messages=HELLO)
        assert len(calls) < 20
        assert time.monotonic() - begun < 60
        with pytest.raises(ConfigError, match="orchestra"):
            install(settings(provider, models={"loop": {"litellm": "orchestra/loop"}}, policies={"p": "loop"}))
    finally:
        uninstall()
