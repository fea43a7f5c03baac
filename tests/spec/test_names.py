"""Every model that the spec names, wherever it names it: bare, and after its provider's name."""

from __future__ import annotations

import re

import pytest

from orchestra import APISettings, ConfigError, MultiModelAPI

from .conftest import CATALOG
from .reading import page

NAMES = {
    # the drawing of the architecture, and the lines of its task classifier
    "gpt-4": "openai/gpt-4",
    "gpt-4-32k": "openai/gpt-4-32k",
    "claude-3.5": "anthropic/claude-3-5-sonnet-20240620",
    "claude-3": "anthropic/claude-3-sonnet-20240229",
    "gemini-pro": "gemini/gemini-pro-latest",
    "gemini-flash": "gemini/gemini-flash-latest",
    "llama-3-70b": "groq/llama3-70b-8192",
    "mixtral-8x7b": "groq/mixtral-8x7b-32768",
    # OpenAI
    "gpt-4-turbo": "openai/gpt-4-turbo",
    "gpt-4o": "openai/gpt-4o",
    "gpt-4o-mini": "openai/gpt-4o-mini",
    "gpt-3.5-turbo": "openai/gpt-3.5-turbo",
    # Anthropic
    "claude-3-opus-20240229": "anthropic/claude-3-opus-20240229",
    "claude-3-sonnet-20240229": "anthropic/claude-3-sonnet-20240229",
    "claude-3-haiku-20240307": "anthropic/claude-3-haiku-20240307",
    "claude-3-5-sonnet-20240620": "anthropic/claude-3-5-sonnet-20240620",
    "claude-3-opus": "anthropic/claude-3-opus-20240229",
    "claude-3-haiku": "anthropic/claude-3-haiku-20240307",
    "claude-3-5-sonnet": "anthropic/claude-3-5-sonnet-20240620",
    # Google
    "gemini-1.5-pro": "gemini/gemini-1.5-pro",
    "gemini-1.5-flash": "gemini/gemini-1.5-flash",
    "gemini-1.0-pro": "gemini/gemini-1.0-pro",
    # Groq
    "llama-3.1-405b": "groq/llama-3.1-405b-reasoning",
    "llama-3.1-70b-versatile": "groq/llama-3.1-70b-versatile",
    "llama-3.1-8b-instant": "groq/llama-3.1-8b-instant",
    "mixtral-8x7b-32768": "groq/mixtral-8x7b-32768",
    "groq/llama-3.1-70b": "groq/llama-3.1-70b-versatile",
    "groq/llama-3.1-8b": "groq/llama-3.1-8b-instant",
    "groq/llama-3.1-8b-instant": "groq/llama-3.1-8b-instant",
    "groq/llama": "groq/llama-3.1-70b-versatile",
    # Mistral
    "mistral-large-latest": "mistral/mistral-large-latest",
    "mistral-medium-latest": "mistral/mistral-medium-latest",
    "mistral-small-latest": "mistral/mistral-small-latest",
    "mixtral-8x22b": "mistral/open-mixtral-8x22b",
    # Cohere
    "command-r-plus": "cohere/command-r-plus",
    "command-r": "cohere/command-r",
    "command-light": "cohere/command-light",
    # Perplexity
    "perplexity": "perplexity/sonar",
    "pplx-70b-online": "perplexity/pplx-70b-online",
    "pplx-7b-online": "perplexity/pplx-7b-online",
    # Together: its variants of Llama and Mistral, CodeLlama and StarCoder
    "together/meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo": "together_ai/meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo",
    "together/mistralai/Mixtral-8x7B-Instruct-v0.1": "together_ai/mistralai/Mixtral-8x7B-Instruct-v0.1",
    "codellama": "together_ai/codellama/CodeLlama-34b-Instruct-hf",
    "starcoder": "together_ai/bigcode/starcoder",
    # self-hosted
    "custom/llama3:70b": "openai/llama3:70b",
    "custom/llama3:8b": "openai/llama3:8b",
    "ollama/llama3:70b": "ollama_chat/llama3:70b",
    "vllm/llama3:70b": "hosted_vllm/llama3:70b",
    "lm_studio/llama3:70b": "lm_studio/llama3:70b",
    "localai/llama3:70b": "openai/llama3:70b",
    # the screens
    "claude": "anthropic/claude-sonnet-5-5",
    "gemini": "gemini/gemini-3.8-flash",
    "groq": "groq/openai/gpt-oss-120b",
}
"""A name of the spec, and the LiteLLM id that is called."""

