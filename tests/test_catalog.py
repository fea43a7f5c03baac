"""The catalogue: which model a name stands for, what it costs, what it can do, and what took its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from orchestra.catalog import Card, Catalog
from orchestra.errors import ConfigError
from orchestra.resources import shipped

CATALOG = Catalog()
LATER = date(2027, 1, 1)
"""What the catalogue of November 2026 puts forward is not to be gone by then."""

# Every model that the spec names, in the order of its pages: diagram, lists, code, tables, screens.
SPEC = {
    "gpt-4-turbo": "openai/gpt-4-turbo",
    "gpt-4o-mini": "openai/gpt-4o-mini",
    "GPT-4": "openai/gpt-4",
    "GPT-4-32k": "openai/gpt-4-32k",
    "claude-3.5": "anthropic/claude-3-5-sonnet-20240620",
    "claude-3": "anthropic/claude-3-sonnet-20240229",
    "gemini-pro": "gemini/gemini-pro-latest",
    "gemini-flash": "gemini/gemini-flash-latest",
    "Gemini Flash": "gemini/gemini-flash-latest",
    "llama-3-70b": "groq/llama3-70b-8192",
    "mixtral-8x7b": "groq/mixtral-8x7b-32768",
    "gpt-4o": "openai/gpt-4o",
    "gpt-3.5-turbo": "openai/gpt-3.5-turbo",
    "claude-3-opus-20240229": "anthropic/claude-3-opus-20240229",
    "claude-3-sonnet-20240229": "anthropic/claude-3-sonnet-20240229",
    "claude-3-haiku-20240307": "anthropic/claude-3-haiku-20240307",
    "claude-3-5-sonnet-20240620": "anthropic/claude-3-5-sonnet-20240620",
    "gemini-1.5-pro": "gemini/gemini-1.5-pro",
    "gemini-1.5-flash": "gemini/gemini-1.5-flash",
    "gemini-1.0-pro": "gemini/gemini-1.0-pro",
    "llama-3.1-405b": "groq/llama-3.1-405b-reasoning",
    "llama-3.1-70b-versatile": "groq/llama-3.1-70b-versatile",
    "llama-3.1-8b-instant": "groq/llama-3.1-8b-instant",
    "mixtral-8x7b-32768": "groq/mixtral-8x7b-32768",
    "mistral-large-latest": "mistral/mistral-large-latest",
    "mistral-medium-latest": "mistral/mistral-medium-latest",
    "mistral-small-latest": "mistral/mistral-small-latest",
    "mixtral-8x22b": "mistral/open-mixtral-8x22b",
    "command-r-plus": "cohere/command-r-plus",
    "command-r": "cohere/command-r",
    "command-light": "cohere/command-light",
    "pplx-70b-online": "perplexity/pplx-70b-online",
    "pplx-7b-online": "perplexity/pplx-7b-online",
    "CodeLlama": "together_ai/codellama/CodeLlama-34b-Instruct-hf",
    "StarCoder": "together_ai/bigcode/starcoder",
    "llama3:70b": "ollama_chat/llama3:70b",
    "llama3:8b": "ollama_chat/llama3:8b",
    "claude-3-5-sonnet": "anthropic/claude-3-5-sonnet-20240620",
    "groq/llama-3.1-70b": "groq/llama-3.1-70b-versatile",
    "groq/llama-3.1-8b": "groq/llama-3.1-8b-instant",
    "groq/llama-3.1-8b-instant": "groq/llama-3.1-8b-instant",
    "claude-3-haiku": "anthropic/claude-3-haiku-20240307",
    "claude-3-opus": "anthropic/claude-3-opus-20240229",
    "groq/llama": "groq/llama-3.1-70b-versatile",
}
# The providers of the spec, as its headings, code and screens write them.
SPEC_PROVIDERS = {
    "OpenAI": "openai", "openai": "openai", "Anthropic": "anthropic", "anthropic": "anthropic", "claude": "anthropic",
    "Google": "google", "google": "google", "gemini": "google", "Groq": "groq", "groq": "groq",
    "Mistral": "mistral", "Mistral AI": "mistral", "Cohere": "cohere", "Perplexity": "perplexity",
    "perplexity": "perplexity", "Together AI": "together", "together": "together", "together_ai": "together",
    "Custom": "custom", "custom": "custom", "Ollama": "ollama", "ollama_chat": "ollama", "vLLM": "vllm",
    "hosted_vllm": "vllm", "LM Studio": "lm_studio", "lm_studio": "lm_studio", "LocalAI": "localai", "local": "local",
}  # fmt: skip
SPEC_PRICES = {
    "gpt-4-turbo": ("10.00", "30.00"),
    "gpt-4o-mini": ("0.15", "0.60"),
    "claude-3-opus": ("15.00", "75.00"),
    "claude-3-5-sonnet": ("3.00", "15.00"),
    "claude-3-haiku": ("0.25", "1.25"),
    "gemini-1.5-pro": ("3.50", "10.50"),
    "gemini-1.5-flash": ("0.35", "1.05"),
    "groq/llama-3.1-70b": ("0.59", "0.79"),
    "groq/llama-3.1-8b": ("0.05", "0.08"),
}
RECORDED = [
    "gpt-4-turbo-2024-04-09", "gpt-4o-2024-05-13", "gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "gpt-3.5-turbo-0125",
    "claude-3-opus-20240229", "claude-3-5-sonnet-20240620", "claude-3-sonnet-20240229", "claude-3-haiku-20240307",
    "claude-3-5-haiku-20241022", "gemini/gemini-1.5-pro", "gemini/gemini-1.5-flash", "groq/llama-3.1-70b-versatile",
    "groq/llama-3.1-8b-instant", "groq/llama3-70b-8192", "groq/mixtral-8x7b-32768", "mistral/mistral-large-2407",
    "command-r-plus", "deepseek/deepseek-chat",
]  # fmt: skip
NAMED = list(CATALOG.cards())
PROVIDERS = [card for card in map(CATALOG.provider, dict.fromkeys(SPEC_PROVIDERS.values())) if card]
ROLES = [(p, role, name) for p in PROVIDERS for role, name in p.models.items() if p.name != "local"]
NEEDS = {
    "default": {"tools", "json_schema"},
    "reasoning": {"tools", "json_schema", "reasoning"},
    "fast": {"tools", "json_schema"},
    "cheap": {"tools", "json_schema"},
    "vision": {"vision"},
    "code": {"tools"},
    "web_search": {"web_search"},
    "embedding": {"embedding"},
    "rerank": {"rerank"},
    "long_context": set[str](),
}
# What a provider has not got in any model, or not through LiteLLM.
LACKS = {"cohere": {"json_schema", "reasoning"}, "perplexity": {"tools"}}


def found(name: str, catalog: Catalog = CATALOG) -> Card:
    card = catalog.find(name)
    assert card is not None, name
    return card


def is_priced(card: Card) -> bool:
    per_query = card.row.get("input_cost_per_query")
    return bool(per_query) or None not in (card.input_usd_per_mtok, card.output_usd_per_mtok)


@pytest.mark.parametrize(("name", "litellm"), SPEC.items())
def test_every_model_name_of_the_spec_resolves(name: str, litellm: str) -> None:
    """Diagram, lists, code, tables and screens: each name stands for one LiteLLM id, priced and with a window."""
    card = found(name)
    assert card.litellm == litellm
    assert is_priced(card)
    assert card.context_tokens


@pytest.mark.parametrize("name", SPEC)
def test_a_name_of_the_spec_may_carry_its_provider_in_either_spelling(name: str) -> None:
    """`google/gemini-1.5-pro` and `gemini/gemini-1.5-pro` are `gemini-1.5-pro`."""
    card = found(name)
    provider = CATALOG.provider(card.provider)
    assert provider is not None
    tail = name.removeprefix(f"{provider.name}/")
    for prefix in (provider.name, provider.litellm):
        assert found(f"{prefix}/{tail}") == card


@pytest.mark.parametrize(("spelled", "name"), SPEC_PROVIDERS.items())
def test_every_provider_of_the_spec_is_known_in_every_spelling(spelled: str, name: str) -> None:
    """As the spec writes it, as its configuration writes it, and as LiteLLM does."""
    provider = CATALOG.provider(spelled)
    assert provider is not None
    assert provider.name == name


@pytest.mark.parametrize("name", ["perplexity", "claude", "gemini", "groq"])
def test_a_provider_that_the_spec_uses_as_a_model_has_a_default_role(name: str) -> None:
    """The routing table and the fallback screen name providers: they mean the provider's default model."""
    provider = CATALOG.provider(name)
    assert provider is not None
    assert not found(provider.models["default"]).retired(LATER)


