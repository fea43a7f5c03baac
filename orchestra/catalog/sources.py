"""What the catalogue is read from: LiteLLM's price map and `config/models.yaml`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from orchestra.catalog.card import ProviderCard, Refusal
from orchestra.errors import ConfigError
from orchestra.resources import shipped

MAP = "model_prices_and_context_window_backup.json"
PROVIDERS = "provider_endpoints_support_backup.json"

RATES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
}
TIERS = ("above_100k", "above_128k", "above_200k", "above_272k")
FACTS = {
    "per_request": "input_cost_per_request",
    "per_query": "input_cost_per_query",
    "context": "max_input_tokens",
    "max_output": "max_output_tokens",
    "mode": "mode",
}
PROVIDER_KEYS = frozenset({"title", "litellm", "spellings", "keys", "free", "base_url", "roles", "refuses"})
MODEL_KEYS = frozenset(
    {"provider", "id", "aliases", "variants", "overrides_map", "can", "retired", "successor", "source"}
    | {*RATES, *TIERS, *FACTS}
)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of `models.yaml`; `row` is what the file knows of it, in the words of LiteLLM's map."""

    name: str
    provider: ProviderCard
    id: str
    aliases: tuple[str, ...]
    variants: tuple[str, ...]
    row: Mapping[str, Any]
    overrides_map: bool
    abilities: frozenset[str]
    retired_on: date | None
    successor: str | None
    source: str | None


class PriceMap(NamedTuple):
    """LiteLLM's rows by its id, without the entries of the map that are no rows."""

    rows: dict[str, dict[str, Any]]
    digest: str


class ModelsFile(NamedTuple):
    """The providers and the models of a `models.yaml`, by name."""

    providers: dict[str, ProviderCard]
    entries: dict[str, Entry]
    digest: str


def litellm_file(name: str) -> Path | None:
    """A data file of the installed LiteLLM, found without importing it."""
    spec = find_spec("litellm")
    folders = spec.submodule_search_locations if spec else None
    return next((path for folder in folders or () if (path := Path(folder) / name).is_file()), None)


def litellm_providers() -> frozenset[str]:
    """The prefixes that the installed LiteLLM says it knows; none when it says nothing."""
    path = litellm_file(PROVIDERS)
    return frozenset(json.loads(path.read_bytes())["providers"]) if path else frozenset()


def read_map(path: Path | None) -> PriceMap:
    """LiteLLM's price map: the file named, or the one in the installed package."""
    found = path or litellm_file(MAP)
    if found is None:
        raise ConfigError(f"the installed litellm has no {MAP!r}; reinstall it, or name a price map")
    try:
        text = found.read_bytes()
        content = json.loads(text)
        rows = {key: row for key, row in content.items() if "litellm_provider" in row and key != "sample_spec"}
    except OSError as error:
        raise ConfigError(f"price map {str(found)!r} cannot be read: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f"price map {str(found)!r} is not a price map of LiteLLM's: {error}") from error
    if not rows:
        raise ConfigError(f"price map {str(found)!r} has no rows")
    return PriceMap(rows, digest(text))


def read_models(path: Traversable | Path | None) -> ModelsFile:
    """The providers and the models of a `models.yaml`: the one named, or the one that ships."""
    text = (path or shipped("config") / "models.yaml").read_bytes()
    # PyYAML's C reader takes a tenth of the time of ruamel.yaml's, which reads the files that people write.
    content = _Loader(text).get_single_data()
    providers = {name: _provider(name, about) for name, about in content["providers"].items()}
    entries = {
        name: _entry(name, {"source": content["source"], **about}, providers)
        for name, about in content["models"].items()
    }
    return ModelsFile(providers, entries, digest(text))


def digest(text: bytes) -> str:
    """Twelve hex digits."""
    return blake2b(text, digest_size=6).hexdigest()


def _provider(name: str, about: Mapping[str, Any]) -> ProviderCard:
    _known(about, PROVIDER_KEYS, f"provider {name!r}")
    return ProviderCard(
        name=name,
        litellm=about.get("litellm", name),
        title=about["title"],
        spellings=tuple(about.get("spellings", ())),
        key_variables=tuple(about.get("keys", ())),
        free=about.get("free", False),
        base_url=about.get("base_url"),
        models=about.get("roles", {}),
        refuses=tuple(_refusals(about.get("refuses", ()))),
    )


def _refusals(rules: list[Mapping[str, Any]]) -> Iterator[Refusal]:
    for rule in rules:
        yield Refusal(
            frozenset(rule["params"]), tuple(rule.get("models", ("*",))), rule.get("without"), rule.get("denied")
        )


def _entry(name: str, about: Mapping[str, Any], providers: Mapping[str, ProviderCard]) -> Entry:
    _known(about, MODEL_KEYS, f"model {name!r}")
    provider = providers[about["provider"]]
    successor: str = about.get("successor", "")
    return Entry(
        name=name,
        provider=provider,
        id=about.get("id", name.removeprefix(f"{provider.name}/")),
        aliases=tuple(about.get("aliases", ())),
        variants=tuple(about.get("variants", ())),
        row=dict(_row(about)),
        overrides_map=about.get("overrides_map", "retired" in about),
        abilities=frozenset(about.get("can", ())),
        retired_on=about.get("retired"),
        successor=provider.models.get(successor, successor) or None,
        source=about.get("source"),
    )


def _row(about: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, rate in RATES.items():
        if name in about:
            yield rate, _per_token(about[name])
    for tier in TIERS:
        for name, usd_per_mtok in about.get(tier, {}).items():
            yield f"{RATES[name]}_{tier}_tokens", _per_token(usd_per_mtok)
    for name, fact in FACTS.items():
        if name in about:
            yield fact, about[name]


def _per_token(usd_per_mtok: float) -> float:
    return float(Decimal(repr(usd_per_mtok)) / 1_000_000)


def _known(about: Mapping[str, Any], keys: frozenset[str], what: str) -> None:
    if unknown := sorted(about.keys() - keys):
        raise ConfigError(f"models.yaml: {what} has no key {unknown[0]!r}; keys: {', '.join(sorted(keys))}")
