"""What is sent to LiteLLM: the call discipline of one attempt, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestra.errors import ConfigError, Denied
from orchestra.llm.messages import ordered
from orchestra.model_config import ModelConfig
from orchestra.settings.secret import revealed
from orchestra.types import Access, Request

OURS = frozenset(
    {"max_retries", "num_retries", "fallbacks", "stream", "stream_options", "api_key", "api_base", "base_url"}
)
"""Words of a caller that never reach LiteLLM: retries, fallbacks and addresses are decided here."""

COHERE = ("cohere/", "cohere_chat/")
"""LiteLLM does not read the end of Cohere's streams (finish reason, usage), nor the tool calls in them."""


class _Never(int):
    """No retries, also where LiteLLM reads 0 as not given: its embeddings have `max_retries or DEFAULT`."""

    def __bool__(self) -> bool:
        return True


NEVER = _Never(0)

NO_ACCESS = Access("")
DIALECTS = {"max_output_tokens": "max_tokens"}


def arguments(model: ModelConfig, request: Request, refused: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The keywords of one LiteLLM call; the caller's containers are copied, because LiteLLM writes to them.

    `refused` are configured parameters that the model is known to refuse; a caller's own parameter is never dropped.
    Raises `Denied` where the model has no key, `ConfigError` where its provider is switched off.
    """
    if not model.enabled:
        raise ConfigError(f"{model.name}: provider {model.provider!r} is switched off (enabled: false)")
    key = (own_access(model, request) or NO_ACCESS).api_key or model.key()
    if key is None and model.needs_key:
        raise Denied(
            f"{model.name}: no key; set {model.missing_key}", model=model.model, provider=model.provider, status=401
        )
    configured = {
        name: revealed(value) for name, value in model.params.items() if name not in refused | model.card.refuses
    }
    given = {DIALECTS.get(name, name): value for name, value in request.params.items() if not _ours(name, value)}
    if "max_completion_tokens" in given:
        configured.pop("max_tokens", None)
    sent = {name: copied(value) for name, value in (configured | given).items()}
    if request.call == "chat":
        sent["messages"] = [copied(message) for message in ordered(request.messages, model.provider)]
        if not any(isinstance(tool, Mapping) and tool.get("type") == "mcp" for tool in sent.get("tools") or ()):
            # LiteLLM 1.106 imports its proxy, which a bare install has not, to look for MCP tools.
            sent["_skip_mcp_handler"] = True
    if streamed(model, request):
        sent |= {"stream": True, "stream_options": {**_options(request), "include_usage": True}}
    elif request.params.get("stream") is False:
        sent["stream"] = False
    if request.reported:
        sent["no-log"] = True
    if model.organization is not None:
        sent.setdefault("organization", model.organization)
    return sent | {
        "model": model.id_for(request.call),
        "api_key": key or ("not-needed" if model.keyless else None),
        "num_retries": 0,
        "max_retries": NEVER,
        "timeout": model.timeout_s,
    }


def own_access(model: ModelConfig, request: Request) -> Access | None:
    """The caller's own key and address, where they are for this model's provider."""
    access = request.access
    return access if access is not None and access.provider == model.provider else None


def _ours(name: str, value: Any) -> bool:
    """A word that is said to us; LiteLLM's own `cache` is a dict, ours is a bool."""
    return name in OURS or (name == "cache" and isinstance(value, bool))


def streamed(model: ModelConfig, request: Request) -> bool:
    """The answer is asked for as a stream: there is a reader, and LiteLLM's stream loses nothing of it."""
    if request.call != "chat" or request.sink is None:
        return False
    return not (request.params.get("tools") and model.model.startswith(COHERE))


def dropped(model: ModelConfig, request: Request, refused: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The configured parameters that are left out because the model refuses them."""
    return tuple(name for name in model.params if name in refused | model.card.refuses and name not in request.params)


def asked_for_usage(request: Request) -> bool:
    """The caller of a stream wants to see its usage chunk."""
    return bool(_options(request).get("include_usage"))


def _options(request: Request) -> Mapping[str, Any]:
    return request.params.get("stream_options") or {}


def copied(value: Any) -> Any:
    """A copy of every dict and list, sharing what is in them."""
    if isinstance(value, Mapping):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [copied(part) for part in value]
    return value