def test_no_model_is_called_like_a_provider() -> None:
    """`groq` is a provider and nothing else, so that its default may be configured."""
    assert [name for name in SPEC_PROVIDERS if CATALOG.find(name) is not None] == []


@pytest.mark.parametrize(("name", "prices"), SPEC_PRICES.items())
def test_the_prices_of_the_spec_hold(name: str, prices: tuple[str, str]) -> None:
    """Nine of the spec's ten prices; the tenth, gpt-4o's, has fallen since and the map's holds."""
    card = found(name)
    assert (card.input_usd_per_mtok, card.output_usd_per_mtok) == tuple(map(Decimal, prices))


def test_the_file_wins_for_a_retired_model(tmp_path: Path) -> None:
    """Old maps have rows for the retired models, some of them wrong; what the map alone knows stays."""
    row = {
        "litellm_provider": "gemini",
        "mode": "embedding",
        "input_cost_per_token": 1e-09,
        "max_input_tokens": 8,
        "rpm": 5,
    }
    card = found("gemini-1.5-flash", Catalog(newer_map(tmp_path, **{"gemini/gemini-1.5-flash": row})))
    assert (card.mode, card.input_usd_per_mtok, card.context_tokens) == ("chat", Decimal("0.35"), 1_048_576)
    assert card.row["rpm"] == 5


