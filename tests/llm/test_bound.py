"""The worst case of a call: never less than what it can come to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra import ModelConfig
from orchestra.catalog import Card, Catalog
from orchestra.llm.bound import input_bound, most_usd

ROW = {
    "input_cost_per_token": 1e-6,
    "input_cost_per_token_above_200k_tokens": 2e-6,
    "input_cost_per_token_priority": 9e-6,
    "output_cost_per_token": 4e-6,
    "output_cost_per_reasoning_token": 5e-6,
}


def model(provider: str = "openai", free: bool = False, **row: Any) -> ModelConfig:
    return ModelConfig("m", Card("m", "openai/m", provider, row={**ROW, **row}, free=free), provider)


def chat(content: Any = "hello", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], "max_tokens": 100, **more}


@given(st.text(max_size=300))
def test_no_tokenizer_counts_more_than_the_bound(text: str) -> None:
    """For any text, LiteLLM's own tokenizer stays below it."""
    import litellm

    sent = chat(text)
    bound = input_bound(model(), sent, "chat")
    assert bound is not None
    assert litellm.token_counter(model="gpt-4o", messages=sent["messages"]) <= bound


def test_the_dearest_rate_that_can_apply_is_taken() -> None:
    """Reasoning tokens may cost more than others; the answer may be as long as it was allowed to be, n times."""
    inputs = input_bound(model(), chat(), "chat")
    assert inputs is not None
    assert most_usd(model(), chat(n=3), "chat") == inputs * Decimal("0.000001") + 300 * Decimal("0.000005")


def test_a_tier_counts_where_the_input_can_reach_it_and_the_priority_price_where_it_is_asked_for() -> None:
    """A short prompt is not held at the price of a long one."""
    short, long = chat(), chat("x" * 250_000)
    assert most_usd(model(), long, "chat", 250_000) == Decimal("0.5") + Decimal("0.0005")
    cheap, dear = most_usd(model(), short, "chat"), most_usd(model(), chat(service_tier="priority"), "chat")
    assert cheap is not None
    assert dear is not None
    assert cheap < dear


def test_an_image_counts_at_its_providers_formula() -> None:
    """And has no bound where there is no formula."""
    sent = chat([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "http://x/y.png"}}])
    assert (input_bound(model(), sent, "chat") or 0) > 48_000
    assert input_bound(model("nobody"), sent, "chat") is None
    assert most_usd(model("nobody"), sent, "chat") is None


@pytest.mark.parametrize("part", ["input_audio", "video_url", "file"])
def test_what_has_no_bound_is_not_guessed(part: str) -> None:
    """Audio, video and files may be of any length."""
    assert most_usd(model(), chat([{"type": part}]), "chat") is None


def test_without_a_cap_on_the_answer_there_is_no_bound() -> None:
    """An unlimited answer can cost anything."""
    sent = chat()
    del sent["max_tokens"]
    assert most_usd(model(), sent, "chat") is None


def test_a_free_model_costs_nothing_and_an_unpriced_one_is_unknown() -> None:
    """Unknown is not zero."""
    assert most_usd(model(free=True), chat(), "chat") == 0
    assert most_usd(model(input_cost_per_token=None), chat(), "chat") is None


def test_tools_and_schemas_count_as_input() -> None:
    """They are sent, and billed, with the messages."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    bare, tooled = input_bound(model(), chat(), "chat"), input_bound(model(), chat(tools=[tool]), "chat")
    assert bare is not None
    assert tooled is not None
    assert tooled > bare + len(str(tool)) - 10


def test_embeddings_and_reranking_are_bounded_too() -> None:
    """By the bytes of the texts, and by the number of searches."""
    assert most_usd(model(), {"input": ["ab", "cd"]}, "embedding") == Decimal("0.000036")
    reranker = model(input_cost_per_query=0.002)
    assert most_usd(reranker, {"documents": ["x"] * 50}, "rerank") == Decimal("0.002")
    assert most_usd(reranker, {"documents": ["x"] * 150}, "rerank") == Decimal("0.004")


def test_every_role_model_of_the_catalogue_has_a_bound() -> None:
    """Under a budget the shipped policies can be used."""
    catalog = Catalog()
    for provider in catalog.providers():
        for role, name in provider.models.items():
            card = catalog.find(f"{provider.litellm}/{name}") or catalog.find(name)
            if card is not None and card.mode == "chat":
                bound = most_usd(ModelConfig(name, card, provider.name), chat(), "chat")
                assert bound is not None, (provider.name, role, name)
