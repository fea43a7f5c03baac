"""A model as it will be called: what is known of it, and how to reach it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestra.catalog import Card
from orchestra.settings.secret import Secret, revealed


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A model as it will be called.

    `name` is what the user calls it, `card` what is known of it. `api_key` is the configured secret; unset, the first
    of `key_variables` that holds something is used. `params` go with every call. `timeout_s` is for one attempt.
    `address` starts and names a server of our own (the local model).
    """

    name: str
    card: Card
    provider: str
    api_key: Secret | None = None
    key_variables: tuple[str, ...] = ()
    needs_key: bool = True
    keyless: bool = False
    """It is of a self-hosted kind: where it has no key, none is looked for."""
    base_url: str | None = None
    organization: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = 60.0
    enabled: bool = True
    address: Callable[[], Awaitable[str]] | None = field(default=None, repr=False, compare=False)
    lacks: Callable[[], str | None] | None = field(default=None, repr=False, compare=False)
    """What is not installed, and the command that mends it; `None` when nothing is missing."""

    @property
    def model(self) -> str:
        """The LiteLLM id."""
        return self.card.litellm

    @property
    def deployment(self) -> str:
        """What fails, and cools down, by itself: the model behind one address and one key."""
        if self.base_url is None and self.api_key is None:
            return self.model
        return f"{self.model} {self.base_url or ''} {hash(self.api_key):x}"

    def id_for(self, call: str) -> str:
        """The LiteLLM id for a `chat`, `embedding` or `rerank` call."""
        if call == "embedding" and self.model.startswith(
            "ollama_chat/"
        ):  # LiteLLM embeds through the other prefix only
            return self.model.replace("ollama_chat/", "ollama/", 1)
        return self.model

    def key(self) -> str | None:
        """The key, read now; `None` when there is none."""
        if self.api_key is not None:
            return self.api_key.reveal()
        return next((value for name in self.key_variables if (value := os.environ.get(name))), None)

    def unready(self) -> str | None:
        """Why it cannot be called here and now: no key, or something is not installed; `None` when it can."""
        if self.lacks is not None:
            return self.lacks()
        return f"no key: {variable} is not set" if (variable := self.missing_key) else None

    @property
    def missing_key(self) -> str | None:
        """The environment variable to set, when the model cannot be called for want of a key."""
        if not self.needs_key or self.key() is not None:
            return None
        if self.api_key is not None and self.api_key.variable:
            return self.api_key.variable
        return self.key_variables[0] if self.key_variables else "its api_key"

    def url(self, call: str) -> str | None:
        """Where LiteLLM must send a `chat`, `embedding` or `rerank` call; `None`: where it always does."""
        url: str | None = revealed(self.base_url)
        if url is not None and self.card.litellm.startswith(("cohere/", "cohere_chat/")):
            # LiteLLM takes Cohere's full endpoint where every other provider has a base.
            root = url.removesuffix("/chat").removesuffix("/embed").removesuffix("/rerank").removesuffix("/v2")
            return f"{root}/v2/{ {'chat': 'chat', 'embedding': 'embed', 'rerank': 'rerank'}[call] }"
        return url