def test_the_map_wins_for_a_live_model() -> None:
    """A price of the file is not used, nor named as a source, where the map has one."""
    card = found("gpt-4o")
    assert card.row["input_cost_per_token"] == CATALOG._rows["gpt-4o"]["input_cost_per_token"]
    assert card.source is None


def test_the_file_wins_where_the_map_is_wrong() -> None:
    """The map has the input of Perplexity's old models for nothing."""
    card = found("pplx-70b-online")
    assert CATALOG._rows["perplexity/pplx-70b-online"]["input_cost_per_token"] == 0
    assert card.input_usd_per_mtok == Decimal("0.7")
    assert card.source is not None


@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_model_resolves_with_a_price(name: str) -> None:
    """The recorded outputs can be replayed with what they would have cost."""
    assert is_priced(found(name))


@pytest.mark.parametrize("card", NAMED, ids=lambda card: card.name)
def test_a_named_model_is_found_by_its_name_and_its_litellm_id(card: Card) -> None:
    """One card whichever way it is asked for, but that ids of the kinds behind one prefix need their kind."""
    assert found(card.name) == card
    if card.provider != "local":
        assert found(card.litellm) == card


@pytest.mark.parametrize("card", [c for c in NAMED if c.retired_on], ids=lambda card: card.name)
def test_a_retired_model_has_a_live_and_priced_successor(card: Card) -> None:
    """What was withdrawn, or has its day set, has a model of today in its place."""
    assert card.successor is not None
    successor = found(card.successor)
    assert not successor.retired(LATER)
    assert is_priced(successor)


@pytest.mark.parametrize("card", [c for c in NAMED if c.successor], ids=lambda card: card.name)
def test_every_successor_is_a_name_of_the_catalogue(card: Card) -> None:
    """A role is resolved to the model that has it."""
    assert found(card.successor or "").name == card.successor


@pytest.mark.parametrize("card", NAMED, ids=lambda card: card.name)
def test_a_named_model_is_free_or_priced(card: Card) -> None:
    """Unknown prices are for models that nobody listed."""
    assert card.free or is_priced(card)


