"""Clients whose providers are a stand-in on loopback; those that are named have a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import orchestra.build
from orchestra import APISettings, MultiModelAPI, ProviderConfig
from orchestra.catalog import Catalog
from orchestra.settings import Secret
from orchestra.testing import Provider

WIRES = {"openai": "openai", "anthropic": "anthropic", "google": "gemini", "groq": "groq", "mistral": "mistral"}
CATALOG = Catalog()

Client = Callable[..., MultiModelAPI]


@pytest.fixture(autouse=True)
def one_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are read once for all clients of these tests."""
    monkeypatch.setattr(orchestra.build, "Catalog", lambda map_path=None: CATALOG)


@pytest.fixture(scope="package")
def stand_in() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(stand_in: Provider) -> Provider:
    stand_in.reset()
    return stand_in


@pytest.fixture
def client(provider: Provider) -> Iterator[Client]:
    """Makes a client with keys for some providers."""
    made: list[MultiModelAPI] = []

    def make(*keyed: str, **settings: Any) -> MultiModelAPI:
        providers = {
            name: ProviderConfig(api_key=Secret("sk-test"), base_url=provider.api_base(WIRES[name]))
            for name in keyed or WIRES
        }
        unlimited = {"max_requests_per_minute": None, "daily_budget_usd": None, "ledger": {"durability": "process"}}
        api = MultiModelAPI(APISettings(**{"providers": providers, **unlimited, **settings}))
        made.append(api)
        return api

    yield make
    for api in made:
        api.close()
