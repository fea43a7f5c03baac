"""LiteLLM alone and LiteLLM with Orchestra, asked the same of the same server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import litellm
import pytest

import orchestra.build
from orchestra import APISettings, MultiModelAPI, ProviderConfig, install, uninstall
from orchestra.catalog import Catalog
from orchestra.settings import Secret
from orchestra.testing import Provider

MODELS = {
    "openai": "openai/gpt-4o-mini",
    "anthropic": "anthropic/claude-haiku-5-5",
    "google": "gemini/gemini-2.5-flash-lite",
    "groq": "groq/openai/gpt-oss-20b",
    "mistral": "mistral/mistral-small-latest",
    "cohere": "cohere/command-r7b-12-2024",
    "perplexity": "perplexity/sonar",
    "together": "together_ai/openai/gpt-oss-120b",
    "ollama": "ollama_chat/llama3",
    "vllm": "hosted_vllm/qwen",
    "lm_studio": "lm_studio/qwen",
}
"""A LiteLLM id at each provider."""

WIRES = {kind: model.partition("/")[0] for kind, model in MODELS.items()}
EMBEDDERS = {"openai": "openai/text-embedding-3-small", "google": "gemini/gemini-embedding-001"}
POLICIES: dict[str, Any] = {
    **{f"the-{kind}": model for kind, model in MODELS.items()},
    **{f"embed-{kind}": model for kind, model in EMBEDDERS.items()},
    "reasoner": "openai/gpt-5-nano",
    "chain": {"kind": "fallback", "models": ["openai/gpt-4o-mini", "anthropic/claude-haiku-5-5"]},
}
HELLO = [{"role": "user", "content": "What is two and two?"}]
CATALOG = Catalog()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """LiteLLM leaves the connections of its own sync clients to the garbage collector."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))


@pytest.fixture(autouse=True)
def one_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are read once for all clients of these tests."""
    monkeypatch.setattr(orchestra.build, "Catalog", lambda map_path=None: CATALOG)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM prints no banners, and whatever a test installs is gone after it."""
    monkeypatch.setattr(litellm, "suppress_debug_info", True)
    monkeypatch.setattr(litellm, "disable_hf_tokenizer_download", True, raising=False)


@pytest.fixture(scope="package")
def stand_in() -> Iterator[Provider]:
    with Provider(strict=False) as provider:
        yield provider


@pytest.fixture
def provider(stand_in: Provider) -> Provider:
    """Every provider, on loopback, with empty books and no rules."""
    stand_in.reset()
    return stand_in


def settings(provider: Provider, **more: Any) -> APISettings:
    """Every provider at the stand-in's address, no retries of ours, no budget."""
    providers = {
        kind: ProviderConfig(api_key=Secret("sk-configured"), base_url=provider.api_base(wire))
        for kind, wire in WIRES.items()
    }
    fields: dict[str, Any] = {
        "providers": providers,
        "policies": POLICIES,
        "ledger": {"durability": "process"},
        "router": None,
        "max_retries": 0,
        "retry_delay_seconds": 0,
        "max_requests_per_minute": None,
        "daily_budget_usd": None,
    }
    return APISettings(**{**fields, **more})


@pytest.fixture
def api(provider: Provider) -> Iterator[MultiModelAPI]:
    """Orchestra in LiteLLM, with a policy for each provider."""
    yield install(settings(provider))
    uninstall()


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: what it is called, and what it needs to be told."""

    name: str
    provider: Provider

    def asked(self, kind: str, **options: Any) -> dict[str, Any]:
        """The arguments of a call of `litellm.completion`; in 1.106 a bare install needs the last one for tools."""
        about: dict[str, Any] = {"messages": HELLO, "max_retries": 0, **options, "_skip_mcp_handler": True}
        if self.name == "orchestra":
            return {"model": f"orchestra/the-{kind}", **about}
        where = {"api_base": self.provider.api_base(WIRES[kind]), "api_key": "sk-configured"}
        return {"model": MODELS[kind], **where, **about}


@pytest.fixture
def sides(provider: Provider, api: MultiModelAPI) -> tuple[Side, Side]:
    return Side("litellm", provider), Side("orchestra", provider)