@pytest.mark.parametrize("card", [c for c in NAMED if c.source], ids=lambda card: card.name)
def test_a_price_of_our_own_says_where_it_is_from_and_when(card: Card) -> None:
    """The source of each price ends in, or has, a year and a month."""
    assert any(f"{year}-" in (card.source or "") for year in range(2023, 2027))


@pytest.mark.parametrize(("provider", "role", "name"), ROLES, ids=lambda value: getattr(value, "name", value))
def test_a_role_is_held_by_a_live_model_that_can_do_it(provider: Any, role: str, name: str) -> None:
    """Today's model of each role belongs to the provider, is not about to go, and has what the role needs."""
    card = found(name)
    assert card.provider == provider.name
    assert not card.retired(LATER)
    assert is_priced(card)
    assert NEEDS[role] - LACKS.get(provider.name, set()) <= card.abilities
    assert (card.mode == "chat") == (role not in ("embedding", "rerank"))
    assert role != "long_context" or (card.context_tokens or 0) >= 131_072


def test_every_id_of_the_map_is_found() -> None:
    """All of LiteLLM's rows have a card, whose own name leads back to it."""
    for key in CATALOG._rows:
        card = found(key)
        assert found(card.name).litellm == card.litellm


@pytest.mark.parametrize(
    ("name", "litellm"),
    [
        ("gpt-9", "openai/gpt-9"),
        ("openai/gpt-9", "openai/gpt-9"),
        ("gemini/gemini-9", "gemini/gemini-9"),
        ("google/gemini-9", "gemini/gemini-9"),
        ("gemini-9", "gemini/gemini-9"),
        ("vertex_ai/gemini-9", "vertex_ai/gemini-9"),
        ("together/org/Model-9", "together_ai/org/Model-9"),
        ("ollama/llama9", "ollama_chat/llama9"),
        ("ollama_chat/llama9", "ollama_chat/llama9"),
        ("cohere_chat/command-9", "cohere/command-9"),
        ("command-9", "cohere/command-9"),
        ("us.nova-9:0", "bedrock/us.nova-9:0"),
        ("bedrock/us.nova-9:0", "bedrock/us.nova-9:0"),
        ("azure/gpt-9", "azure/gpt-9"),
    ],
)
def test_an_id_of_the_map_is_found_in_every_spelling(tmp_path: Path, name: str, litellm: str) -> None:
    """With our prefix, LiteLLM's, or none where the map has none; a bare Gemini name is Google's own API."""
    rows = {
        "gpt-9": "openai",
        "azure/gpt-9": "azure",
        "gemini/gemini-9": "gemini",
        "gemini-9": "vertex_ai-language-models",
        "together_ai/org/Model-9": "together_ai",
        "ollama/llama9": "ollama",
        "command-9": "cohere_chat",
        "us.nova-9:0": "bedrock_converse",
    }
    path = newer_map(tmp_path, **{key: {"litellm_provider": provider} for key, provider in rows.items()})
    assert found(name, Catalog(path)).litellm == litellm


def test_variants_are_called_under_their_own_id() -> None:
    """A dated or `-latest` id shares the facts of its model, not its id."""
    card = found("claude-3-5-sonnet-latest")
    assert card.litellm == "anthropic/claude-3-5-sonnet-latest"
    assert card.row["input_cost_per_token"] == found("claude-3-5-sonnet").row["input_cost_per_token"]


def test_prices_above_a_tier_are_in_the_row() -> None:
    """A bound on the cost of a long prompt needs the price that holds for it."""
    row = found("gemini-1.5-pro").row
    assert row["input_cost_per_token_above_128k_tokens"] == 7e-06
    assert row["output_cost_per_token_above_128k_tokens"] == 2.1e-05


