"""What the promises are tested with: a stand-in provider for each test, and clients that call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import orchestra.build
from orchestra import APISettings, MultiModelAPI, ProviderConfig, Runtime
from orchestra.catalog import Catalog
from orchestra.ledger import Ledger
from orchestra.resilience import Cooldowns
from orchestra.settings import Secret
from orchestra.testing import FakeClock, Provider

KINDS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "groq": "groq",
    "mistral": "mistral",
    "cohere": "cohere",
    "perplexity": "perplexity",
    "together": "together_ai",
    "ollama": "ollama_chat",
    "vllm": "hosted_vllm",
    "lm_studio": "lm_studio",
}
"""Our name of every kind of provider, and the stand-in's."""

SELF_HOSTED = ("ollama", "vllm", "lm_studio")
CATALOG = Catalog()

Client = Callable[..., MultiModelAPI]
"""Makes a client of the stand-in from fields of `APISettings`; `key` is the key of every provider."""


@pytest.fixture(autouse=True)
def one_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are read once for all clients of these tests."""
    monkeypatch.setattr(orchestra.build, "Catalog", lambda map_path=None: CATALOG)


@pytest.fixture(scope="package")
def stand_in() -> Iterator[Provider]:
    """One address for all tests: LiteLLM keeps an HTTP client for each, and drops them unclosed when they are many."""
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(stand_in: Provider) -> Provider:
    """Every provider, on loopback, with empty books and no rules."""
    stand_in.reset()
    return stand_in


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def kinds() -> dict[str, str]:
    """Our name of every kind of provider, and the stand-in's."""
    return KINDS


@pytest.fixture(scope="package")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """One ledger for all clients that have no budget."""
    ledger = Ledger(tmp_path_factory.mktemp("books") / "ledger.db", durability="process")
    yield ledger
    ledger.close()


@pytest.fixture
def client(provider: Provider, clock: FakeClock, books: Ledger) -> Iterator[Client]:
    """Makes a client that reaches every provider on loopback, waits in no time, and jitters to the upper end.

    It has no rate limit and no budget unless they are named; with a budget it has a ledger of its own.
    """
    made: list[MultiModelAPI] = []

    def make(key: str = "sk-test", **settings: Any) -> MultiModelAPI:
        runtime = Runtime(clock=clock, sleep=clock.sleep, uniform=lambda low, high: high, cooldowns=Cooldowns(clock))
        unlimited = {"max_requests_per_minute": None, "daily_budget_usd": None, "retry_delay_seconds": 1}
        fields = {"providers": configured(provider, key), "ledger": {"durability": "process"}, **unlimited, **settings}
        budgeted = "daily_budget_usd" in settings or "budgets" in settings
        runtime.ledger = None if budgeted else books
        api = MultiModelAPI(APISettings(**fields), runtime=runtime)
        if budgeted:
            made.append(api)
        return api

    yield make
    for api in made:
        api.close()


def configured(provider: Provider, key: str) -> dict[str, ProviderConfig]:
    """Every provider at the stand-in's address."""
    return {
        name: ProviderConfig(
            api_key=Secret(key),
            base_url=provider.api_base(wire),
            models={"default": "m"} if name in SELF_HOSTED else {},
        )
        for name, wire in KINDS.items()
    }


@pytest.fixture
def paying(provider: Provider) -> Iterator[Client]:
    """Makes a client of the stand-in on real clocks, without retries, under one budget of $0.01 unless told."""
    made: list[MultiModelAPI] = []

    def make(**settings: Any) -> MultiModelAPI:
        fields: dict[str, Any] = {
            "providers": configured(provider, "sk-test"),
            "budgets": {"cap": {"limit_usd": "0.01", "per": "total"}},
            "ledger": {"durability": "process"},
            "router": None,
            "max_retries": 0,
            "retry_delay_seconds": 0,
            "max_requests_per_minute": None,
            "daily_budget_usd": None,
        }
        made.append(MultiModelAPI(APISettings(**{**fields, **settings})))
        return made[-1]

    yield make
    for api in made:
        api.close()
