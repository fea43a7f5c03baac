"""Our provider in LiteLLM's tables: entered, and taken out again without a trace."""

from __future__ import annotations

from typing import Any

import litellm
import litellm.main

from orchestra.api import MultiModelAPI
from orchestra.dropin.aliases import rows
from orchestra.dropin.errors import PROVIDER
from orchestra.dropin.provider import Provider


class Registration:
    """One client, as LiteLLM's provider `orchestra`; `owned`: it is ours to close."""

    def __init__(self, api: MultiModelAPI, owned: bool) -> None:
        self.api = api
        self._owned = owned
        self.provider = Provider(api)
        self._rows = rows(api)

    def renew(self) -> None:
        """Be in every table of LiteLLM's, once; others' providers stay."""
        entry = {"provider": PROVIDER, "custom_handler": self.provider}
        if entry not in litellm.custom_provider_map:
            others = [other for other in litellm.custom_provider_map if other["provider"] != PROVIDER]
            litellm.custom_provider_map = [*others, entry]
        for names in (litellm.provider_list, litellm._custom_providers):  # noqa: SLF001  # LiteLLM fills it late
            if PROVIDER not in names:
                names.append(PROVIDER)
        missing = {name: dict(row) for name, row in self._rows.items() if name not in litellm.model_cost}
        if missing:
            litellm.model_cost.update(missing)
            _forget_rows()
        _read_as_given()

    def withdraw(self) -> None:
        """Be in none of them."""
        litellm.custom_provider_map = [
            other for other in litellm.custom_provider_map if other["custom_handler"] is not self.provider
        ]
        for names in (litellm.provider_list, litellm._custom_providers):  # noqa: SLF001  # LiteLLM fills it late
            if PROVIDER in names:
                names.remove(PROVIDER)
        for name in self._rows:
            litellm.model_cost.pop(name, None)
        _read_as_mapped()
        _forget_rows()
        if self._owned:
            self.api.close()


class _AsGiven:
    """LiteLLM's parameter mapping, but for our provider: the member that is chosen later maps its own.

    Mapped for a provider that it does not know, `user`, `reasoning_effort`, `thinking` and others would be lost.
    """

    def __init__(self, mapping: Any) -> None:
        self.mapping = mapping

    def __call__(self, *args: Any, **given: Any) -> Any:
        if given.get("custom_llm_provider") != PROVIDER:
            return self.mapping(*args, **given)
        return {name: value for name, value in given.items() if value is not None}


MAPPINGS = ("get_optional_params", "get_optional_params_embeddings")


def _read_as_given() -> None:
    for name in MAPPINGS:
        mapping = getattr(litellm.main, name, None)
        if mapping is not None and not isinstance(mapping, _AsGiven):
            setattr(litellm.main, name, _AsGiven(mapping))


def _read_as_mapped() -> None:
    for name in MAPPINGS:
        mapping = getattr(litellm.main, name, None)
        if isinstance(mapping, _AsGiven):
            setattr(litellm.main, name, mapping.mapping)


def _forget_rows() -> None:
    """Have LiteLLM read its map anew: it keeps what it found in caches."""
    forget = getattr(litellm.utils, "_invalidate_model_cost_lowercase_map", None)
    if forget is not None:
        forget()
