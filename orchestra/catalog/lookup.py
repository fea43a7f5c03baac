"""The catalogue: names to cards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple

from orchestra.catalog.card import Card, ProviderCard
from orchestra.catalog.facts import listed, mapped, refused
from orchestra.catalog.sources import Entry, ModelsFile, PriceMap, digest, litellm_providers, read_map, read_models
from orchestra.errors import ConfigError

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
        self._cards: dict[tuple[str, str], Card] = {}

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
        return Card(model_id, litellm, card.name, refuses=refused(card, tail, {}), free=card.free)

    def provider(self, name: str) -> ProviderCard | None:
        """The provider of that name, in any spelling (`google`, `gemini`, `Together AI`, `together_ai`)."""
        return self._spellings.get(_snake(name))

    def providers(self) -> Iterator[ProviderCard]:
        """Every provider of `models.yaml`, in its order."""
        return iter(self._file.providers.values())

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
        names |= {_folded(other): other for other in (*self._file.providers, *others)}
        close = get_close_matches(_folded(name), names, 1, 0.7)
        return names[close[0]] if close else None

    def suggest_provider(self, name: str, others: Iterable[str] = ()) -> str | None:
        """The closest name of a provider there is, in any spelling, also among `others`; `None` when none is close."""
        names = {_snake(other): other for other in (*self._litellm_providers, *self._spellings, *others)}
        close = get_close_matches(_snake(name), names, 1, 0.7)
        return names[close[0]] if close else None

    def cards(self) -> Iterator[Card]:
        """The models of `models.yaml`, in its order."""
        return (self._listed(entry, entry.id) for entry in self._file.entries.values())

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
        return digest(f"{self._map.digest} {self._file.digest}".encode())

    @cached_property
    def _map(self) -> PriceMap:
        return read_map(self._map_path)

    @cached_property
    def _file(self) -> ModelsFile:
        return read_models(self._models_path)

    @property
    def _rows(self) -> dict[str, dict[str, Any]]:
        return self._map.rows

    @cached_property
    def _spellings(self) -> dict[str, ProviderCard]:
        cards = self._file.providers.values()
        prefixes = {_snake(prefix): card for card in cards for prefix in _prefixes(card)}
        return prefixes | {_snake(card.title): card for card in cards} | self._file.providers

    @cached_property
    def _names(self) -> dict[str, Listing]:
        names: dict[str, Listing] = {}
        for entry in self._file.entries.values():
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
        card = self._cards.get((entry.name, model_id))
        if card is None:
            key = self._row_key(entry.provider, model_id)
            card = listed(entry, model_id, self._rows[key] if key else {})
            self._cards[entry.name, model_id] = card
        return card

    def _mapped(self, key: str) -> Card:
        row = self._rows[key]
        theirs = row["litellm_provider"]
        card = self.provider(theirs)
        family = card.litellm if card else _family(theirs)
        prefix, _, tail = key.partition("/")
        model_id = tail if prefix in (family, theirs, *(_prefixes(card) if card else ())) else key
        if card is None:
            return mapped(f"{family}/{model_id}", model_id, ProviderCard(family, family, family), row)
        return mapped(key, model_id, card, row)


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


def _family(litellm_provider: str) -> str:
    for family in ("vertex_ai", "fireworks_ai"):
        if litellm_provider.startswith(f"{family}-"):
            return family
    return FAMILIES.get(litellm_provider, litellm_provider)