SELF_HOSTED = ("custom", "ollama", "vllm", "lm_studio", "localai")
NAMED = [name for name in NAMES if name.partition("/")[0] not in SELF_HOSTED]
NO_MODELS = {"groq", "perplexity", "google", "gpt-4o-mini ▼", "sk-", "claude", "gemini"}
"""Words that stand where a model's name does, but are a provider's: its default model."""


@pytest.mark.parametrize(("name", "model"), NAMES.items(), ids=NAMES)
def test_every_model_name_resolves(plain: MultiModelAPI, name: str, model: str) -> None:
    """To the id that LiteLLM calls."""
    (config,) = plain.tree.find(name).members
    assert config.model == model


@pytest.mark.parametrize("name", [name for name in NAMED if "/" not in name and name not in NO_MODELS])
def test_every_model_name_resolves_after_its_provider(plain: MultiModelAPI, name: str) -> None:
    """`openai/gpt-4o` is `gpt-4o`, in our spelling of the provider and in LiteLLM's."""
    (config,) = plain.tree.find(name).members
    card = CATALOG.provider(config.provider)
    assert card is not None
    for prefix in {card.name, card.litellm}:
        assert plain.tree.find(f"{prefix}/{name}").members[0].model == config.model


@pytest.mark.parametrize("name", NAMED)
def test_every_named_model_has_a_price_and_a_window(plain: MultiModelAPI, name: str) -> None:
    """From LiteLLM's map where the model lives, from our file where it is retired."""
    (config,) = plain.tree.find(name).members
    assert config.card.input_usd_per_mtok
    assert config.card.output_usd_per_mtok
    assert config.card.context_tokens


@pytest.mark.parametrize("name", NAMED)
def test_a_retired_model_has_a_living_successor(plain: MultiModelAPI, name: str) -> None:
    """What its provider withdrew says what to use instead, and that is not withdrawn too."""
    card = plain.tree.find(name).members[0].card
    if card.retired_on is None:
        return
    assert card.successor is not None
    successor = CATALOG.find(card.successor)
    assert successor is not None
    assert successor.retired_on is None or successor.retired_on > card.retired_on


def test_every_name_of_the_page_is_a_case() -> None:
    """In code, in tables, in lists and on screens: what looks like a model is in the list above."""
    families = r"gpt|claude|gemini|llama|mixtral|mistral|command|pplx|groq/llama"
    found = set(re.findall(rf"(?<![\w/.-])(?:groq/)?(?:{families})-?[\w.:-]*[\w]", page()))
    words = {"claude", "gemini", "groq", "llama", "mistral"}
    unlisted = {name for name in found if name not in NAMES and name not in words}
    assert {name for name in unlisted if f"custom/{name}" not in NAMES} == set()


def test_together_has_the_open_models_that_litellm_lists(plain: MultiModelAPI) -> None:
    """More than fifty, each under `together/…`."""
    models = [card.litellm for card in CATALOG.all_cards() if card.provider == "together"]
    assert len(models) >= 50
    for model in models:
        name = model.replace("together_ai/", "together/", 1)
        assert plain.tree.find(name).members[0].provider == "together"


@pytest.mark.parametrize("name", ["gpt-4o-mni", "claude-3-5-sonet", "gorq/llama-3.1-70b", "gemini-1.5-flush"])
def test_a_misspelt_name_is_refused_with_a_suggestion(name: str) -> None:
    """Only what nobody can know is refused."""
    with MultiModelAPI(APISettings()) as api, pytest.raises(ConfigError, match="did you mean"):
        api.explain_sync("hello", model=name)
