"""Judges, validators and members that answer as they are told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from orchestra.ensemble.asking import Asked
from orchestra.prompting.library import Library
from orchestra.testing import Scripted
from orchestra.types import Request

LIBRARY = Library()


def members(*texts: Any) -> tuple[tuple[str, Scripted], ...]:
    """A member for each script, called `a`, `b`, `c` …"""
    return tuple((name, Scripted(text, name=name)) for name, text in zip("abcdefgh", texts, strict=False))


def asked(model: Scripted) -> Asked:
    return Asked(model.name, model, LIBRARY)


def request(prompt: str = "What is it?", **about: Any) -> Request:
    return Request(messages=({"role": "user", "content": prompt},), **about)


def shown(asking: Request, tag: str) -> str:
    """What a prompt shows between two tags."""
    content = asking.messages[-1]["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    found = re.search(rf"<{tag}>\n(.*?)\n</{tag}>", text, re.DOTALL)
    assert found is not None, text
    return found[1]


def judge(better: Callable[[str, str], str], name: str = "judge", **about: Any) -> Scripted:
    """A judge of pairs: `better` says A, B or tie of two texts."""

    def answer(asking: Request) -> str:
        return json.dumps({"reason": "so", "better": better(shown(asking, "answer_a"), shown(asking, "answer_b"))})

    return Scripted(answer, name=name, **about)


def shorter(one: str, other: str) -> str:
    return "A" if len(one) < len(other) else "B" if len(other) < len(one) else "tie"


def tool_call(id_: str, function: str, **arguments: Any) -> dict[str, Any]:
    """A call of a tool, as it stands in a response."""
    return {
        "id": id_,
        "type": "function",
        "function": {"name": function, "arguments": json.dumps(arguments)},
    }
