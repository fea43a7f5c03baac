"""LiteLLM's responses in the cache: written as plain JSON, and LiteLLM's own class again when they are read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import litellm
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra import MultiModelAPI, Request, Response
from orchestra.llm.arguments import arguments
from orchestra.llm.stored import restored, stored
from orchestra.resilience.store import DIGEST, FILE, cache_place
from orchestra.testing import Answer, Provider
from orchestra.testing.provider import Citation, ToolCall

from .conftest import KINDS, settings
from .test_matrix import EMBEDDING, TOOL, WITHOUT_TOOLS

FORMAT = {"type": "json_object"}


@pytest.fixture
def kept(provider: Provider) -> Iterator[MultiModelAPI]:
    """A client with a cache around each provider's model."""
    policies = {f"kept-{kind}": {"kind": "cached", "model": kind} for kind in KINDS}
    policies |= {f"kept-{kind}-embedding": {"kind": "cached", "model": f"{kind}:embedding"} for kind in EMBEDDING}
    policies["kept-rerank"] = {"kind": "cached", "model": "cohere:rerank"}
    with MultiModelAPI(settings(provider, policies=policies)) as kept:
        yield kept


async def twice(api: MultiModelAPI, provider: Provider, model: str, **options: object) -> tuple[Response, Response]:
    """The same question twice, the second time from the disk: the provider is asked once."""
    before = len(provider.calls)
    first = await api.generate("What does it cost?", model, **options)
    for store in api.tree.runtime.stores.values():
        store.close()
    second = await api.generate("What does it cost?", model, **options)
    assert len(provider.calls) == before + 1
    return first, second


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_comes_back_as_it_was(kept: MultiModelAPI, provider: Provider, kind: str) -> None:
    """Text, reasoning, citations and LiteLLM's own response with all its fields; only the money differs."""
    provider.reply(
        Answer(
            text="The price is forty-nine.",
            reasoning="it says so",
            citations=[Citation("http://127.0.0.1/x", "X", 0, 9)] if kind in ("perplexity", "cohere") else (),
            input_tokens=21,
            output_tokens=9,
        )
    )
    first, second = await twice(kept, provider, f"kept-{kind}")
    assert type(second.raw) is litellm.ModelResponse
    assert second.raw.model_dump() == first.raw.model_dump()
    assert second.raw._hidden_params["response_cost"] == 0
    parts = ("text", "model", "name", "result", "reasoning", "citations", "tool_calls", "finish_reason", "success")
    assert [getattr(second, part) for part in parts] == [getattr(first, part) for part in parts]
    assert second.cost_usd == 0
    (attempt,) = second.attempts
    assert attempt.saved == first.cost_usd
    assert (attempt.provider, attempt.served) == (first.attempts[0].provider, first.attempts[0].served)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in WITHOUT_TOOLS])
async def test_tool_calls_come_back_as_litellms_own(kept: MultiModelAPI, provider: Provider, kind: str) -> None:
    """So that they can be sent back in the next message."""
    provider.reply(Answer(tool_calls=[ToolCall("price", {"product": "lamp"})]))
    first, second = await twice(kept, provider, f"kept-{kind}", tools=[TOOL])
    assert second.tool_calls == first.tool_calls != ()
    assert second.tool_calls[0].function.name == "price"
    assert second.tool_calls[0] is second.raw.choices[0].message.tool_calls[0]


async def test_streams_share_answers_with_plain_calls(kept: MultiModelAPI, provider: Provider) -> None:
    """The first is live; then both are answered from the cache."""
    provider.reply(Answer(text="one two three four"))
    stream = kept.generate_stream("Count", "kept-openai")
    chunks = [chunk.text async for chunk in stream if chunk.text]
    assert len(chunks) > 2
    before = len(provider.calls)
    again = kept.generate_stream("Count", "kept-openai")
    assert [chunk.text async for chunk in again if chunk.text] == ["one two three four"]
    assert again.response.cost_usd == 0
    assert (await kept.generate("Count", "kept-openai")).text == stream.response.text
    assert len(provider.calls) == before


async def test_structured_answers_are_read_again(kept: MultiModelAPI, provider: Provider) -> None:
    """JSON mode gives plain data both times."""
    provider.reply(Answer(text='{"price": 49}'))
    first, second = await twice(kept, provider, "kept-openai", response_format=FORMAT)
    assert first.parsed == second.parsed == second.result == {"price": 49}


@pytest.mark.parametrize("kind", EMBEDDING)
async def test_vectors_come_back_as_they_were(kept: MultiModelAPI, provider: Provider, kind: str) -> None:
    """Float by float, and once in the cache, not twice."""
    before = len(provider.calls)
    model = f"kept-{kind}-embedding"
    first = await kept.embed(["the brass lamp", "an oak chair"], model)
    assert (await kept.embed(["the brass lamp", "a glass table"], model)).result != first.result
    for store in kept.tree.runtime.stores.values():
        store.close()
    second = await kept.embed(["the brass lamp", "an oak chair"], model)
    assert second.result == first.result
    assert type(second.raw) is litellm.EmbeddingResponse
    assert second.raw.model_dump() == first.raw.model_dump()
    assert len(provider.calls) == before + 2
    with closing(sqlite3.connect(cache_place() / FILE)) as connection:
        (text,) = connection.execute("SELECT value FROM Cache ORDER BY rowid").fetchone()
    assert json.loads(text[DIGEST:])["result"] is None