@given(
    usd_per_token=st.sampled_from([0, 0.0, None]) | st.floats(1e-12, 1e-2),
    free=st.booleans(),
    rate=st.sampled_from(["input", "output"]),
)
def test_a_zero_price_is_unknown_unless_the_model_is_free(usd_per_token: float | None, free: bool, rate: str) -> None:
    """And any other price is the published one, digit for digit."""
    card = Card("m", "p/m", "p", row={f"{rate}_cost_per_token": usd_per_token}, free=free)
    price = getattr(card, f"{rate}_usd_per_mtok")
    if usd_per_token:
        assert price == Decimal(repr(usd_per_token)) * 1_000_000
    else:
        assert price == (0 if free else None)


def test_a_card_can_be_put_in_a_set() -> None:
    """Cards are values, rows and all."""
    assert len({found("gpt-4o"), found("openai/gpt-4o"), found("gpt-4o-mini")}) == 2


def test_self_hosted_models_are_free() -> None:
    """Ollama and its like cost nothing, and need no key."""
    card = found("llama3:70b")
    assert card.free
    assert card.input_usd_per_mtok == 0
    for kind in ("ollama", "vllm", "lm_studio", "localai", "custom", "local"):
        provider = CATALOG.provider(kind)
        assert provider is not None
        assert provider.free
        assert not provider.needs_key


def test_an_id_without_a_row_is_known_by_its_provider_only() -> None:
    """The price is unknown, and so is all else; what LiteLLM refuses for such models is known."""
    card = CATALOG.unknown("groq/some-new-model")
    assert (card.litellm, card.provider, card.row) == ("groq/some-new-model", "groq", {})
    assert (card.context_tokens, card.input_usd_per_mtok, card.abilities) == (None, None, frozenset())
    assert "web_search_options" in card.refuses


@pytest.mark.parametrize(
    ("model_id", "provider", "litellm", "free"),
    [
        ("google/new", None, "gemini/new", False),
        ("openrouter/a/b", None, "openrouter/a/b", False),
        ("llama3:70b", "custom", "openai/llama3:70b", True),
        ("openai/llama3:70b", "custom", "openai/llama3:70b", True),
        ("openai/new", None, "openai/new", False),
        ("vllm/mine", None, "hosted_vllm/mine", True),
    ],
)
def test_an_id_without_a_row_gets_litellms_prefix(
    model_id: str, provider: str | None, litellm: str, free: bool
) -> None:
    """From our spelling of the provider, or from the kind given."""
    card = CATALOG.unknown(model_id, provider)
    assert (card.litellm, card.free) == (litellm, free)


@pytest.mark.parametrize(
    ("model_id", "provider"),
    [
        ("groq/anything", "groq"),
        ("claude-3-5-sonnet", "anthropic"),
        ("together_ai/some/model", "together"),
        ("openrouter/a/b", "openrouter"),
        ("azure/my-deployment", "azure"),
    ],
)
def test_the_provider_of_an_id_is_known_without_a_row(model_id: str, provider: str) -> None:
    """Of ours and of LiteLLM's other providers."""
    card = CATALOG.provider_of(model_id)
    assert card is not None
    assert card.name == provider


@pytest.mark.parametrize("name", ["grok/llama-3.1-70b", "gtp-4o", "", "groq/", "/", "openai"])
def test_an_unknown_name_is_unknown(name: str) -> None:
    """Neither a card nor an exception."""
    assert CATALOG.find(name) is None


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("gpt-4o-mni", "gpt-4o-mini"),
        ("clade-3-5-sonnet", "claude-3-5-sonnet"),
        ("grok/llama-3.1-70b", "groq/llama-3.1-70b"),
        ("gemini/gemini-3.8-flsh", "gemini/gemini-3.8-flash"),
        ("antropic", "anthropic"),
        ("panle", "panel"),
        ("zzzzzzzz", None),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(wrong: str, right: str | None) -> None:
    """Among the catalogue, the map, the providers and the caller's own names."""
    assert CATALOG.suggest(wrong, ["panel"]) == right


@pytest.mark.parametrize("model_id", ["nobody/knows-it", "panel"])
def test_an_unknown_prefix_has_no_provider(model_id: str) -> None:
    """Neither of ours nor of LiteLLM's."""
    assert CATALOG.provider_of(model_id) is None


