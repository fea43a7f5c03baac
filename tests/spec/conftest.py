"""What the spec's examples find: every provider on loopback, reached by the environment alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestra.build
from orchestra import APISettings, MultiModelAPI
from orchestra.catalog import Catalog
from orchestra.testing import Provider

CATALOG = Catalog()
CLASSIC = Path(__file__).parents[2] / "config" / "classic.yaml"
ENVIRONMENT = {
    "openai": ("OPENAI_API_KEY", "OPENAI_API_BASE"),
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_API_BASE"),
    "gemini": ("GEMINI_API_KEY", "GEMINI_API_BASE"),
    "groq": ("GROQ_API_KEY", "GROQ_API_BASE"),
    "mistral": ("MISTRAL_API_KEY", "MISTRAL_AZURE_API_BASE"),
    "cohere": ("COHERE_API_KEY", "COHERE_API_BASE"),
    "perplexity": ("PERPLEXITY_API_KEY", "PERPLEXITY_API_BASE"),
    "together_ai": ("TOGETHER_API_KEY", "TOGETHER_AI_API_BASE"),
}
"""The variables by which LiteLLM finds each provider's key and address."""


@pytest.fixture(autouse=True)
def one_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are read once for all clients of these tests."""
    monkeypatch.setattr(orchestra.build, "Catalog", lambda map_path=None: CATALOG)


@pytest.fixture(scope="package")
def stand_in() -> Iterator[Provider]:
    """One address for all tests: LiteLLM keeps an HTTP client for each."""
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(stand_in: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """Every provider of the spec, with a key in the environment and an address on loopback."""
    import litellm

    monkeypatch.setattr(litellm, "suppress_debug_info", True)  # else it prints a banner for models without a row
    stand_in.reset()
    for name, (key, address) in ENVIRONMENT.items():
        monkeypatch.setenv(key, f"key-of-{name}")
        monkeypatch.setenv(address, stand_in.api_base(name))
    return stand_in


@pytest.fixture
def plain() -> Iterator[MultiModelAPI]:
    """A client with the spec's settings and no key: it can decide, and calls nothing."""
    with MultiModelAPI(APISettings()) as api:
        yield api


@pytest.fixture(params=["APISettings()", "classic.yaml"])
def either(request: pytest.FixtureRequest) -> Iterator[MultiModelAPI]:
    """The spec's rule table, in its two forms."""
    with MultiModelAPI(APISettings() if request.param == "APISettings()" else CLASSIC) as api:
        yield api