async def test_rankings_come_back_as_they_were(kept: MultiModelAPI, provider: Provider) -> None:
    """Index and score of each document."""
    before = len(provider.calls)
    first = await kept.rerank("which?", ["a", "b"], "kept-rerank")
    second = await kept.rerank("which?", ["a", "b"], "kept-rerank")
    assert second.result == first.result
    assert type(second.raw) is type(first.raw)
    assert len(provider.calls) == before + 1


async def test_an_answer_that_was_cut_is_asked_for_again(kept: MultiModelAPI, provider: Provider) -> None:
    """At `max_tokens`: it is not what a later caller wants."""
    provider.reply(Answer(text="one two three"), Answer(text="one two three"))
    before = len(provider.calls)
    for _ in range(2):
        assert not (await kept.generate("Count", "kept-openai", max_tokens=2)).success
    assert len(provider.calls) == before + 2


async def test_who_asks_for_it_is_not_answered_from_the_cache(kept: MultiModelAPI, provider: Provider) -> None:
    """With a cache in between or without, LiteLLM is not told `cache=False`; its own `cache` is a dict, and passes."""
    before = len(provider.calls)
    for name in ("kept-openai", "kept-openai", "openai"):
        await kept.generate("Now?", name, cache=False)
    assert len(provider.calls) == before + 3
    (model,) = kept.tree.find("openai").members
    assert "cache" not in arguments(model, Request(params={"cache": False}))
    assert arguments(model, Request(params={"cache": {"ttl": 5}}))["cache"] == {"ttl": 5}


async def test_the_ledger_has_what_was_saved(kept: MultiModelAPI, provider: Provider) -> None:
    """A hit is a row of its own: nothing paid, nothing held, the price of the first in `saved`."""
    provider.reply(Answer(text="The price is forty-nine.", input_tokens=21, output_tokens=9))
    first, second = await twice(kept, provider, "kept-openai")
    ledger = kept.tree.money.ledger
    paid, hit = ledger.rows(request=first.id) + ledger.rows(request=second.id)
    assert paid.cost_usd == hit.saved_usd == first.cost_usd
    assert (hit.cost_usd, hit.held, hit.basis, hit.labels["cache"]) == (Decimal(0), 0, "usage", "hit")
    assert (hit.model, hit.total_tokens) == (paid.model, 30)
    assert ledger.audit() == []


async def test_a_budget_that_is_used_up_lets_hits_through(provider: Provider) -> None:
    """They cost nothing, so nothing is held for them."""
    provider.reply(Answer(text="The price is forty-nine.", input_tokens=21, output_tokens=9))
    policies = {"kept": {"kind": "cached", "model": "openai"}}
    with MultiModelAPI(settings(provider, policies=policies)) as api:
        first = await api.generate("What?", "kept", max_tokens=50)
        assert (await api.generate("What?", "kept", max_tokens=50, max_cost_usd=0)).text == first.text


async def test_no_key_of_a_provider_is_written_down(kept: MultiModelAPI, provider: Provider) -> None:
    """Nor the address that it is used at: LiteLLM's hidden parameters stay out."""
    provider.reply(Answer(text="The price is forty-nine."))
    await twice(kept, provider, "kept-openai")
    written = b"".join(path.read_bytes() for path in cache_place().iterdir())
    assert b"forty-nine" in written
    assert b"canary-key" not in written
    assert provider.url.encode() not in written


FIELDS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda parts: (
        st.lists(parts, max_size=2)
        | st.dictionaries(st.sampled_from(["message", "choices", "role", "x"]), parts, max_size=2)
    ),
    max_leaves=4,
)
NAMES = st.sampled_from(["choices", "usage", "data", "results", "id", "model", "hidden_params", "stream", "x"])


@given(st.sampled_from(["ModelResponse", "EmbeddingResponse", "RerankResponse"]), st.dictionaries(NAMES, FIELDS))
async def test_forged_fields_make_a_response_or_a_value_error(kind: str, fields: dict[str, object]) -> None:
    """Whatever they are."""
    try:
        raw = await restored(kind, fields)
    except ValueError:
        return
    assert type(raw).__name__ == kind


async def test_only_litellms_responses_are_written_and_made() -> None:
    """No other class is looked up by its name."""
    assert stored(object()) is None
    assert stored(type("ModelResponse", (), {})()) is None
    for kind in ("Router", "completion", "__import__", "", "model_list"):
        with pytest.raises(ValueError, match="no response of LiteLLM's"):
            await restored(kind, {})
