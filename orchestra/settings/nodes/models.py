"""Models, as a policy names them and as a file declares them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from orchestra.settings.base import Spec


class NameSpec(Spec):
    """A name: a policy, a model of this file, or one of the catalogue; `params` go with the calls made from here."""

    kind: Literal["name"] = "name"
    name: str
    params: dict[str, Any] = Field(default_factory=dict)


class ModelSpec(Spec):
    """A model of the user's own: a LiteLLM id under another name, with what is known of it.

    `params` go with every call. Prices are in USD per million tokens; unset, LiteLLM's map is asked.
    """

    litellm: str
    params: dict[str, Any] = Field(default_factory=dict)
    provider: str | None = None
    """The entry of `providers:` whose key and address it uses; unset: the one that its prefix names."""
    timeout_s: float | None = Field(default=None, gt=0)
    input_usd_per_mtok: float | None = Field(default=None, ge=0)
    output_usd_per_mtok: float | None = Field(default=None, ge=0)
    context_tokens: int | None = Field(default=None, gt=0)
    output_tokens: int | None = Field(default=None, gt=0)
    abilities: tuple[str, ...] | None = None
    free: bool | None = None
    base_model: str | None = None
    """The model behind a deployment's name: its price, window and abilities hold."""

    @model_validator(mode="before")
    @classmethod
    def _bare_id(cls, data: Any) -> Any:
        return {"litellm": data} if isinstance(data, str) else data

    @field_validator("params")
    @classmethod
    def _no_secrets(cls, params: dict[str, Any]) -> dict[str, Any]:
        for word in ("api_key", "api_base", "base_url"):
            if word in params:
                raise ValueError(f"{word!r} belongs to the provider, under 'providers:'")
        return params
