"""Ensembles from settings and from the spec's words: what they say, what they leave open, what is wrong with them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import BaseModel

from orchestra import APISettings, ConfigError, EnsembleConfig, MultiModelAPI
from orchestra.build import build
from orchestra.ensemble import Fuse, Rank, Verify
from orchestra.ensemble.checks import Checked, Fits, Matches
from orchestra.ensemble.judges import Pairwise, Pointwise
from orchestra.ensemble.order import BradleyTerry
from orchestra.llm.library import imported
from orchestra.resilience.key import identity_of
from orchestra.settings import parse
from orchestra.testing import Fault, Provider

from .conftest import Client

TWO = ["gpt-4o-mini", "groq"]


class Lamp(BaseModel):
    name: str
    price: float


def node(text: str) -> Any:
    return build(parse(f"policies:\n  p: {{{text}}}\n", "o.yaml")).find("p").model


def mistake(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        node(text)
    return str(caught.value)


def test_a_policy_says_how_answers_are_ranked() -> None:
    """Judge, measure, method, order and checks."""
    ranked = node("kind: rank, models: [gpt-4o, groq], judge: claude-3-haiku, metric: coherence, order: bradley_terry")
    assert isinstance(ranked, Rank)
    assert [name for name, _ in ranked.models] == ["gpt-4o", "groq"]
    assert isinstance(ranked.judge, Pairwise)
    assert (ranked.judge.measure, ranked.judge.order) == ("coherence", BradleyTerry())
    assert ranked.judge.asked.name == "claude-3-haiku"
    assert isinstance(node("kind: rank, models: [gpt-4o, groq], method: pointwise").judge, Pointwise)
    checked = node('kind: rank, models: [gpt-4o, groq], judge: null, checks: [{pattern: "x"}, {json_schema: {}}]')
    assert isinstance(checked.judge, Checked)
    assert [type(check) for check in checked.judge.checks] == [Matches, Fits]
    assert checked.judge.judge is None


def test_ensembles_nest() -> None:
    """A member may be a tree of its own, with a name."""
    text = "kind: fuse, models: [gpt-4o, {kind: verify, generator: groq, max_rounds: 0}], arbiter: gpt-4o-mini"
    fused = node(text)
    assert isinstance(fused, Fuse)
    assert [name for name, _ in fused.models] == ["gpt-4o", "p.models[1]"]
    assert isinstance(fused.models[1][1], Verify)
    assert fused.records.arbiter is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: rank, models: [gpt-4o]", "two members or more"),
        ("kind: rank, models: [gpt-4o, gpt-4o-mni]", "did you mean 'gpt-4o-mini'?"),
        ("kind: rank, models: [gpt-4o, groq], judge: gpt-4o-mni", "judge"),
        ("kind: rank, models: [gpt-4o, groq], judge: null", "there must be 'checks'"),
        ("kind: verify, generator: groq, validator: null", "there must be 'checks'"),
        ('kind: verify, checks: [{pattern: "("}]', "no regular expression"),
        ("kind: verify, checks: [{}]", "a check is one of"),
        ("kind: fuse, models: [gpt-4o, groq], weights: {gpt-4: 2}", "'gpt-4' is no member; there are gpt-4o, groq"),
        ("kind: fuse, models: [gpt-4o, groq], json_schema: {type: lamp}", "no JSON schema"),
    ],
)
def test_what_is_wrong_with_an_ensemble_is_said_before_it_is_asked(text: str, said: str) -> None:
    """With file and line."""
    assert mistake(text).startswith("o.yaml:2: policies.p")
    assert said in mistake(text)


def test_two_ensembles_are_the_same_to_a_cache_only_where_they_are_written_alike() -> None:
    """Those that leave their members open too."""
    texts = [
        "kind: rank",
        "kind: fuse",
        "kind: vote",
        "kind: rank, metric: coherence",
        "kind: rank, models: [gpt-4o, groq]",
    ]
    assert len({identity_of(node(text)) for text in [*texts, *texts]}) == len(texts)


def test_the_flat_fields_are_the_policy_ensemble() -> None:
    """One of the two forms, and only where they are named."""
    flat = build(parse("ensemble: {strategy: rank, models: [gpt-4o, groq], quality_metric: completeness}\n"))
    assert isinstance(flat.find("ensemble").model, Rank)
    assert flat.find("ensemble").model.judge.measure == "completeness"  # type: ignore[attr-defined]  # a Pairwise
    assert "ensemble" not in build(parse("default_model: gpt-4o\n")).policies
    with pytest.raises(ConfigError, match="says the same as"):
        build(parse("ensemble: {models: [gpt-4o, groq]}\npolicies: {ensemble: gpt-4o}\n"))


@pytest.mark.parametrize(
    ("strategy", "options", "said"),
    [
        ("choir", {}, "no ensemble strategy is called 'choir'"),
        ("fusion", {"models": ["gpt-4o"]}, "two members or more"),
        ("ranking", {"models": TWO, "quality_metric": 3}, "metric"),
        ("ranking", {"models": ["gpt-4o", "nobody-knows"]}, "no model or policy is called 'nobody-knows'"),
    ],
)
async def test_a_word_that_is_wrong_costs_nothing(client: Client, strategy: str, options: Any, said: str) -> None:
    """It is an error before anything is sent."""
    with pytest.raises(ConfigError, match=said):
        await client().generate_ensemble("hi", strategy, **options)


async def test_what_is_no_word_of_the_strategy_goes_to_the_models(client: Client, provider: Provider) -> None:
    """And a word of the strategy does not."""
    provider.always("yes")
    await client().generate_ensemble("hi", "rank", TWO, quality_metric="coherence", max_tokens=7)
    assert all(7 in call.body.values() for call in provider.calls)
    assert all("quality_metric" not in call.body and "metric" not in call.body for call in provider.calls)


async def test_a_schema_comes_back_as_an_instance(client: Client, provider: Provider) -> None:
    """Of every strategy, whether the node or the model's own JSON mode sees to it."""
    provider.always('{"name": "Lamp", "price": 9}')
    api = client()
    fused = await api.generate_ensemble("Extract.", "fusion", TWO, schema=Lamp)
    assert fused.result == fused.parsed == Lamp(name="Lamp", price=9)
    ranked = await api.generate_ensemble("Extract.", "ranking", TWO, schema=Lamp)
    assert ranked.parsed == Lamp(name="Lamp", price=9)


