"""What a route reads of a request: plain facts, found locally in microseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestra.tokens import estimated_tokens
from orchestra.types import Call, Priority, Request

IMAGE_TOKENS = 800
MESSAGE_TOKENS = 4
PARTS = {
    "image_url": "images",
    "image": "images",
    "input_image": "images",
    "input_audio": "audio",
    "audio_url": "audio",
    "video_url": "video",
    "video": "video",
    "file": "files",
    "document": "files",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a route decides from.

    `input_tokens` is the caller's own figure, or an estimate (`estimated`). `answer_tokens` is the room that the answer
    asks for, 0 when the caller does not say. `parameters` are the names that the caller set.
    """

    call: Call = "chat"
    task: str | None = None
    priority: Priority = "normal"
    preferred_model: str | None = None
    input_tokens: int = 0
    estimated: bool = True
    answer_tokens: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)
    images: bool = False
    audio: bool = False
    video: bool = False
    files: bool = False
    tools: bool = False
    structured: bool = False
    parameters: frozenset[str] = frozenset()

    def shown(self) -> dict[str, Any]:
        """The facts worth showing: those that are there."""
        about = f"{'about ' if self.estimated else ''}{self.input_tokens}"
        shown: dict[str, Any] = {"task": self.task, "priority": self.priority, "input_tokens": about, **self.tags}
        shown |= {name: True for name in (*sorted(set(PARTS.values())), "tools", "structured") if getattr(self, name)}
        return {name: value for name, value in shown.items() if value is not None}


def facts_of(request: Request) -> Facts:
    """The facts of a request; costs one pass over its text."""
    kinds: set[str] = set()
    tokens = 0
    for message in request.messages:
        tokens += MESSAGE_TOKENS
        for kind, text in _parts(message.get("content")):
            kinds.add(PARTS.get(kind, kind))
            tokens += estimated_tokens(text) + (IMAGE_TOKENS if kind in PARTS else 0)
    params = request.params
    tools = params.get("tools") or params.get("functions")
    if request.input_tokens is None:
        tokens += estimated_tokens(str(tools)) if tools else 0
        tokens += sum(estimated_tokens(text) for text in _inputs(params)) if request.call != "chat" else 0
    return Facts(
        call=request.call,
        task=request.task_type,
        priority=request.priority,
        preferred_model=request.preferred_model,
        input_tokens=tokens if request.input_tokens is None else request.input_tokens,
        estimated=request.input_tokens is None,
        answer_tokens=params.get("max_completion_tokens") or params.get("max_tokens") or 0,
        tags=request.tags,
        images="images" in kinds,
        audio="audio" in kinds,
        video="video" in kinds,
        files="files" in kinds,
        tools=bool(tools),
        structured=_structured(params.get("response_format")),
        parameters=frozenset(name for name, value in params.items() if value is not None),
    )


def _parts(content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        yield "text", content
    elif isinstance(content, (list, tuple)):
        for part in content:
            if isinstance(part, str):
                yield "text", part
            elif isinstance(part, Mapping):
                yield str(part.get("type", "text")), str(part.get("text") or "")


def _inputs(params: Mapping[str, Any]) -> Iterator[str]:
    for name in ("input", "query", "documents"):
        value = params.get(name) or ()
        for text in [value] if isinstance(value, str) else value:
            yield text if isinstance(text, str) else str(text)


def _structured(response_format: Any) -> bool:
    if isinstance(response_format, Mapping):
        return response_format.get("type") not in (None, "text")
    return response_format is not None
