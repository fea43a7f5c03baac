"""The spec's providers: their models and abilities, and their configuration as it is written."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from orchestra import APISettings, MultiModelAPI, ProviderConfig
from orchestra.testing import Answer, Provider
from orchestra.testing.provider import Citation

from .conftest import CATALOG
from .reading import blocks

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "openai": {
        "provider": "openai",
        "api_key": "sk-...",
        "organization": "org-...",
        "models": {"default": "gpt-4o-mini", "reasoning": "gpt-4-turbo", "fast": "gpt-4o-mini"},
        "parameters": {"temperature": 0.7, "max_tokens": 4096, "timeout": 60},
    },
    "anthropic": {
        "provider": "anthropic",
        "api_key": "sk-ant-...",
        "models": {
            "default": "claude-3-5-sonnet-20240620",
            "reasoning": "claude-3-opus-20240229",
            "fast": "claude-3-haiku-20240307",
        },
        "parameters": {"temperature": 0.7, "max_tokens": 4096, "timeout": 90},
    },
    "google": {
        "provider": "google",
        "api_key": "AIza...",
        "models": {"default": "gemini-1.5-flash", "reasoning": "gemini-1.5-pro", "fast": "gemini-1.5-flash"},
        "parameters": {"temperature": 0.7, "max_output_tokens": 8192, "timeout": 60},
    },
    "groq": {
        "provider": "groq",
        "api_key": "gsk_...",
        "models": {
            "default": "llama-3.1-70b-versatile",
            "reasoning": "llama-3.1-405b",
            "fast": "llama-3.1-8b-instant",
        },
        "parameters": {"temperature": 0.7, "max_tokens": 8192, "timeout": 30},
    },
    "mistral": {
        "provider": "mistral",
        "api_key": "...",
        "models": {
            "default": "mistral-medium-latest",
            "reasoning": "mistral-large-latest",
            "fast": "mistral-small-latest",
        },
    },
    "custom": {
        "provider": "custom",
        "base_url": "http://localhost:11434/v1",
        "api_key": "not-needed",
        "models": {"default": "llama3:70b", "fast": "llama3:8b"},
    },
}
WIRES = {"openai": "openai", "anthropic": "anthropic", "google": "gemini", "groq": "groq", "mistral": "mistral"}
WIRES["custom"] = "openai"
ROLES = [(kind, role) for kind, given in CONFIGURATIONS.items() for role in given["models"]]

pytestmark = pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")


def settings(kind: str, provider: Provider) -> APISettings:
    """The spec's configuration of one provider, at the stand-in's address."""
    given = CONFIGURATIONS[kind] | {"base_url": provider.api_base(WIRES[kind])}
    return APISettings(providers={kind: ProviderConfig(**given)}, daily_budget_usd=None)


def test_the_six_configurations_are_those_of_the_page() -> None:
    """Literally."""
    written = [block for block in blocks("python") if block.startswith("{")]
    assert [ast.literal_eval(block) for block in written] == list(CONFIGURATIONS.values())


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_configuration_loads_as_it_is_written(kind: str) -> None:
    """Every word of it is kept, whatever we call it inside."""
    given = CONFIGURATIONS[kind]
    config = ProviderConfig(**given)
    assert config.provider == given["provider"]
    assert config.api_key is not None
    assert config.api_key.reveal() == given["api_key"]
    assert config.organization == given.get("organization")
    assert config.base_url == given.get("base_url")
    assert config.models == given["models"]
    renamed = {
        ("max_tokens" if name == "max_output_tokens" else name): v for name, v in given.get("parameters", {}).items()
    }
    assert config.parameters == renamed


@pytest.mark.parametrize(("kind", "role"), ROLES, ids=[f"{kind}:{role}" for kind, role in ROLES])
async def test_a_role_is_the_model_that_the_configuration_gives_it(provider: Provider, kind: str, role: str) -> None:
    """`model="groq:fast"` asks the provider for that model; the plain name of the provider is its default."""
    with MultiModelAPI(settings(kind, provider)) as api:
        await api.generate("hello", model=f"{kind}:{role}")
        if role == "default":
            await api.generate("hello", model=kind)
    name = CONFIGURATIONS[kind]["models"][role]
    known = CATALOG.find(f"{kind}/{name}")
    wanted = known.litellm.partition("/")[2] if known else name
    assert {call.model for call in provider.calls} == {wanted}
    assert {call.provider for call in provider.calls} == {WIRES[kind]}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
async def test_the_key_reaches_the_provider(provider: Provider, kind: str) -> None:
    """In the header that it is expected in."""
    with MultiModelAPI(settings(kind, provider)) as api:
        await api.generate("hello", model=kind)
    assert CONFIGURATIONS[kind]["api_key"] in " ".join(provider.calls[0].headers.values())


SENT: dict[str, dict[str, Any]] = {
    "openai": {"temperature": 0.7, "max_tokens": 4096},
    "anthropic": {"temperature": 0.7, "max_tokens": 4096},
    "google": {"temperature": 0.7, "max_output_tokens": 8192},
    "groq": {"temperature": 0.7, "max_tokens": 8192},
    "mistral": {},
    "custom": {},
}


@pytest.mark.parametrize(("kind", "sent"), SENT.items(), ids=SENT)
async def test_the_parameters_reach_the_provider(provider: Provider, kind: str, sent: dict[str, Any]) -> None:
    """Temperature and length of the answer, in the provider's own words."""
    with MultiModelAPI(settings(kind, provider)) as api:
        await api.generate("hello", model=kind)
    body = provider.calls[0].body
    assert sent.items() <= (body["generationConfig"] if kind == "google" else body).items()
    assert "timeout" not in body


