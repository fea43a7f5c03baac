"""The catalogue: names to cards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from functools import cached_property
from hashlib import blake2b
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from orchestra.catalog.card import Card, ProviderCard
from orchestra.catalog.sources import Entry, litellm_providers, parse_map, parse_models, read_map
from orchestra.errors import ConfigError
from orchestra.resources import shipped

FLAGS = {
    "tools": "supports_function_calling",
    "json": "supports_response_schema",
    "json_schema": "supports_response_schema",
    "vision": "supports_vision",
    "audio_input": "supports_audio_input",
    "video_input": "supports_video_input",
    "file_input": "supports_pdf_input",
    "web_search": "supports_web_search",
    "reasoning": "supports_reasoning",
}
ASKED_BY = {
    "tools": "tools",
    "json": "response_format",
    "json_schema": "response_format",
    "web_search": "web_search_options",
}
"""The parameter that asks for an ability: a model that refuses it can't show that ability through LiteLLM."""

PRICES = ("input_cost_per_token", "output_cost_per_token")
FAMILIES = {"bedrock_converse": "bedrock", "azure_text": "azure"}
"""Providers of the map whose models LiteLLM calls by another prefix."""


class Listing(NamedTuple):
    """What a name of `models.yaml` stands for: its entry, and the provider's id to call."""

    entry: Entry
    id: str
    spelled: str


