"""What every wire format has in common: the questions that the server asks of it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from orchestra.testing.provider.behaviour import STATUS, Failure, Fault
from orchestra.testing.provider.call import Call, Json, Operation
from orchestra.testing.provider.generation import Generation, relevance, vector

CREATED_S = 1_790_000_000
"""The time that every answer claims to be from: Unix time, fixed, so that equal requests get equal answers."""


@dataclass(frozen=True)
class Frame:
    """What is written to a stream at once: `head`, some `content`, or part of the `tail` that ends the stream."""

    data: bytes
    part: Literal["head", "content", "tail"] = "head"


class Wire(ABC):
    """One provider's wire format. `name` is LiteLLM's name of the provider."""

    bases: ClassVar[Mapping[Operation, str]]
    """For each operation the path that LiteLLM wants at the end of `api_base`."""
    endpoints: ClassVar[Mapping[str, Operation]]
    required: ClassVar[Mapping[Operation, tuple[str, ...]]]
    known_fields: ClassVar[frozenset[str] | None] = None
    """Fields that a chat request may have; None where the provider ignores others."""
    key_header: ClassVar[str | None] = "authorization"
    """The header without which a request is refused; None where the server is open."""
    content_fields: ClassVar[tuple[str, ...]]
    """The fields of a chat answer that have the content."""
    stream_type: ClassVar[str] = "text/event-stream"
    words: ClassVar[Mapping[Fault, str]] = {}
    """The provider's own words for an error; where LiteLLM knows it by its words, words that it knows."""
    statuses: ClassVar[Mapping[Fault, int]] = STATUS

    def __init__(self, name: str) -> None:
        self.name = name

    def operation(self, path: str) -> Operation | None:
        """What the path (without the stand-in's prefix) is for."""
        return self.endpoints.get(path)

    def model(self, path: str, body: Json) -> str:
        """The model that the request names."""
        return str(body.get("model", ""))

    def objection(self, operation: Operation, headers: Mapping[str, str], body: Json, strict: bool) -> Failure | None:
        """Why the provider would refuse the request out of hand, if it would; unknown fields count if `strict`."""
        if self.key_header and not headers.get(self.key_header, "").removeprefix("Bearer").strip():
            return Failure(Fault.UNAUTHORIZED)
        if missing := [name for name in self.required[operation] if not body.get(name)]:
            return Failure(Fault.BAD_REQUEST, message=f"{missing[0]}: field required")
        if strict and operation == "chat" and self.known_fields and (unknown := body.keys() - self.known_fields):
            return Failure(Fault.BAD_REQUEST, message=self.unknown_field(min(unknown)))
        return None

    def unknown_field(self, name: str) -> str:
        """How the provider words its refusal of a field that it does not know."""
        return f"{name}: Extra inputs are not permitted"

    @abstractmethod
    def read(self, call: Call) -> Call:
        """Understand the body of a request to which there was no objection: fill in what it says."""

    @abstractmethod
    def chat(self, call: Call, generation: Generation) -> Json:
        """A plain answer."""

    @abstractmethod
    def frames(self, call: Call, generation: Generation) -> Iterator[Frame]:
        """A streamed answer, frame by frame."""

    def embedding(self, call: Call, vectors: list[list[float]], input_tokens: int) -> Json:
        """One vector for each text."""
        raise NotImplementedError(f"{self.name} has no embeddings")

    def ranking(self, call: Call, ranked: list[tuple[int, float]], input_tokens: int) -> Json:
        """Documents by index, with their scores."""
        raise NotImplementedError(f"{self.name} has no rerank")

    def plain(self, call: Call, generation: Generation) -> Json:
        """The body of an answer that is not streamed."""
        match call.operation:
            case "chat":
                return self.chat(call, generation)
            case "embedding":
                vectors = [vector(text, call.dimensions) for text in call.texts]
                return self.embedding(call, vectors, generation.input_tokens)
            case "rerank":
                return self.ranking(call, relevance(call), generation.input_tokens)

    def error(self, failure: Failure) -> tuple[int, Json]:
        """Status and body of an error."""
        fault = failure.fault if failure.fault in self.statuses else Fault.SERVER_ERROR
        status = self.statuses[fault]
        return status, self.error_body(fault, status, failure.message or self.words.get(fault, fault.value))

    @abstractmethod
    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        """The provider's JSON for an error."""

    def error_frame(self, failure: Failure) -> bytes:
        """The same error in the midst of a stream."""
        return server_sent(self.error(failure)[1])


def fields(names: str) -> frozenset[str]:
    """The set of the names in a string."""
    return frozenset(names.split())


def server_sent(data: Json | str, event: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()


def json_line(data: Json) -> bytes:
    """One line of newline-delimited JSON."""
    return json.dumps(data).encode() + b"\n"


def share(generation: Generation, done: int, total: int) -> int:
    """The tokens generated when `done` of `total` chunks of content are."""
    return generation.output_tokens * done // total if total else generation.output_tokens
