"""Ollama's own API: chat, generate, embed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from orchestra.testing.provider.behaviour import Failure, Fault
from orchestra.testing.provider.call import Call, Json, Operation, last_question, text_of
from orchestra.testing.provider.generation import GeneratedToolCall, Generation
from orchestra.testing.provider.wire import Frame, Wire, json_line


class Ollama(Wire):
    """An open server: no key, no tool choice, a stream unless told otherwise; one JSON object a line.

    `generate` has no tools: there a model that calls one can only say so in its text.
    """

    bases: ClassVar[Mapping[Operation, str]] = {"chat": "", "embedding": ""}
    endpoints: ClassVar[Mapping[str, Operation]] = {
        "/api/chat": "chat",
        "/api/generate": "chat",
        "/api/embed": "embedding",
    }
    required: ClassVar[Mapping[Operation, tuple[str, ...]]] = {"chat": ("model",), "embedding": ("model", "input")}
    key_header = None
    content_fields = ("message", "response")
    stream_type = "application/x-ndjson"
    words: ClassVar[Mapping[Fault, str]] = {
        Fault.CONTEXT_WINDOW: "the input length exceeds the context length",
        Fault.NOT_FOUND: "model 'stand-in' not found",
        Fault.UNAVAILABLE: "server busy, please try again. maximum pending requests exceeded",
    }

    def read(self, call: Call) -> Call:
        body = call.body
        messages = body.get("messages", [{"content": body.get("prompt", "")}])
        texts = body.get("input", [])
        texts = (texts,) if isinstance(texts, str) else tuple(texts)
        wanted = body.get("format")
        return replace(
            call,
            stream=call.operation == "chat" and body.get("stream", True),
            text=text_of([body.get("system"), *messages, *texts]),
            question=last_question(messages),
            tools={tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body.get("tools", [])},
            schema=wanted if isinstance(wanted, dict) else {} if wanted == "json" else None,
            max_tokens=body.get("options", {}).get("num_predict"),
            texts=texts,
            dimensions=body.get("dimensions"),
        )

    def chat(self, call: Call, generation: Generation) -> Json:
        return self._piece(call, generation.text, generation.thoughts, generation.tool_calls) | _end(generation)

    def frames(self, call: Call, generation: Generation) -> Iterator[Frame]:
        for piece in generation.reasoning:
            yield Frame(json_line(self._piece(call, "", piece)), "content")
        for piece in generation.pieces:
            yield Frame(json_line(self._piece(call, piece)), "content")
        for tool_call in generation.tool_calls:
            yield Frame(json_line(self._piece(call, "", tools=(tool_call,))), "content")
        yield Frame(json_line(self._piece(call, "") | _end(generation)), "tail")

    def embedding(self, call: Call, vectors: list[list[float]], input_tokens: int) -> Json:
        return {"model": call.model, "embeddings": vectors, "total_duration": 1, "prompt_eval_count": input_tokens}

    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        return {"error": message}

    def error_frame(self, failure: Failure) -> bytes:
        return json_line(self.error(failure)[1])

    def _piece(self, call: Call, text: str, thoughts: str = "", tools: tuple[GeneratedToolCall, ...] = ()) -> Json:
        head = {"model": call.model, "created_at": "2026-09-21T12:26:40Z", "done": False}
        thinking = {"thinking": thoughts} if thoughts else {}
        if call.path == "/api/generate":
            told = [json.dumps({"name": tool.name, "arguments": tool.arguments}) for tool in tools]
            return {**head, "response": "".join([text, *told]), **thinking}
        called = {"tool_calls": [_tool_call(tool) for tool in tools]} if tools else {}
        return {**head, "message": {"role": "assistant", "content": text, **thinking, **called}}


def _tool_call(tool: GeneratedToolCall) -> Json:
    return {"id": tool.id, "function": {"index": tool.index, "name": tool.name, "arguments": tool.arguments}}


def _end(generation: Generation) -> Json:
    reason = "length" if generation.finish_reason == "length" else "stop"
    end = {"done": True, "done_reason": reason, "total_duration": 1, "load_duration": 1}
    if not generation.report_usage:
        return end
    return {**end, "prompt_eval_count": generation.input_tokens, "eval_count": generation.output_tokens}