class Catalog:
    """What is known of models: LiteLLM's price map, completed by `models.yaml` where the map has nothing.

    `map_path` is a newer copy of LiteLLM's map, in place of the one in the installed package; `models_path` stands in
    for the shipped `models.yaml`. Nothing is read before the first question, which raises `ConfigError` when a file is
    not what it should be.
    """

    def __init__(self, map_path: Path | None = None, models_path: Traversable | Path | None = None) -> None:
        self._map_path = map_path
        self._models_path = models_path
        self._cards: dict[str, Card] = {}

    def find(self, name: str) -> Card | None:
        """The model of that name, `None` when nobody knows it.

        A name is one of `models.yaml`, bare or after any spelling of its provider, or an id of LiteLLM's map. The bare
        name of a provider is no model: see `provider(name).models`.
        """
        listing = self._names.get(_folded(name))
        if listing is not None:
            return self._listed(listing.entry, listing.id)
        key = self._map_key(name)
        return None if key is None else self._mapped(key)

    def unknown(self, model_id: str, provider: str | None = None) -> Card:
        """A card for a model of which nothing is known but its LiteLLM id, and so its provider.

        `provider` tells apart the kinds that LiteLLM reaches through one prefix (`custom` and `openai`).
        """
        prefix, _, tail = model_id.partition("/")
        card = self.provider(provider or prefix)
        if card is None:
            return Card(model_id, model_id, prefix)
        litellm = f"{card.litellm}/{tail if prefix in (card.litellm, *_prefixes(card)) else model_id}"
        return Card(model_id, litellm, card.name, refuses=_refused(card, tail, {}), free=card.free)

    def provider(self, name: str) -> ProviderCard | None:
        """The provider of that name, in any spelling (`google`, `gemini`, `Together AI`, `together_ai`)."""
        return self._spellings.get(_snake(name))

    def provider_of(self, model_id: str) -> ProviderCard | None:
        """The provider of a model's name or id, also of an id without a row; `None` when LiteLLM has no such provider.

        For LiteLLM's providers that have no card it is one with nothing but the name.
        """
        card = self.find(model_id)
        if card is not None:
            return self.provider(card.provider) or ProviderCard(card.provider, card.provider, card.provider)
        prefix, slash, _ = model_id.partition("/")
        if not slash or not self.knows_provider(prefix):
            return None
        return self.provider(prefix) or ProviderCard(prefix, prefix, prefix)

    def knows_provider(self, prefix: str) -> bool:
        """Whether `prefix` is a provider of ours, or one that LiteLLM knows."""
        return self.provider(prefix) is not None or prefix in self._litellm_providers

    def suggest(self, name: str, others: Iterable[str] = ()) -> str | None:
        """The closest name there is, among `others` and the catalogue's; `None` when none is close."""
        names = {_folded(key): key for key in self._rows}
        names |= {key: listing.spelled for key, listing in self._names.items()}
        names |= {_folded(other): other for other in (*self._file[0], *others)}
        close = get_close_matches(_folded(name), names, 1, 0.7)
        return names[close[0]] if close else None

    def cards(self) -> Iterator[Card]:
        """The models of `models.yaml`, in its order."""
        return (self._listed(entry, entry.id) for entry in self._file[1].values())

    def all_cards(self) -> Iterator[Card]:
        """Every model: those of `models.yaml`, then all others of LiteLLM's map."""
        cards = {card.litellm: card for card in self.cards()}
        for key in self._rows:
            card = self._mapped(key)
            cards.setdefault(card.litellm, card)
        return iter(cards.values())

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits that change with either file: by which prices a cost was reckoned."""
        return _digest(f"{self._map[1]} {self._file[2]}".encode())

    @cached_property
    def _map(self) -> tuple[dict[str, dict[str, Any]], str]:
        text = read_map(self._map_path)
        return parse_map(text, self._map_path), _digest(text)

    @property
    def _rows(self) -> dict[str, dict[str, Any]]:
        return self._map[0]

    @cached_property
    def _file(self) -> tuple[dict[str, ProviderCard], dict[str, Entry], str]:
        text = (self._models_path or shipped("config") / "models.yaml").read_bytes()
        return *parse_models(text), _digest(text)

    @cached_property
    def _spellings(self) -> dict[str, ProviderCard]:
        cards = self._file[0].values()
        prefixes = {_snake(prefix): card for card in cards for prefix in _prefixes(card)}
        return prefixes | {_snake(card.title): card for card in cards} | self._file[0]

    @cached_property
    def _names(self) -> dict[str, Listing]:
        names: dict[str, Listing] = {}
        for entry in self._file[1].values():
            for word in (entry.name, f"{entry.provider.name}/{entry.id}", *entry.aliases, *entry.variants):
                model_id = word if word in entry.variants else entry.id
                for spelled in _spelled(word, entry.provider):
                    listing = names.setdefault(_folded(spelled), Listing(entry, model_id, spelled))
                    if (listing.entry, listing.id) != (entry, model_id):
                        raise ConfigError(
                            f"models.yaml: {spelled!r} names both {listing.entry.name!r} and {entry.name!r}"
                        )
        return names

    @cached_property
    def _litellm_providers(self) -> frozenset[str]:
        return litellm_providers() | {_family(row["litellm_provider"]) for row in self._rows.values()}

    def _map_key(self, name: str) -> str | None:
        """The map's key for a name as LiteLLM writes it, or with our spelling of the provider."""
        prefix, slash, tail = name.partition("/")
        card = self.provider(prefix) if slash else None
        if card is not None and (key := self._row_key(card, tail)) is not None:
            return key
        if name not in self._rows:
            row = self._rows.get(tail)
            return tail if row is not None and _family(row["litellm_provider"]) == prefix else None
        # LiteLLM takes a bare Gemini name for Vertex AI's; here, as in models.yaml, it is Google's own API.
        own = f"gemini/{name}"
        return own if own in self._rows and self._rows[name]["litellm_provider"].startswith("vertex_ai") else name

    def _row_key(self, card: ProviderCard, model_id: str) -> str | None:
        """The map's key for a model of a provider: some keys have a prefix and some have none."""
        prefixes = _prefixes(card)
        for prefix in prefixes:
            if f"{prefix}/{model_id}" in self._rows:
                return f"{prefix}/{model_id}"
        row = self._rows.get(model_id)
        return model_id if row is not None and row["litellm_provider"] in prefixes else None

    def _listed(self, entry: Entry, model_id: str) -> Card:
        name = entry.name if model_id == entry.id else model_id
        if name in self._cards:
            return self._cards[name]
        key = self._row_key(entry.provider, model_id)
        theirs: Mapping[str, Any] = self._rows[key] if key else {}
        row = {"litellm_provider": entry.provider.litellm, "mode": "chat"}
        priced = any(theirs.get(price) for price in PRICES) and not entry.overrides_map
        if priced:
            row |= {fact: value for fact, value in entry.row.items() if "cost" not in fact} | theirs
        else:
            row |= {**theirs, **entry.row}
        self._cards[name] = card = self._card(
            name=name,
            litellm=f"{entry.provider.litellm}/{model_id}",
            provider=entry.provider,
            row=row,
            flags=theirs,
            abilities=entry.abilities,
            retired_on=entry.retired_on or _retired_on(theirs),
            successor=entry.successor,
            source=None if priced else entry.source,
        )
        return card

    def _mapped(self, key: str) -> Card:
        row = self._rows[key]
        theirs = row["litellm_provider"]
        card = self.provider(theirs)
        family = card.litellm if card else _family(theirs)
        prefix, _, tail = key.partition("/")
        model_id = tail if prefix in (family, theirs, *(_prefixes(card) if card else ())) else key
        litellm = f"{family}/{model_id}"
        return self._card(
            name=key if card else litellm,
            litellm=litellm,
            provider=card or ProviderCard(family, family, family),
            row=row,
            flags=row,
            retired_on=_retired_on(row),
        )

    def _card(
        self,
        *,
        name: str,
        litellm: str,
        provider: ProviderCard,
        row: Mapping[str, Any],
        flags: Mapping[str, Any],
        abilities: frozenset[str] = frozenset(),
        retired_on: date | None = None,
        successor: str | None = None,
        source: str | None = None,
    ) -> Card:
        mode = row.get("mode") or "chat"
        model_id = litellm.partition("/")[2]
        refuses = _refused(provider, model_id, flags) if mode in ("chat", "completion", "responses") else frozenset()
        able = {ability for ability, flag in FLAGS.items() if flags.get(flag) and ASKED_BY.get(ability) not in refuses}
        return Card(
            name=name,
            litellm=litellm,
            provider=provider.name,
            mode=mode,
            context_tokens=_tokens(row.get("max_input_tokens")),
            output_tokens=_tokens(row.get("max_output_tokens")),
            row=MappingProxyType(row),
            abilities=abilities | able | ({mode} & {"embedding", "rerank"}),
            refuses=refuses,
            free=provider.free and not any(row.get(price) for price in PRICES),
            retired_on=retired_on,
            successor=successor,
            source=source,
        )