def test_every_provider_of_the_spec_is_listed() -> None:
    """Once, under the name that users write."""
    names = [provider.name for provider in CATALOG.providers()]
    assert len(names) == len(set(names))
    assert set(SPEC_PROVIDERS.values()) <= set(names)


def test_all_cards_has_each_model_once() -> None:
    """The named ones first, then the rest of the map."""
    cards = list(CATALOG.all_cards())
    assert cards[: len(NAMED)] == NAMED
    ids = [card.litellm for card in cards]
    assert len(ids) == len(set(ids))
    assert len(ids) > 1_000


def newer_map(tmp_path: Path, **rows: dict[str, Any]) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"sample_spec": {"litellm_provider": "one of"}, "rules": {"x": 1}, **rows}))
    return path


def test_a_newer_map_of_the_users_is_used(tmp_path: Path) -> None:
    """Its prices hold, its new models are known, and what it dropped is known from the file."""
    row = {"litellm_provider": "openai", "mode": "chat", "max_input_tokens": 9, "supports_vision": True}
    catalog = Catalog(
        newer_map(
            tmp_path,
            **{
                "gpt-9": {**row, "input_cost_per_token": 1e-06, "output_cost_per_token": 0.0},
                "gpt-4o": {**row, "input_cost_per_token": 4e-06, "output_cost_per_token": 5e-06},
            },
        )
    )
    assert found("gpt-9", catalog).input_usd_per_mtok == 1
    assert found("gpt-9", catalog).output_usd_per_mtok is None
    assert found("gpt-9", catalog).abilities == {"vision"}
    assert found("gpt-4o", catalog).input_usd_per_mtok == 4
    assert found("gpt-4o", catalog).source is None
    assert "cache_read_input_token_cost" not in found("gpt-4o", catalog).row
    assert found("gpt-4o-mini", catalog).input_usd_per_mtok == Decimal("0.15")
    assert found("gpt-4o-mini", catalog).source
    assert catalog.find("sample_spec") is None


def test_a_model_that_a_newer_map_says_is_retired_is_retired(tmp_path: Path) -> None:
    """On the day and after it, not before; a date that is none is ignored."""
    row = {"litellm_provider": "openai", "input_cost_per_token": 1e-06}
    path = newer_map(
        tmp_path,
        **{"gpt-9": {**row, "deprecation_date": "2027-03-01"}, "gpt-8": {**row, "deprecation_date": "spring"}},
    )
    catalog = Catalog(path)
    assert not found("gpt-9", catalog).retired(date(2027, 2, 28))
    assert found("gpt-9", catalog).retired(date(2027, 3, 1))
    assert found("gpt-8", catalog).retired_on is None


def test_the_fingerprint_changes_with_either_file(tmp_path: Path) -> None:
    """A cost can be traced to the prices that it was reckoned with."""
    row = {"litellm_provider": "openai", "input_cost_per_token": 1e-06}
    one = Catalog(newer_map(tmp_path, m=row))
    assert one.fingerprint == Catalog(newer_map(tmp_path, m=row)).fingerprint
    two = Catalog(newer_map(tmp_path, m={**row, "input_cost_per_token": 2e-06}))
    models = tmp_path / "models.yaml"
    models.write_bytes((shipped("config") / "models.yaml").read_bytes() + b"\n# another\n")
    three = Catalog(models_path=models)
    marks = [catalog.fingerprint for catalog in (CATALOG, one, two, three)]
    assert len(set(marks)) == 4
    assert {len(mark) for mark in marks} == {12}


@pytest.mark.parametrize("text", [None, "", "[]", "{}", "not json", '{"gpt-4o": 1}'])
def test_a_map_that_is_none_is_refused(tmp_path: Path, text: str | None) -> None:
    """In one line that names the file."""
    path = tmp_path / "prices.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=r"price map .*prices\.json"):
        Catalog(path).find("gpt-4o")