@pytest.mark.parametrize(
    ("kind", "timeout_s"), [("openai", 60), ("anthropic", 90), ("google", 60), ("groq", 30), ("mistral", 60)]
)
def test_the_timeout_is_that_of_one_attempt(provider: Provider, kind: str, timeout_s: float) -> None:
    """Where none is given it is a minute."""
    with MultiModelAPI(settings(kind, provider)) as api:
        assert api.tree.find(kind).members[0].timeout_s == timeout_s


async def test_the_organization_reaches_openai(provider: Provider) -> None:
    """As its own header."""
    with MultiModelAPI(settings("openai", provider)) as api:
        await api.generate("hello", model="openai")
    assert provider.calls[0].headers["openai-organization"] == "org-..."


async def test_a_self_hosted_model_is_called_at_its_address_and_is_free(provider: Provider) -> None:
    """The spec's Ollama through its OpenAI-compatible endpoint."""
    with MultiModelAPI(settings("custom", provider)) as api:
        response = await api.generate("hello", model="custom:fast")
    assert response.cost_usd == 0
    assert response.model == "openai/llama3:8b"
    assert provider.calls[0].path == "/v1/chat/completions"


ABILITIES = {
    "OpenAI: function calling": ("gpt-4-turbo", "tools"),
    "OpenAI: JSON mode": ("gpt-4-turbo", "json"),
    "OpenAI: vision (gpt-4-turbo)": ("gpt-4-turbo", "vision"),
    "OpenAI: vision (gpt-4o)": ("gpt-4o", "vision"),
    "Anthropic: tool use (opus)": ("claude-3-opus-20240229", "tools"),
    "Anthropic: tool use (sonnet)": ("claude-3-sonnet-20240229", "tools"),
    "Anthropic: tool use (haiku)": ("claude-3-haiku-20240307", "tools"),
    "Anthropic: tool use (3.5 sonnet)": ("claude-3-5-sonnet-20240620", "tools"),
    "Google: images": ("gemini-1.5-pro", "vision"),
    "Google: audio": ("gemini-1.5-pro", "audio_input"),
    "Google: video": ("gemini-1.5-flash", "video_input"),
    "Google: function calling": ("gemini-1.5-flash", "tools"),
    "Groq: JSON mode": ("llama-3.1-70b-versatile", "json"),
    "Perplexity: web search (70b)": ("pplx-70b-online", "web_search"),
    "Perplexity: web search (7b)": ("pplx-7b-online", "web_search"),
}


@pytest.mark.parametrize(("model", "ability"), ABILITIES.values(), ids=ABILITIES)
def test_an_ability_of_the_page_is_known(plain: MultiModelAPI, model: str, ability: str) -> None:
    """The router filters by it."""
    assert ability in plain.tree.find(model).members[0].card.abilities