def _folded(name: str) -> str:
    return "-".join(name.casefold().split())


def _snake(name: str) -> str:
    return "_".join(name.casefold().replace("-", " ").split())


def _prefixes(card: ProviderCard) -> tuple[str, ...]:
    """What may stand before a model of the provider; LiteLLM's prefix only where it is not another provider's name."""
    own = () if card.litellm == "openai" else (card.litellm,)
    return (*own, card.name, *card.spellings)


def _spelled(word: str, card: ProviderCard) -> Iterator[str]:
    tail = word.removeprefix(f"{card.name}/")
    if tail == word:
        yield word
    for prefix in _prefixes(card):
        yield f"{prefix}/{tail}"


def _refused(card: ProviderCard, model_id: str, flags: Mapping[str, Any]) -> frozenset[str]:
    return frozenset().union(*(rule.params for rule in card.refuses if rule.holds(model_id, flags)))


def _family(litellm_provider: str) -> str:
    for family in ("vertex_ai", "fireworks_ai"):
        if litellm_provider.startswith(f"{family}-"):
            return family
    return FAMILIES.get(litellm_provider, litellm_provider)


def _tokens(count: Any) -> int | None:
    return int(count) if isinstance(count, int | float) and count > 0 else None


def _retired_on(row: Mapping[str, Any]) -> date | None:
    try:
        return date.fromisoformat(row.get("deprecation_date") or "")
    except (TypeError, ValueError):
        return None


def _digest(text: bytes) -> str:
    return blake2b(text, digest_size=6).hexdigest()