def test_a_litellm_without_a_map_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do about it."""
    monkeypatch.setattr("orchestra.catalog.sources.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="reinstall it, or name a price map"):
        Catalog().find("gpt-4o")


MODELS = """
source: nobody, 2026-11
providers: {{one: {{title: One}}, two: {{title: Two, litellm: one}}}}
models: {{alpha: {{provider: one, {more}}}, beta: {{provider: one}}}}
"""


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("aliases: [beta]", "'beta' names both 'alpha' and 'beta'"),
        ("aliases: [one/beta]", "'one/beta' names both 'alpha' and 'beta'"),
        ("prize: 3", "model 'alpha' has no key 'prize'"),
    ],
)
def test_a_models_file_with_a_mistake_is_refused(tmp_path: Path, more: str, message: str) -> None:
    """A name that stands for two models, and a key that nobody reads."""
    path = tmp_path / "models.yaml"
    path.write_text(MODELS.format(more=more))
    with pytest.raises(ConfigError, match=message):
        Catalog(models_path=path).find("alpha")


def test_the_shipped_file_repeats_no_key() -> None:
    """The quick reader would take the last of two; the strict one refuses them, and reads the same."""
    text = (shipped("config") / "models.yaml").read_text(encoding="utf-8")
    content = YAML(typ="safe", pure=True).load(text)
    assert list(content["models"]) == list(CATALOG._file.entries)
    assert list(content["providers"]) == list(CATALOG._file.providers)


def test_litellm_is_not_imported() -> None:
    """Its map is read as a file: importing it takes seconds."""
    code = """if True:
        import sys
        from orchestra.catalog import Catalog
        print(Catalog().find("gpt-4o").litellm, "litellm" in sys.modules)
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["openai/gpt-4o", "False"]


TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}},
}
ASKED: dict[str, Any] = {
    "temperature": 0.7, "top_p": 0.9, "n": 2, "stop": ["x"], "presence_penalty": 0.5, "frequency_penalty": 0.5,
    "logit_bias": {"1": 1}, "logprobs": True, "top_logprobs": 2, "seed": 1, "tools": [TOOL], "tool_choice": "auto",
    "parallel_tool_calls": True, "response_format": {"type": "json_object"}, "reasoning_effort": "low",
    "web_search_options": {"search_context_size": "low"}, "modalities": ["text"], "service_tier": "auto",
    "verbosity": "low", "prediction": {"type": "content", "content": "x"}, "store": True,
    "audio": {"voice": "alloy", "format": "wav"},
}  # fmt: skip


def refused_by_litellm(litellm_id: str) -> set[str]:
    import litellm
    from litellm.exceptions import UnsupportedParamsError
    from litellm.utils import get_optional_params

    model, provider, _, _ = litellm.get_llm_provider(litellm_id)
    refused = set()
    for name, value in ASKED.items():
        try:
            get_optional_params(model=model, custom_llm_provider=provider, **{name: value})
        except UnsupportedParamsError:
            refused.add(name)
    return refused


@pytest.mark.skipif(
    tuple(map(int, version("litellm").split(".")[:2])) < (1, 106), reason="what LiteLLM refuses is recorded of 1.106.2"
)
def test_what_a_model_refuses_is_what_litellm_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """For every model named, LiteLLM raises for the recorded parameters and for no other."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    recorded = {card.litellm: set(card.refuses) for card in NAMED if card.mode == "chat"}
    theirs = {litellm_id: refused_by_litellm(litellm_id) for litellm_id in recorded}
    for forgotten in ("openai/gpt-4-32k", "openai/gpt-4-turbo-preview"):
        theirs[forgotten].add("reasoning_effort")  # LiteLLM has forgotten what these are; OpenAI never let them reason
    assert recorded == theirs


def test_an_ability_that_cannot_be_asked_for_is_none(tmp_path: Path) -> None:
    """The map may say that a model of Cohere's keeps to a schema; LiteLLM refuses `response_format` for all of them."""
    row = {"litellm_provider": "cohere_chat", "supports_response_schema": True, "supports_function_calling": True}
    assert found("command-9", Catalog(newer_map(tmp_path, **{"command-9": row}))).abilities == {"tools"}
