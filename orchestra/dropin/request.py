"""What LiteLLM hands to a provider of its own, as a request of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote

from orchestra.api import MultiModelAPI
from orchestra.errors import ConfigError
from orchestra.types import Access, Call, Request, Response, Sink

WORD = "orchestra"
"""The key of a caller's `metadata` under which our own words are: task_type, priority, tags, max_cost_usd …"""

WORDS = frozenset(
    {
        "budget_mode",
        "cache",
        "deadline_s",
        "importance",
        "input_tokens",
        "latency_critical",
        "max_cost_usd",
        "max_retries",
        "num_retries",
        "on_member",
        "preferred_model",
        "priority",
        "prompt_id",
        "prompt_label",
        "prompt_version",
        "tags",
        "task_type",
        "variables",
        "version",
    }
)
"""Those words: the options of `generate` that are none of LiteLLM's."""

PROMPT = {"prompt_id": "prompt_id", "prompt_variables": "variables"}
"""LiteLLM's words for a prompt of a library, and ours; which version is said among our own words."""

DEEPEST = 8
"""Calls of `orchestra/…` inside of one another."""

NOT_PARAMETERS = frozenset(
    {"model", "messages", "custom_llm_provider", "stream_options", "base_model", "_skip_mcp_handler"}
)


_DEPTH: ContextVar[int] = ContextVar("orchestra_depth", default=0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and how long it may take in all; `name` is what the caller called the model, `id` LiteLLM's call."""

    id: str
    name: str
    request: Request
    deadline_s: float | None = None
    logging: Any = field(default=None, repr=False)
    """What LiteLLM reports the call with."""


def asked(api: MultiModelAPI, call: Call, model: str, given: Mapping[str, Any]) -> Asked:
    """The request that LiteLLM's keywords for a provider's handler make; raises `ConfigError` for what can't be one."""
    model = unquote(model)
    params = {
        name: value
        for name, value in given["optional_params"].items()
        if value is not None and name not in NOT_PARAMETERS
    }
    about = given.get("litellm_params") or {}
    metadata = dict(about.get("metadata") or {})
    words = metadata.pop(WORD, None) or {}
    if not isinstance(words, Mapping):
        raise ConfigError(f"metadata[{WORD!r}] is a dict of our own words, not {words!r}")
    words = _words(words)
    deadline_s = words.pop("deadline_s", None)
    options: dict[str, Any] = {**params, **words}
    if metadata:
        options["metadata"] = metadata
    if given.get("headers"):
        options["extra_headers"] = dict(given["headers"])
    if (stream_options := _stream_options(given["optional_params"])) is not None:
        options["stream_options"] = stream_options
    if call == "chat":
        options["messages"] = _signed(given["messages"], getattr(given.get("logging_obj"), "messages", None))
    elif call == "embedding":
        options["input"] = given["input"]
    for word, ours in PROMPT.items():
        if about.get(word) is not None:
            options[ours] = about[word]
    if given.get("timeout") is not None:
        options["timeout"] = given["timeout"]
    request = api.request(call, model, **options)
    request = replace(request, reported=True, access=_access(api, model, given))
    return Asked(str(about.get("litellm_call_id")), model, request, deadline_s, given.get("logging_obj"))


def _words(given: Mapping[str, Any]) -> dict[str, Any]:
    """Our own words, each one that we know: another would go to the provider and not do what it was written for."""
    for word in given:
        if word not in WORDS:
            close = get_close_matches(str(word), WORDS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(WORDS))}"
            raise ConfigError(f"metadata[{WORD!r}]: no such word {word!r}; {hint}")
    tags = given.get("tags")
    if tags is not None and not isinstance(tags, Mapping):
        raise ConfigError(f"metadata[{WORD!r}]: 'tags' is a dict such as {{'user': 'ann'}}, not {tags!r}")
    return dict(given)


async def answered(api: MultiModelAPI, asked: Asked, sink: Sink | None = None) -> Response:
    """The answer of the tree; raises `ConfigError` where it asks for itself again and again."""
    depth = _DEPTH.get()
    if depth >= DEEPEST:
        raise ConfigError(f"{asked.name!r} asks for itself: {depth} calls of orchestra/… are inside of one another")
    token = _DEPTH.set(depth + 1)
    try:
        return await api.answer(replace(asked.request, sink=sink), asked.deadline_s)
    finally:
        _DEPTH.reset(token)


def _access(api: MultiModelAPI, name: str, given: Mapping[str, Any]) -> Access | None:
    """The caller's own key and address: they are for a model's provider, and a policy has none.

    An address without a key is refused where a configured key would be sent to it.
    """
    key, base = given.get("api_key"), given.get("api_base")
    arm = api.tree.find(name)
    if arm.name in api.tree.policies or not (key or base):
        return None
    (model,) = arm.members
    if base and not key and model.key() is not None:
        raise ConfigError(f"api_base={base!r} came without an api_key, and the configured key is not sent there")
    return Access(model.provider, key, base)


def _stream_options(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the caller wants of the stream, without the usage: LiteLLM itself shows it or not."""
    options = {name: value for name, value in (params.get("stream_options") or {}).items() if name != "include_usage"}
    return options or None


def _signed(messages: Sequence[Any], original: Any) -> list[Any]:
    """The messages with the ids of tool calls as the caller had them: LiteLLM cuts Gemini's signatures off for others.

    `original` are the messages before that.
    """
    whole = {_short(name): name for message in original or () for name in _call_ids(message)}
    if all(short == name for short, name in whole.items()):
        return list(messages)
    return [_restored(message, whole) for message in messages]


def _restored(message: Any, whole: Mapping[str, str]) -> Any:
    if not isinstance(message, Mapping):
        return message
    message = dict(message)
    if "tool_call_id" in message:
        message["tool_call_id"] = whole.get(message["tool_call_id"], message["tool_call_id"])
    calls = message.get("tool_calls")
    if calls:
        message["tool_calls"] = [
            {**call, "id": whole.get(str(_get(call, "id")), _get(call, "id"))} if isinstance(call, Mapping) else call
            for call in calls
        ]
    return message


def _call_ids(message: Any) -> list[str]:
    names = [_get(call, "id") for call in _get(message, "tool_calls") or ()]
    return [name for name in (*names, _get(message, "tool_call_id")) if isinstance(name, str)]


def _get(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _short(name: str) -> str:
    from litellm.litellm_core_utils.prompt_templates.factory import THOUGHT_SIGNATURE_SEPARATOR

    return name.partition(THOUGHT_SIGNATURE_SEPARATOR)[0]
