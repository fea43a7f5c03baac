"""A model that is asked about answers, by a prompt of the library, as a part of the request that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from orchestra.types import Message, Model, Request, Response

KEPT = ("cache", "drop_params", "metadata", "timeout", "user")
"""Parameters of the request that hold for what is asked about its answers too."""


class Prompt(Protocol):
    """One version of a prompt."""

    @property
    def labels(self) -> Mapping[str, str]: ...

    def messages(self, variables: Mapping[str, Any]) -> tuple[Message, ...]: ...


class Prompts(Protocol):
    """A library of prompts."""

    def get(self, name: str) -> Prompt: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A model that is asked by a prompt of the library; costs what the model costs."""

    name: str
    model: Model
    prompts: Prompts = field(repr=False, compare=False)

    async def __call__(self, request: Request, prompt: str, variables: Mapping[str, Any]) -> Response:
        """Its answer to a prompt; what the request shows besides text (images, files) goes along."""
        return await self.model(self.asking(request, prompt, variables))

    def asking(self, request: Request, prompt: str, variables: Mapping[str, Any]) -> Request:
        """The request that puts a prompt to the model, in place of what `request` asks."""
        found = self.prompts.get(prompt)
        *before, last = found.messages({"task": task_of(request), **variables})
        shown = [part for message in request.messages for part in _parts(message) if part.get("type") != "text"]
        if shown:
            last = {**last, "content": [{"type": "text", "text": last["content"]}, *shown]}
        return replace(
            request,
            messages=(*before, last),
            params={name: value for name, value in request.params.items() if name in KEPT},
            labels={**request.labels, **found.labels},
            preferred_model=None,
            input_tokens=None,
        )


def task_of(request: Request) -> str:
    """What the request asks, as one text: its one message, or its messages with who said them."""
    said = [(str(message.get("role", "user")), _text(message)) for message in request.messages]
    if len(said) == 1:
        return said[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in said)


def _parts(message: Message) -> list[Mapping[str, Any]]:
    content = message.get("content")
    return [part for part in content if isinstance(part, Mapping)] if isinstance(content, (list, tuple)) else []


def _text(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text")) for part in _parts(message) if part.get("type") == "text")
