"""Promise 4: one retry layer, ours. The deadline beats everything, Retry-After too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from orchestra import (
    AllFailed,
    DeadlineExceeded,
    Denied,
    ModelError,
    MultiModelAPI,
    NotFound,
    RateLimited,
    Refused,
    RouterConfig,
    TimedOut,
    TooLong,
    Unavailable,
)
from orchestra.testing import Answer, FakeClock, Fault, Provider

pytestmark = pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")

# openai goes through the OpenAI client, the others through LiteLLM's own: each has a retry logic that must stay off.
CLIENTS = ("openai", "anthropic", "groq", "google")
PASSING = (Fault.UNAVAILABLE, Fault.SERVER_ERROR, Fault.RATE_LIMITED, Fault.DROP, Fault.NO_CONTENT)
LASTING = {
    Fault.BAD_REQUEST: Refused,
    Fault.UNAUTHORIZED: Denied,
    Fault.FORBIDDEN: Denied,
    Fault.NOT_FOUND: NotFound,
    Fault.CONTEXT_WINDOW: TooLong,
}


async def streamed(api: MultiModelAPI, **options: Any) -> str:
    return "".join([chunk.text async for chunk in api.generate_stream("hello", **options)])


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
async def test_a_failing_provider_is_hit_once_and_once_for_each_retry(
    provider: Provider, client: Callable[..., MultiModelAPI], kind: str, fault: Fault
) -> None:
    """Two retries make three hits: nothing below us retries too."""
    provider.always(fault)
    with pytest.raises(ModelError) as caught:
        await client(router=None, max_retries=2).generate("hello", model=kind)
    assert len(provider.calls) == 3
    assert [attempt.retry for attempt in caught.value.journal] == [0, 1, 2]


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
async def test_without_retries_a_failing_provider_is_hit_once(
    provider: Provider, client: Callable[..., MultiModelAPI], kind: str, fault: Fault
) -> None:
    """Plain and streamed."""
    provider.always(fault)
    api = client(router=None, max_retries=0)
    with pytest.raises(ModelError):
        await api.generate("hello", model=kind)
    assert len(provider.calls) == 1
    with pytest.raises(ModelError):
        await streamed(api, model=kind)
    assert len(provider.calls) == 2


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize(("fault", "error"), LASTING.items(), ids=[fault.name for fault in LASTING])
async def test_what_asking_again_cannot_change_is_asked_once(
    provider: Provider, client: Callable[..., MultiModelAPI], kind: str, fault: Fault, error: type[ModelError]
) -> None:
    """A 4xx stays what it is, however many retries there are."""
    provider.always(fault)
    with pytest.raises(error):
        await client(router=None, max_retries=5).generate("hello", model=kind)
    assert len(provider.calls) == 1


@pytest.mark.parametrize("word", ["max_retries", "num_retries"])
@pytest.mark.parametrize(("count", "hits"), [(0, 1), (1, 2), (2, 3)])
async def test_the_callers_words_for_retries_are_a_count_of_ours(
    provider: Provider, client: Callable[..., MultiModelAPI], word: str, count: int, hits: int
) -> None:
    """LiteLLM's words never reach LiteLLM: they set the one count that there is."""
    provider.always(Fault.UNAVAILABLE)
    with pytest.raises(Unavailable):
        await client(router=None, max_retries=4).generate("hello", model="openai", **{word: count})
    assert len(provider.calls) == hits


async def test_litellms_own_fallbacks_are_not_used(provider: Provider, client: Callable[..., MultiModelAPI]) -> None:
    """`fallbacks=` would be a second layer; it does not reach LiteLLM."""
    provider.always(Fault.UNAVAILABLE)
    with pytest.raises(Unavailable):
        await client(router=None, max_retries=0).generate("hello", model="openai", fallbacks=["groq/some-model"])
    assert [call.provider for call in provider.calls] == ["openai"]


async def test_a_stream_is_asked_again_before_its_first_token(
    provider: Provider, client: Callable[..., MultiModelAPI]
) -> None:
    """Nobody has seen anything yet."""
    provider.fail(Fault.UNAVAILABLE).fail(Fault.DROP).reply("here it is")
    assert await streamed(client(router=None, max_retries=3), model="openai") == "here it is"
    assert len(provider.calls) == 3


async def test_a_stream_is_not_asked_again_after_its_first_token(
    provider: Provider, client: Callable[..., MultiModelAPI]
) -> None:
    """The reader would get the beginning twice."""
    provider.fail(Fault.DROP, after_chunks=1)
    with pytest.raises(ModelError):
        await streamed(client(router=None, max_retries=3), model="openai")
    assert len(provider.calls) == 1


@pytest.mark.parametrize("call", ["embed", "rerank"])
async def test_embeddings_and_rerank_have_the_same_layer(
    provider: Provider, client: Callable[..., MultiModelAPI], call: str
) -> None:
    """One retry, two hits."""
    provider.always(Fault.SERVER_ERROR)
    api = client(router=None, max_retries=1)
    with pytest.raises(Unavailable):
        await (api.embed("hello", "openai:embedding") if call == "embed" else api.rerank("a", ["b"], "cohere:rerank"))
    assert len(provider.calls) == 2


