"""A client whose every provider is the stand-in on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestra import APISettings, MultiModelAPI, ProviderConfig
from orchestra.testing import Provider

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
"""Our names of the spec's providers, and LiteLLM's."""

OWN_MODELS = {"together": "openai/gpt-oss-120b", "ollama": "llama3:8b", "vllm": "served", "lm_studio": "loaded"}
EMBEDDERS = {"vllm": "embedder", "lm_studio": "embedder", "ollama": "nomic-embed-text"}


def settings(provider: Provider, **more: object) -> APISettings:
    """Settings under which every provider is the stand-in, without retries and limits unless they are named."""
    providers = {}
    for kind, litellm in KINDS.items():
        models = {"default": OWN_MODELS[kind]} if kind in OWN_MODELS else {}
        models |= {"embedding": EMBEDDERS[kind]} if kind in EMBEDDERS else {}
        providers[kind] = ProviderConfig(api_key="canary-key", base_url=provider.api_base(litellm), models=models)
    plain = {"router": None, "max_requests_per_minute": None, "max_retries": 0, "retry_delay_seconds": 0}
    return APISettings(providers=providers, **{**plain, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def api(provider: Provider) -> MultiModelAPI:
    return MultiModelAPI(settings(provider))
