"""What a route reads of a request: plain facts, found locally in microseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

from orchestra.routing.text import parts
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

    `task` is the caller's own word, or told from the text, and then `confidence` says how sure that is. `input_tokens`
    is the caller's own figure, or an estimate (`estimated`). `answer_tokens` is the room that the answer asks for, 0
    when the caller does not say. `parameters` are the names that the caller set. `traits` are numbers of the
    text, for what learns from them. `request` is the id of the request.
    """

    call: Call = "chat"
    task: str | None = None
    confidence: float | None = None
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
    traits: Mapping[str, float] = field(default_factory=dict)
    request: str = ""

    @property
    def task_said(self) -> str:
        """How the task is known, for a reason; empty when the caller gave it or nobody knows it."""
        return "" if self.confidence is None else f"task estimated, {self.confidence:.0%} sure"

    def shown(self) -> dict[str, Any]:
        """The facts worth showing: those that are there."""
        about = f"{'about ' if self.estimated else ''}{self.input_tokens}"
        shown: dict[str, Any] = {"task": self.task, "task_confidence": self.confidence, "priority": self.priority}
        shown |= {"input_tokens": about, **self.tags}
        shown |= {name: True for name in (*sorted(set(PARTS.values())), "tools", "structured") if getattr(self, name)}
        return {name: value for name, value in shown.items() if value is not None}

    def plain(self) -> dict[str, Any]:
        """As JSON has it: the facts that are not as they are without being told. There is no text among them."""
        plain = {}
        for name, default in _DEFAULTS:
            value = getattr(self, name)
            if value and value != default:
                plain[name] = sorted(value) if name == "parameters" else value
        return plain if self.estimated else {**plain, "estimated": False}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """The facts that `plain` was made of."""
        return cls(**{**plain, "parameters": frozenset(plain.get("parameters", ()))})


_DEFAULTS = tuple((f.name, None if f.default is MISSING else f.default) for f in fields(Facts))


def facts_of(request: Request) -> Facts:
    """The facts of a request; costs one pass over its text."""
    kinds: set[str] = set()
    tokens = 0
    for message in request.messages:
        tokens += MESSAGE_TOKENS
        for kind, text in parts(message.get("content")):
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
        request=request.id,
    )


def _inputs(params: Mapping[str, Any]) -> Iterator[str]:
    for name in ("input", "query", "documents"):
        value = params.get(name) or ()
        for text in [value] if isinstance(value, str) else value:
            yield text if isinstance(text, str) else str(text)


def _structured(response_format: Any) -> bool:
    if isinstance(response_format, Mapping):
        return response_format.get("type") not in (None, "text")
    return response_format is not None
