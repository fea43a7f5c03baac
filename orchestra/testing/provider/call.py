"""One request, as the stand-in understood it, whatever wire format it came in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]
"""A JSON object, as it goes over the wire."""

Operation: TypeAlias = Literal["chat", "embedding", "rerank"]


@dataclass(frozen=True)
class Call:
    """A request that a scripted function may look at before it decides what to answer."""

    number: int
    """Counts the requests of one stand-in from 1; the number of its `Record`."""
    provider: str
    """LiteLLM's name of the provider: `groq`, `together_ai`, `ollama_chat` …"""
    operation: Operation
    model: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: Json = field(repr=False)
    stream: bool = False
    text: str = ""
    """All text that the model reads: system prompt, conversation, documents, query."""
    question: str = ""
    """The last text of the user."""
    tools: Mapping[str, Json] = field(default_factory=dict)
    """Each tool's name with the JSON schema of its arguments."""
    tool_choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the one tool that must be called."""
    schema: Json | None = None
    """The JSON schema that the answer must fit; `{}` means any object, None means free text."""
    max_tokens: int | None = None
    choices: int = 1
    """How many answers are asked for (`n`)."""
    include_usage: bool = False
    texts: tuple[str, ...] = ()
    """What is to be embedded, or the documents to be ranked."""
    query: str = ""
    top_n: int | None = None
    dimensions: int | None = None


def text_of(content: object) -> str:
    """The text in a message's content, in any shape that a provider takes: a string, a list of parts, nested parts."""
    match content:
        case str():
            return content
        case list():
            return " ".join(filter(None, map(text_of, content)))
        case {"text": str(text)}:
            return text
        case {"content": inner} | {"parts": inner}:
            return text_of(inner)
        case _:
            return ""


def last_question(messages: list[Json]) -> str:
    """The text of the last message that the user wrote."""
    return next((text_of(message) for message in reversed(messages) if message.get("role", "user") == "user"), "")