WINDOWS = {
    "gpt-4-turbo: 128k": ("gpt-4-turbo", 128_000),
    "claude-3-opus: 200k": ("claude-3-opus-20240229", 200_000),
    "claude-3-sonnet: 200k": ("claude-3-sonnet-20240229", 200_000),
    "claude-3-haiku: 200k": ("claude-3-haiku-20240307", 200_000),
    "claude-3-5-sonnet: 200k": ("claude-3-5-sonnet-20240620", 200_000),
    "gemini-1.5-pro: 2M": ("gemini-1.5-pro", 2_000_000),
    "gemini-1.5-flash: 1M": ("gemini-1.5-flash", 1_000_000),
}


@pytest.mark.parametrize(("model", "tokens"), WINDOWS.values(), ids=WINDOWS)
def test_a_window_of_the_page_is_known(plain: MultiModelAPI, model: str, tokens: int) -> None:
    """At least as many tokens as the page says."""
    window = plain.tree.find(model).members[0].card.context_tokens
    assert window is not None
    assert tokens <= window < tokens * 1.05


async def test_cohere_embeds_and_reranks(provider: Provider) -> None:
    """Its specialization."""
    # For embeddings LiteLLM does not read Cohere's address from the environment.
    cohere = ProviderConfig(base_url=provider.api_base("cohere"))
    with MultiModelAPI(APISettings(providers={"cohere": cohere})) as api:
        vectors = await api.embed(["one", "two"], model="cohere:embedding")
        ranked = await api.rerank("two", ["one", "two"], model="cohere:rerank")
    assert len(vectors.result) == 2
    assert ranked.result[0]["index"] == 1


async def test_cohere_answers_from_documents(provider: Provider) -> None:
    """Retrieval-augmented generation: the documents reach the provider."""
    documents = [{"id": "d1", "data": {"text": "It costs $5."}}]
    with MultiModelAPI(APISettings()) as api:
        await api.generate("What does it cost?", model="command-r-08-2024", documents=documents)
    assert provider.calls[0].body["documents"] == documents


async def test_perplexity_cites_the_web(provider: Provider) -> None:
    """Sources with address and title."""
    provider.reply(Answer("It is raining.", citations=(Citation("https://example.com/w", "Weather"),)))
    with MultiModelAPI(APISettings()) as api:
        response = await api.generate("Is it raining?", model="perplexity")
    (citation,) = response.citations
    assert (citation.url, citation.title) == ("https://example.com/w", "Weather")


@pytest.mark.parametrize(
    "model",
    [
        "together/meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo",
        "together/mistralai/Mixtral-8x7B-Instruct-v0.1",
        "together/codellama/CodeLlama-70b-Instruct-hf",
        "together/bigcode/starcoder",
    ],
    ids=["Llama", "Mistral", "CodeLlama", "StarCoder"],
)
async def test_together_serves_open_models(provider: Provider, model: str) -> None:
    """A variant of each family that the page names."""
    with MultiModelAPI(APISettings()) as api:
        await api.generate("hello", model=model)
    assert provider.calls[0].provider == "together_ai"
    assert provider.calls[0].model == model.removeprefix("together/")


@pytest.mark.parametrize(
    ("kind", "wire", "path"),
    [
        ("ollama", "ollama_chat", "/api/chat"),
        ("vllm", "hosted_vllm", "/v1/chat/completions"),
        ("lm_studio", "lm_studio", "/v1/chat/completions"),
        ("localai", "openai", "/v1/chat/completions"),
    ],
)
async def test_a_kind_of_self_hosted_server(provider: Provider, kind: str, wire: str, path: str) -> None:
    """Ollama, vLLM, LM Studio, LocalAI: any model at a `base_url`, without a key, for nothing."""
    server = ProviderConfig(base_url=provider.api_base(wire), models={"default": "llama3:8b"})
    if wire == "openai":
        server = server.model_copy(update={"api_key": ProviderConfig(api_key="unused").api_key})
    with MultiModelAPI(APISettings(providers={kind: server}, daily_budget_usd=None)) as api:
        for model in (kind, f"{kind}/another:7b"):
            assert (await api.generate("hello", model=model)).cost_usd == 0
    chats = [(call.model, call.path) for call in provider.calls if call.operation]
    assert chats == [("llama3:8b", path), ("another:7b", path)]
