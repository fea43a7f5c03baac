"""What the catalogue says of a provider, and of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Literal

Ability = Literal[
    "tools",
    "json",
    "json_schema",
    "vision",
    "audio_input",
    "video_input",
    "file_input",
    "web_search",
    "reasoning",
    "embedding",
    "rerank",
]
"""Something that a request can need of a model."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """OpenAI parameters that LiteLLM turns down for some models of a provider.

    The rule holds for ids that match one of the globs `models`, where the model's row in LiteLLM's map lacks the flag
    `without`, or says false for the flag `denied`.
    """

    params: frozenset[str]
    models: tuple[str, ...] = ("*",)
    without: str | None = None
    denied: str | None = None

    def holds(self, model_id: str, row: Mapping[str, Any]) -> bool:
        """Whether it holds for the provider's model of that id, with that row of the map."""
        return (
            any(fnmatchcase(model_id, glob) for glob in self.models)
            and (self.without is None or not row.get(self.without))
            and (self.denied is None or row.get(self.denied) is False)
        )


@dataclass(frozen=True, slots=True)
class ProviderCard:
    """What is known of one kind of provider.

    `name` is what users write (`google`), `litellm` LiteLLM's prefix (`gemini`), `spellings` what else it is called.
    `key_variables` are the environment variables that may hold its key, the first being the one to name in a message.
    `base_url` is the usual address of a self-hosted kind. `models` gives today's model for each role (`default`,
    `reasoning`, `fast`, `cheap`, …). `free` kinds cost nothing unless priced.
    """

    name: str
    litellm: str
    title: str
    spellings: tuple[str, ...] = ()
    key_variables: tuple[str, ...] = ()
    free: bool = False
    base_url: str | None = None
    models: Mapping[str, str] = field(default_factory=dict, hash=False)
    refuses: tuple[Refusal, ...] = field(default=(), repr=False)

    @property
    def needs_key(self) -> bool:
        """A key is needed to call it; False also for a provider whose variables we don't know."""
        return bool(self.key_variables)


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of one model; `None` everywhere means that nobody knows.

    `name` is its name in the catalogue, `litellm` its LiteLLM id with the provider's prefix, `provider` the
    `ProviderCard.name`, or LiteLLM's own name for a provider that has no card. `row` is LiteLLM's row of prices and
    flags, in USD per token, with ours laid over it. `refuses` are OpenAI parameters that it is known to refuse.
    `retired_on` may lie in the future. `successor` is a name of the catalogue. `source` says where a price of ours
    is from; it is `None` when the price is LiteLLM's.
    """

    name: str
    litellm: str
    provider: str
    mode: str = "chat"
    context_tokens: int | None = None
    output_tokens: int | None = None
    row: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)
    abilities: frozenset[str] = frozenset()
    refuses: frozenset[str] = field(default=frozenset(), repr=False)
    free: bool = False
    retired_on: date | None = None
    successor: str | None = None
    source: str | None = None

    @property
    def input_usd_per_mtok(self) -> Decimal | None:
        """Price of a million input tokens in USD, below any tier; `None` when unknown."""
        return self._usd_per_mtok("input_cost_per_token")

    @property
    def output_usd_per_mtok(self) -> Decimal | None:
        """Price of a million output tokens in USD, below any tier; `None` when unknown."""
        if self.mode in ("embedding", "rerank"):
            return Decimal(0)
        return self._usd_per_mtok("output_cost_per_token")

    def retired(self, today: date) -> bool:
        """Whether its provider has withdrawn it by that day."""
        return self.retired_on is not None and self.retired_on <= today

    def _usd_per_mtok(self, rate: str) -> Decimal | None:
        usd_per_token = self.row.get(rate)
        if not usd_per_token:
            return Decimal(0) if self.free else None
        per_mtok = (Decimal(repr(float(usd_per_token))) * 1_000_000).normalize()
        return Decimal(f"{per_mtok:f}")
