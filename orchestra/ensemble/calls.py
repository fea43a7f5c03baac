"""The tool calls of an answer: what they say, without their ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestra.types import Response


def calls_of(response: Response) -> list[dict[str, Any]]:
    """Name and arguments of each tool call, as plain data; arguments that are no JSON are text."""
    return [_said(call) for call in plain_calls(response)]


def plain_calls(response: Response) -> list[dict[str, Any]]:
    """The tool calls as a message of a conversation has them, with their ids."""
    return [
        dict(call) if isinstance(call, Mapping) else call.model_dump(exclude_none=True) for call in response.tool_calls
    ]


def output(response: Response) -> str:
    """All that an answer says, as text: its own, and its tool calls as JSON."""
    calls = calls_of(response)
    return "\n\n".join(part for part in (response.text, json.dumps(calls, ensure_ascii=False) if calls else "") if part)


def _said(call: Mapping[str, Any]) -> dict[str, Any]:
    about = call.get("function") or call.get("custom") or {}
    return {"name": about.get("name"), "arguments": _data(about.get("arguments", about.get("input")))}


def _data(arguments: Any) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return arguments
