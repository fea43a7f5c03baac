"""What one provider wants of the order of messages, whatever client wrote them for whatever other model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PAIRED = ("anthropic", "google")
"""Providers that want the result of a tool right behind its call."""

ANSWERED = ("mistral",)
"""Providers that take an answer at the end only as the beginning of theirs."""


def ordered(messages: Sequence[Any], provider: str) -> list[Any]:
    """The messages in the order that a provider takes; nothing is added, left out or changed but what it would refuse.

    A client does this by the name of the model; one that asks for a policy does not know which model that will be.
    """
    if provider in PAIRED:
        return _paired(messages)
    if provider in ANSWERED and messages and _is_answer(messages[-1]):
        return [*messages[:-1], {**messages[-1], "prefix": True}]
    return list(messages)


def _paired(messages: Sequence[Any]) -> list[Any]:
    """Every tool result behind the message with its call; one whose call is not there stays where it is."""
    called = {name for message in messages for name in _calls(message)}
    results: dict[str, list[Any]] = {}
    for message in messages:
        if (name := _result_of(message)) in called:
            results.setdefault(str(name), []).append(message)
    found: list[Any] = []
    for message in messages:
        if _result_of(message) not in results:
            found.append(message)
        for name in _calls(message):
            found += results.get(name, ())
    return found


def _calls(message: Any) -> list[str]:
    calls = message.get("tool_calls") or () if isinstance(message, Mapping) else ()
    return [str(call.get("id")) for call in calls if isinstance(call, Mapping)]


def _result_of(message: Any) -> str | None:
    if isinstance(message, Mapping) and message.get("role") == "tool" and message.get("tool_call_id"):
        return str(message["tool_call_id"])
    return None


def _is_answer(message: Any) -> bool:
    return isinstance(message, Mapping) and message.get("role") == "assistant" and not message.get("tool_calls")
