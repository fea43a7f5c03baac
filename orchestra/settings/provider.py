"""One provider: its key, its address, the models that play its roles, and how it is called."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from orchestra.settings.base import Spec
from orchestra.settings.secret import ENVIRONMENT, Secret

LOOPBACK = ("localhost", "127.0.0.1", "::1")
METADATA = ("169.254.", "metadata.google.internal", "100.100.100.200", "fe80:", "[fe80:")


class ProviderConfig(Spec):
    """A provider, in the spec's own words; `provider` may be left out where the key of `providers:` says it.

    `models` maps roles to models: `model="groq"` is the role `default`, `model="groq:fast"` another. `parameters` go
    with every call to it, except `timeout`, which is the seconds that one attempt may take.
    """

    provider: str | None = None
    api_key: Secret | None = None
    base_url: str | None = None
    organization: str | None = None
    enabled: bool = True
    free: bool | None = None
    """Its models cost nothing; unset: self-hosted kinds are free unless a model is priced."""
    models: dict[str, str] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _litellm_spelling(cls, data: Any) -> Any:
        if isinstance(data, dict) and "api_base" in data and "base_url" not in data:
            return {("base_url" if key == "api_base" else key): value for key, value in data.items()}
        return data

    @field_validator("base_url")
    @classmethod
    def _safe_address(cls, url: str | None) -> str | None:
        return url if url is None or url.startswith(ENVIRONMENT) else safe_address(url)

    @field_validator("parameters")
    @classmethod
    def _one_spelling(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        for word in ("api_key", "api_base", "base_url"):
            if word in parameters:
                raise ValueError(f"{word!r} stands beside 'parameters', not in it")
        if "max_output_tokens" not in parameters:
            return parameters
        if "max_tokens" in parameters:
            raise ValueError("'max_output_tokens' and 'max_tokens' are the same thing; name one")
        return {("max_tokens" if key == "max_output_tokens" else key): value for key, value in parameters.items()}


def safe_address(url: str) -> str:
    """`url` without a trailing slash; raises `ValueError` where sending a key to it would be a mistake."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("this is not an http(s) address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("an address has no user, password, query or fragment in it: name the key under 'api_key'")
    if host.startswith(METADATA):
        raise ValueError(f"{host!r} is a machine's metadata service, not a provider")
    return url.rstrip("/")
