"""The spec's model ensembles: four classes, their examples as written, and their configuration."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from orchestra import APISettings, EnsembleConfig, MultiModelAPI
from orchestra.testing import Answer, Provider

from .reading import example, run

pytestmark = pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")

SIGNATURES = {
    "VotingEnsemble.predict": ["prompt", "models"],
    "RankingEnsemble.generate": ["prompt", "models"],
    "FusionEnsemble.extract_structured": ["prompt", "models"],
    "VerificationEnsemble.generate_and_verify": ["prompt", "generator_model", "validator_model"],
}


def spec_class(name: str) -> Any:
    """A class of the spec, from the package."""
    import orchestra

    return getattr(orchestra, name)


@pytest.mark.parametrize(("name", "parameters"), SIGNATURES.items(), ids=SIGNATURES)
def test_ensemble_method(name: str, parameters: list[str]) -> None:
    """By the spec's name, with the spec's parameters first; it is async, and its class needs no argument."""
    owner, _, method = name.partition(".")
    function = getattr(spec_class(owner)(), method)
    assert list(inspect.signature(function).parameters)[: len(parameters)] == parameters
    assert inspect.iscoroutinefunction(function)


async def test_the_example_of_voting(provider: Provider) -> None:
    """Three models agree on the price."""
    provider.always("$49.99")
    source = example("class VotingEnsemble", "# Example")
    names = await run(source, VotingEnsemble=spec_class("VotingEnsemble"))
    assert names["result"] == {"result": "$49.99", "confidence": 1.0, "votes": {"$49.99": 3}}


async def test_the_example_of_ranking(provider: Provider) -> None:
    """Three explanations, the best first."""
    provider.on("openai").always(Answer("Find the price element, then read its text."))
    provider.on("anthropic").always(Answer("Search for a currency sign."))
    source = example("class RankingEnsemble", "# Example")
    names = await run(source, RankingEnsemble=spec_class("RankingEnsemble"))
    results = names["results"]
    assert names["best_result"] is results[0]
    assert {result["model"] for result in results} == {"gpt-4-turbo", "claude-3-5-sonnet", "gemini-1.5-pro"}
    assert all(set(result) == {"model", "output", "quality_score"} for result in results)
    scores = [result["quality_score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


async def test_the_example_of_fusion(provider: Provider) -> None:
    """Name, price and rating, each from those who have it."""
    provider.on("openai").always('{"name": "Lamp", "price": "$10", "rating": null}')
    provider.on("gemini").always('{"name": "Lamp", "price": "$10", "rating": "4.5"}')
    provider.on("anthropic").always('{"name": "Lamp", "price": "$12", "rating": "4.5"}')
    source = example("class FusionEnsemble", "# Example")
    names = await run(source, FusionEnsemble=spec_class("FusionEnsemble"))
    assert names["product"] == {"name": "Lamp", "price": "$10", "rating": "4.5"}


async def test_the_example_of_verification(provider: Provider) -> None:
    """Groq generates, Claude verifies."""
    provider.on("groq").always("$10, $12")
    source = example("class VerificationEnsemble", "# Example")
    names = await run(source, VerificationEnsemble=spec_class("VerificationEnsemble"))
    result = names["result"]
    assert set(result) == {"output", "verification", "confidence"}
    assert result["output"] == "$10, $12"
    assert isinstance(result["verification"], str)
    assert provider.calls[0].provider == "groq"


ENSEMBLE_CONFIG: dict[str, Any] = {
    "enabled": False,
    "strategy": "voting",
    "models": [],
    "min_agreement": 0.67,
    "quality_metric": "accuracy",
    "generator_model": None,
    "validator_model": None,
}


@pytest.mark.parametrize(("field", "default"), ENSEMBLE_CONFIG.items(), ids=ENSEMBLE_CONFIG)
def test_ensemble_config_field(field: str, default: Any) -> None:
    """With the spec's default; `strategy` and `quality_metric` have none there, and are what decisions.md says."""
    assert getattr(EnsembleConfig(), field) == default


@pytest.mark.parametrize("strategy", ["voting", "ranking", "fusion", "verification"])
@pytest.mark.parametrize("metric", ["coherence", "accuracy", "completeness"])
def test_every_strategy_and_metric_can_be_named(strategy: Any, metric: Any) -> None:
    """All that the spec lists."""
    config = EnsembleConfig(strategy=strategy, quality_metric=metric)
    assert (config.strategy, config.quality_metric) == (strategy, metric)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("vote", "voting"), ("rank", "ranking"), ("fuse", "fusion"), ("verify", "verification")]
)
def test_our_spellings_of_the_strategies_are_the_specs(ours: Any, theirs: str) -> None:
    """Both work everywhere."""
    assert EnsembleConfig(strategy=ours).strategy == theirs


@pytest.mark.parametrize("strategy", ["voting", "ranking", "fusion", "verification"])
async def test_an_enabled_ensemble_is_what_generate_runs(provider: Provider, strategy: Any) -> None:
    """Without `model=`: every member is asked."""
    members = ["gpt-4o-mini", "gemini-1.5-flash", "groq/llama-3.1-70b"]
    provider.always('{"price": "$5"}')
    ensemble = EnsembleConfig(enabled=True, strategy=strategy, models=members)
    with MultiModelAPI(APISettings(ensemble=ensemble)) as api:
        response = await api.generate("hello")
    assert {attempt.name for attempt in response.attempts} >= set(members[:2])
