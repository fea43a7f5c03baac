"""What a caller can see of a call: the answer or the error, and what reached the provider."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import litellm
from litellm.exceptions import MidStreamFallbackError

from orchestra.testing import Provider
from orchestra.testing.provider import Reply

from .conftest import Side

WAYS = [(how, stream) for how in ("sync", "async") for stream in (False, True)]
IDS = [f"{how}-{'stream' if stream else 'plain'}" for how, stream in WAYS]


async def called(how: str, asked: dict[str, Any]) -> Any:
    """The answer of one call; of a stream, all of its chunks."""
    stream = asked.get("stream")
    if how == "sync":
        answer = litellm.completion(**asked)
        return list(answer) if stream else answer
    answer = await litellm.acompletion(**asked)
    return [chunk async for chunk in answer] if stream else answer


async def observed(side: Side, how: str, kind: str, replies: Sequence[Reply] = (), **options: Any) -> dict[str, Any]:
    """What one side shows of a call."""
    side.provider.reset()
    side.provider.reply(*replies)
    try:
        answer = await called(how, side.asked(kind, **options))
    except Exception as error:  # noqa: BLE001  # it is compared
        return {"error": of_error(error), "upstream": upstream(side.provider)}
    seen = of_stream(answer) if options.get("stream") else of_response(answer)
    return {**seen, "upstream": upstream(side.provider)}


def upstream(provider: Provider) -> list[dict[str, Any]]:
    """The bodies that reached the provider; that a stream reports its usage is the one thing that we may add."""
    found = []
    for record in provider.calls:
        body = dict(record.body) if isinstance(record.body, dict) else {"body": record.body}
        options = {name: value for name, value in (body.get("stream_options") or {}).items() if name != "include_usage"}
        body.pop("stream_options", None)
        found.append({"path": record.path, **body, **({"stream_options": options} if options else {})})
    return found


def of_response(raw: Any) -> dict[str, Any]:
    """A response without what differs from call to call."""
    cost = raw._hidden_params.get("response_cost")
    return {"class": type(raw), "answer": same(raw.model_dump()), "cost": None if not cost else round(cost, 12)}


def of_stream(chunks: list[Any]) -> dict[str, Any]:
    """The answer that the chunks make, and how they made it."""
    shown = [choice for chunk in chunks for choice in chunk.choices]
    return {
        "class": {type(chunk) for chunk in chunks},
        "ids": len({chunk.id for chunk in chunks}),
        "roles": [choice.delta.role for choice in shown if choice.delta.role],
        "finish": [choice.finish_reason for choice in shown if choice.finish_reason],
        "text": "".join(choice.delta.content or "" for choice in shown),
        "reasoning": "".join(getattr(choice.delta, "reasoning_content", None) or "" for choice in shown),
        "tools": _tools(shown),
        "fields": sorted({name for choice in shown for name, value in choice.delta.model_dump().items() if value}),
        "usage": [same(chunk.usage.model_dump()) for chunk in chunks if getattr(chunk, "usage", None)],
    }


def of_error(error: Exception) -> dict[str, Any]:
    """Class, status, provider and message; a stream's error is what LiteLLM put into its own."""
    inner = getattr(error, "original_exception", None)
    shown: Any = inner if isinstance(error, MidStreamFallbackError) and isinstance(inner, Exception) else error
    kind = next(
        c for c in type(shown).__mro__ if c.__module__.startswith("litellm") and "orchestra" not in c.__module__
    )
    if issubclass(kind, MidStreamFallbackError):
        kind = next((c for c in type(shown).__mro__ if c in litellm.exceptions.LITELLM_EXCEPTION_TYPES), kind)
    said = re.sub(r"^(litellm\.\w+: )+", "", str(shown.message))
    return {
        "class": kind.__name__,
        "status": error.status_code,  # type: ignore[attr-defined]  # all of LiteLLM's have one
        "provider": shown.llm_provider,
        "message": said,
    }


def same(value: Any) -> Any:
    """A dump without ids and times, and without the cost that a stream's usage carries for us."""
    dropped = ("id", "created", "response_ms", "cost")
    if isinstance(value, dict):
        return {name: same(part) for name, part in value.items() if name not in dropped}
    if isinstance(value, list):
        return [same(part) for part in value]
    return value


def _tools(shown: list[Any]) -> list[tuple[str, Any]]:
    """Name and arguments of each tool call, in their order; some providers give all the same index."""
    parts: list[list[str]] = []
    begun: dict[int, tuple[str, int]] = {}
    for choice in shown:
        for call in choice.delta.tool_calls or ():
            if call.index not in begun or (call.id and begun[call.index][0] != call.id):
                begun[call.index] = (call.id or "", len(parts))
                parts.append(["", ""])
            part = parts[begun[call.index][1]]
            part[0] += call.function.name or ""
            part[1] += call.function.arguments or ""
    return [(name, json.loads(arguments or "{}")) for name, arguments in parts]