async def test_the_judge_is_the_strongest_of_another_family(client: Client, provider: Provider) -> None:
    """That has a key; of the members' own where there is no other."""
    provider.on("openai").always("one answer")
    provider.on("groq").always("another, longer answer")
    response = await client("openai", "groq", "anthropic").generate_ensemble("hi", "ranking", TWO)
    assert {attempt.model for attempt in response.attempts[2:]} == {"anthropic/claude-opus-5-5"}
    response = await client("openai").generate_ensemble("hi", "verification", ["gpt-4o-mini"])
    assert [attempt.model for attempt in response.attempts] == ["openai/gpt-4o-mini", "openai/gpt-5.5"]


async def test_an_unnamed_generator_is_fast_and_its_validator_of_another_family(
    client: Client, provider: Provider
) -> None:
    """Chosen for each request among those with a key."""
    provider.always(json.dumps({"issues": [], "correct": True, "confidence": 0.9}))
    response = await client("openai", "anthropic").generate_ensemble("hi", "verification")
    assert [attempt.model for attempt in response.attempts] == ["openai/gpt-6-luna", "anthropic/claude-opus-5-5"]
    assert response.success


async def test_an_empty_panel_is_picked_of_different_families(client: Client, provider: Provider) -> None:
    """Fast ones; the best for what is important, the cheapest for a small budget."""
    provider.always('{"price": 1}')
    api = client()
    for priority, first in (("normal", "gpt-6-luna"), ("high", "gpt-6.1-sol"), ("budget", "gpt-6-luna")):
        response = await api.generate_ensemble("hi", "fusion", priority=priority)
        models = {attempt.provider: attempt.model for attempt in response.attempts}
        assert models.keys() == {"openai", "google", "anthropic"}, priority
        assert models["openai"] == f"openai/{first}"


async def test_a_panel_gives_way_to_a_cheaper_one_that_the_budget_has_room_for(
    client: Client, provider: Provider
) -> None:
    """Before anything is sent: the dear panel is refused as a whole."""
    provider.always('{"price": 1}')
    api = client()
    response = await api.generate_ensemble("hi", "fusion", priority="high", max_cost_usd="0.06")
    assert "openai/gpt-6-luna" in {attempt.model for attempt in response.attempts}
    assert len(provider.calls) == 3


async def test_a_panel_of_one_provider_has_several_of_its_models(client: Client, provider: Provider) -> None:
    """Where there is only one key; with none, the variables to set are named."""
    provider.always('{"price": 1}')
    response = await client("openai").generate_ensemble("hi", "fusion")
    assert len({attempt.model for attempt in response.attempts}) >= 2
    with MultiModelAPI(APISettings(daily_budget_usd=None)) as keyless, pytest.raises(Exception, match="OPENAI_API_KEY"):
        await keyless.generate_ensemble("hi", "fusion")


def test_an_enabled_ensemble_is_asked_by_default_and_a_named_model_is_not(client: Client, provider: Provider) -> None:
    """In the sync twin too."""
    provider.always('{"price": 1}')
    api = client(ensemble=EnsembleConfig(enabled=True, strategy="fusion", models=TWO))
    assert len(api.generate_sync("hi").attempts) == 2
    assert len(api.generate_sync("hi", model="gpt-4o-mini").attempts) == 1
    assert len(client().generate_ensemble_sync("hi", "fuse", TWO).attempts) == 2


@pytest.mark.parametrize(("strategy", "asked"), [("voting", 3), ("ranking", 3), ("fusion", 3), ("verification", 1)])
async def test_a_cancelled_ensemble_closes_every_upstream_and_settles_every_hold(
    client: Client, provider: Provider, strategy: str, asked: int
) -> None:
    """While all of its members think: each is booked at the most that it may cost, and nothing is held."""
    api = client(daily_budget_usd=5.0)
    imported()  # which takes longer than a provider waits
    provider.always(Fault.HANG)
    task = asyncio.ensure_future(api.generate_ensemble("hi", strategy, ["gpt-4o-mini", "groq", "mistral"]))
    await asyncio.to_thread(provider.arrived, asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    records = await asyncio.to_thread(provider.settled)
    assert [record.closed_early for record in records] == [True] * asked
    ledger = api.tree.money.ledger
    entries = ledger.entries()
    assert [entry.error for entry in entries] == ["CancelledError"] * asked
    assert all(entry.amount == entry.held for entry in entries)
    assert (ledger.holds(), ledger.audit()) == ([], [])
