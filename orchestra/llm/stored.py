"""LiteLLM's responses as plain JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestra.llm.library import library

KINDS = frozenset({"ModelResponse", "EmbeddingResponse", "RerankResponse"})
HIT: Mapping[str, Any] = {"cache_hit": True, "response_cost": 0.0}


def stored(raw: Any) -> dict[str, Any] | None:
    """The fields of a response as plain JSON, and the name of its class; `None` for what is none of LiteLLM's.

    LiteLLM's hidden parameters, which hold addresses and headers, are left out.
    """
    kind = type(raw)
    if kind.__name__ not in KINDS or not kind.__module__.startswith("litellm."):
        return None
    return {"kind": kind.__name__, "fields": raw.model_dump(mode="json", warnings=False)}


async def restored(kind: str, fields: Mapping[str, Any]) -> Any:
    """The response as LiteLLM's own class, marked as a cache hit that cost nothing.

    Raises `ValueError` where the fields make none.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no response of LiteLLM's")
    litellm = await library()
    try:
        raw = getattr(litellm, kind)(**fields)
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError(f"the fields make no {kind}: {error}") from error
    raw._hidden_params = dict(HIT)  # noqa: SLF001  # what LiteLLM's own tools read
    return raw