async def test_retries_are_counted_over_all_models_of_a_request(
    provider: Provider, client: Callable[..., MultiModelAPI]
) -> None:
    """Four models fail: each is asked once, and three retries are shared among them, not given to each."""
    provider.always(Fault.SERVER_ERROR)
    router = RouterConfig(fallback_order=["groq", "mistral", "cohere"])
    with pytest.raises(AllFailed) as caught:
        await client(router=router, max_retries=3).generate("hello")
    models = {attempt.name for attempt in caught.value.journal}
    assert models == {"gpt-4o-mini", "groq", "mistral", "cohere"}
    assert len(provider.calls) == len(models) + 3


async def test_retry_after_is_what_is_waited(
    provider: Provider, client: Callable[..., MultiModelAPI], clock: FakeClock
) -> None:
    """The provider asked for seven seconds, the jitter would have been one."""
    provider.fail(Fault.RATE_LIMITED, retry_after_s=7).reply("now")
    response = await client(router=None, max_retries=1).generate("hello", model="openai")
    assert response.text == "now"
    assert clock.slept == [7.0]


@pytest.mark.parametrize("kind", CLIENTS)
async def test_retry_after_is_read_from_streams_too(
    provider: Provider, client: Callable[..., MultiModelAPI], clock: FakeClock, kind: str
) -> None:
    """LiteLLM wraps the error of a stream; the header is still found."""
    provider.fail(Fault.RATE_LIMITED, retry_after_s=7).reply("now")
    assert await streamed(client(router=None, max_retries=1), model=kind) == "now"
    assert clock.slept == [7.0]


async def test_a_retry_after_beyond_the_deadline_is_not_waited_for(
    provider: Provider, client: Callable[..., MultiModelAPI], clock: FakeClock
) -> None:
    """The failure comes at once, with what the provider asked for."""
    provider.always(Fault.RATE_LIMITED)
    provider.fail(Fault.RATE_LIMITED, retry_after_s=500)
    with pytest.raises(RateLimited) as caught:
        await client(router=None, max_retries=5).generate("hello", model="openai")
    assert caught.value.retry_after_s == 500
    assert clock.slept == []
    assert len(provider.calls) == 1


async def test_a_timeout_is_not_asked_again(provider: Provider, client: Callable[..., MultiModelAPI]) -> None:
    """The provider may have generated the answer, and billed it."""
    api = client(router=None, max_retries=3)
    await api.generate("the first call is slow", model="openai")
    provider.always(Fault.HANG)
    with pytest.raises(TimedOut):
        await api.generate("hello", model="openai", timeout=0.8)
    assert len(provider.calls) == 2


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_the_deadline_beats_the_provider(
    provider: Provider, client: Callable[..., MultiModelAPI], kind: str, streaming: bool
) -> None:
    """A provider that hangs is left at the deadline, whatever its own timeout and the retries say."""
    api = client(router=None, max_retries=5)
    await api.generate("the first call is slow", model=kind)
    provider.always(Fault.HANG)
    begun = time.monotonic()
    with pytest.raises(DeadlineExceeded) as caught:
        await (streamed if streaming else _asked)(api, model=kind, deadline_s=1.0)
    assert time.monotonic() - begun < 20
    assert [attempt.basis for attempt in caught.value.journal] == ["reserved"]
    assert len(await asyncio.to_thread(provider.settled)) == 2


async def test_the_deadline_beats_the_fallbacks(provider: Provider, client: Callable[..., MultiModelAPI]) -> None:
    """No other model is asked when the time of the request is over."""
    api = client(router=RouterConfig(fallback_order=["groq", "mistral"]))
    await api.generate("the first call is slow")
    provider.always(Fault.HANG)
    with pytest.raises(DeadlineExceeded):
        await api.generate("hello", deadline_s=1.0)
    assert len(provider.calls) == 2


async def test_the_deadline_is_no_longer_counted_once_a_stream_has_begun(
    provider: Provider, client: Callable[..., MultiModelAPI]
) -> None:
    """It bounds the first token; after that only a stall ends a stream."""
    provider.reply(Answer(text="one two three four five six seven eight nine ten", chunk_delay_s=0.2))
    text = await streamed(client(router=None), model="openai", deadline_s=1.5)
    assert text.endswith("ten")


async def test_no_global_of_litellm_is_touched(provider: Provider, client: Callable[..., MultiModelAPI]) -> None:
    """A failing call with retries leaves LiteLLM's own knobs where they were."""
    import litellm

    knobs = ("num_retries", "drop_params", "callbacks", "success_callback", "request_timeout", "cache", "api_base")
    before = [(knob, repr(getattr(litellm, knob))) for knob in knobs]
    provider.always(Fault.UNAVAILABLE)
    with pytest.raises(Unavailable):
        await client(router=None, max_retries=2).generate("hello", model="openai")
    assert [(knob, repr(getattr(litellm, knob))) for knob in knobs] == before


async def _asked(api: MultiModelAPI, **options: Any) -> str:
    return (await api.generate("hello", **options)).text
