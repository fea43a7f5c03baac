"""What a route reads of a request's text: where the task is said, the terms of it, and its traits as numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestra.types import Request

HEAD, TAIL = 1_200, 400
"""Characters that are read of a long text: people say what they want at its beginning or at its end."""
INSTRUCTIONS = 400
"""Characters that are read of the system message."""
FENCE = "```"
STEM = 5

WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
IDEOGRAPHS = "\u2e80"
"""From here on Unicode has scripts that are written without spaces."""


def parts(content: Any) -> Iterator[tuple[str, str]]:
    """The parts of a message's content, each with its kind and its text."""
    if isinstance(content, str):
        yield "text", content
    elif isinstance(content, (list, tuple)):
        for part in content:
            if isinstance(part, str):
                yield "text", part
            elif isinstance(part, Mapping):
                yield str(part.get("type", "text")), str(part.get("text") or "")


def said(request: Request) -> str:
    """The text that says what is wanted: the beginning of the system message, and the last message of the user."""
    system, user = "", ""
    for message in request.messages:
        text = " ".join(text for _, text in parts(message.get("content")) if text)
        if message.get("role") in ("system", "developer"):
            system = system or text
        elif message.get("role") == "user":
            user = text
    return f"{system[:INSTRUCTIONS]}\n{user}" if system else user


def terms(text: str) -> set[str]:
    """The terms of a text in any script: words, pairs of neighbours, beginnings of long words, pairs of ideographs."""
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]} {text[-TAIL:]}"
    found = {FENCE} if FENCE in text else set()
    before = "^"
    for word in WORD.findall(text.casefold()):
        if word.isdecimal():
            word = "0"
        elif word[0] >= IDEOGRAPHS:
            found.update(word[n : n + 2] for n in range(max(1, len(word) - 1)))
            before = word[-1]
            continue
        found.add(word)
        found.add(f"{before} {word}")
        if len(word) > STEM + 1:
            found.add(f"{word[:STEM]}…")
        before = word
    found.add(f"#{min(6, int(math.log2(len(text) + 1) / 1.5))}")
    return found
