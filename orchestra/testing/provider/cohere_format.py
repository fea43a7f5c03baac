"""Cohere's version 2: chat, embed, rerank."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from orchestra.testing.provider.behaviour import Failure, Fault, FinishReason
from orchestra.testing.provider.call import Call, Json, Operation
from orchestra.testing.provider.generation import GeneratedToolCall, Generation
from orchestra.testing.provider.openai_format import read_request
from orchestra.testing.provider.wire import Frame, Wire, json_line

FINISH_REASONS: Mapping[FinishReason, str] = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR",
}


class Cohere(Wire):
    """Requests have OpenAI's shape, answers do not. A stream is one JSON object a line, as LiteLLM reads it."""

    bases: ClassVar[Mapping[Operation, str]] = {"chat": "/v2/chat", "embedding": "/v2/embed", "rerank": "/v2/rerank"}
    endpoints: ClassVar[Mapping[str, Operation]] = {
        "/v2/chat": "chat",
        "/v2/embed": "embedding",
        "/v2/rerank": "rerank",
    }
    required: ClassVar[Mapping[Operation, tuple[str, ...]]] = {
        "chat": ("model", "messages"),
        "embedding": ("model", "input_type"),
        "rerank": ("model", "query", "documents"),
    }
    content_fields = ("message",)
    stream_type = "application/stream+json"
    words: ClassVar[Mapping[Fault, str]] = {
        Fault.CONTEXT_WINDOW: "too many tokens: total number of tokens in the prompt cannot exceed 128000",
        Fault.CONTENT_POLICY: "the request was blocked by the content policy",
        Fault.BAD_REQUEST: "invalid request: temperature must be between 0 and 1.0 inclusive.",
        Fault.UNAUTHORIZED: "invalid api token",
        Fault.FORBIDDEN: "your api token may not use this model",
        Fault.NOT_FOUND: "model 'stand-in' not found, make sure the correct model ID was used",
        Fault.RATE_LIMITED: "You are using a Trial key, which is limited to 20 API calls / minute.",
        Fault.SERVER_ERROR: "internal server error",
        Fault.UNAVAILABLE: "service unavailable",
    }

    def read(self, call: Call) -> Call:
        return read_request(call)

    def chat(self, call: Call, generation: Generation) -> Json:
        message: Json = {"role": "assistant"}
        if content := _content(generation):
            message["content"] = content
        if generation.tool_calls:
            message["tool_calls"] = [_tool_call(tool_call, tool_call.pieces) for tool_call in generation.tool_calls]
        if generation.citations:
            message["citations"] = _citations(generation)
        finish = FINISH_REASONS[generation.finish_reason]
        return {"id": f"chat-{call.number}", "finish_reason": finish, "message": message, **_usage(generation)}

    def frames(self, call: Call, generation: Generation) -> Iterator[Frame]:
        yield Frame(json_line({"type": "message-start", "id": f"chat-{call.number}", "delta": _START}))
        for index, (kind, pieces) in enumerate([("thinking", generation.reasoning), ("text", generation.pieces)]):
            if pieces:
                yield Frame(_event("content-start", index, content={"type": kind, kind: ""}))
                for piece in pieces:
                    yield Frame(_event("content-delta", index, content={kind: piece}), "content")
                yield Frame(_event("content-end", index))
        for index, tool_call in enumerate(generation.tool_calls):
            yield Frame(_event("tool-call-start", index, tool_calls=_tool_call(tool_call, ())), "content")
            for piece in tool_call.pieces:
                delta = {"function": {"arguments": piece}}
                yield Frame(_event("tool-call-delta", index, tool_calls=delta), "content")
            yield Frame(_event("tool-call-end", index))
        for index, citation in enumerate(_citations(generation)):
            yield Frame(_event("citation-start", index, citations=citation))
            yield Frame(_event("citation-end", index))
        end = {"finish_reason": FINISH_REASONS[generation.finish_reason], **_usage(generation)}
        yield Frame(json_line({"type": "message-end", "delta": end}), "tail")

    def embedding(self, call: Call, vectors: list[list[float]], input_tokens: int) -> Json:
        meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": input_tokens}}
        answer = {"embeddings": {"float": vectors}, "texts": list(call.texts), "meta": meta}
        return {"id": f"embed-{call.number}", "response_type": "embeddings_by_type", **answer}

    def ranking(self, call: Call, ranked: list[tuple[int, float]], input_tokens: int) -> Json:
        results = [{"index": index, "relevance_score": score} for index, score in ranked]
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
        return {"id": f"rerank-{call.number}", "results": results, "meta": meta}

    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        return {"id": "stand-in", "message": message}

    def error_frame(self, failure: Failure) -> bytes:
        return json_line(self.error(failure)[1])


_START = {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}


def _content(generation: Generation) -> list[Json]:
    thinking = [{"type": "thinking", "thinking": generation.thoughts}] if generation.reasoning else []
    return [*thinking, *([{"type": "text", "text": generation.text}] if generation.pieces else [])]


def _tool_call(tool_call: GeneratedToolCall, pieces: tuple[str, ...]) -> Json:
    function = {"name": tool_call.name, "arguments": "".join(pieces)}
    return {"id": tool_call.id, "type": "function", "function": function}


def _citations(generation: Generation) -> list[Json]:
    return [
        {
            "start": citation.start,
            "end": citation.end,
            "text": generation.text[citation.start : citation.end],
            "sources": [
                {
                    "type": "document",
                    "id": f"doc:{index}",
                    "document": {"id": f"doc:{index}", "title": citation.title, "url": citation.url},
                }
            ],
            "type": "TEXT_CONTENT",
        }
        for index, citation in enumerate(generation.citations)
    ]


def _usage(generation: Generation) -> Json:
    if not generation.report_usage:
        return {}
    counts = {"input_tokens": generation.input_tokens, "output_tokens": generation.output_tokens}
    return {"usage": {"billed_units": counts, "tokens": counts, "cached_tokens": generation.cached_tokens}}


def _event(kind: str, index: int, **message: object) -> bytes:
    return json_line({"type": kind, "index": index, **({"delta": {"message": message}} if message else {})})
