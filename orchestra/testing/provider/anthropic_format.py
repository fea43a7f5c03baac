"""Anthropic's messages."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from orchestra.testing.provider.behaviour import STATUS, Failure, Fault, FinishReason
from orchestra.testing.provider.call import Call, Json, Operation, last_question, text_of
from orchestra.testing.provider.generation import Generation
from orchestra.testing.provider.wire import Frame, Wire, fields, server_sent

STOP_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
SIGNATURE = "stand-in"
"""What signs a block of thinking."""


class Anthropic(Wire):
    """Messages of content blocks; streams of named events."""

    bases: ClassVar[Mapping[Operation, str]] = {"chat": ""}
    endpoints: ClassVar[Mapping[str, Operation]] = {"/v1/messages": "chat"}
    required: ClassVar[Mapping[Operation, tuple[str, ...]]] = {"chat": ("model", "max_tokens", "messages")}
    known_fields = fields(
        "cache_control container context_management inference_geo max_tokens mcp_servers messages metadata model"
        " output_config output_format service_tier speed stop_sequences stream system temperature thinking tool_choice"
        " tools top_k top_p"
    )
    key_header = "x-api-key"
    content_fields = ("content",)
    words: ClassVar[Mapping[Fault, str]] = {
        Fault.CONTEXT_WINDOW: "prompt is too long: 210000 tokens > 200000 maximum",
        Fault.CONTENT_POLICY: "Output blocked by content filtering policy",
        Fault.BAD_REQUEST: "temperature: range: 0..1",
        Fault.UNAUTHORIZED: "invalid x-api-key",
        Fault.FORBIDDEN: "Your API key does not have permission to use the specified resource.",
        Fault.NOT_FOUND: "model: no such model",
        Fault.RATE_LIMITED: "This request would exceed your organization's rate limit.",
        Fault.SERVER_ERROR: "Internal server error",
        Fault.UNAVAILABLE: "Overloaded",
    }
    statuses: ClassVar[Mapping[Fault, int]] = {**STATUS, Fault.UNAVAILABLE: 529}
    types: ClassVar[Mapping[Fault, str]] = {
        Fault.UNAUTHORIZED: "authentication_error",
        Fault.FORBIDDEN: "permission_error",
        Fault.NOT_FOUND: "not_found_error",
        Fault.RATE_LIMITED: "rate_limit_error",
        Fault.SERVER_ERROR: "api_error",
        Fault.UNAVAILABLE: "overloaded_error",
    }

    def read(self, call: Call) -> Call:
        body = call.body
        output = body.get("output_format") or body.get("output_config", {}).get("format") or {}
        choice = body.get("tool_choice", {})
        return replace(
            call,
            stream=bool(body.get("stream")),
            text=text_of([body.get("system"), *body["messages"]]),
            question=last_question(body["messages"]),
            tools={tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools", [])},
            tool_choice=choice.get("name") or {"any": "required"}.get(choice.get("type"), choice.get("type", "auto")),
            schema=output.get("schema"),
            max_tokens=body["max_tokens"],
        )

    def chat(self, call: Call, generation: Generation) -> Json:
        stop = {"stop_reason": STOP_REASONS[generation.finish_reason], "stop_sequence": None}
        usage = _usage(generation, generation.output_tokens)
        return {**_message(call), "content": [block for block, _ in _blocks(generation)], **stop, **usage}

    def frames(self, call: Call, generation: Generation) -> Iterator[Frame]:
        start = {**_message(call), "content": [], "stop_reason": None, "stop_sequence": None, **_usage(generation, 1)}
        yield Frame(_event("message_start", message=start))
        yield Frame(_event("ping"))
        for index, (block, deltas) in enumerate(_blocks(generation)):
            empty = {name: type(value)() for name, value in block.items() if name not in ("type", "id", "name")}
            yield Frame(_event("content_block_start", index=index, content_block=block | empty))
            for delta in deltas:
                yield Frame(_event("content_block_delta", index=index, delta=delta), "content")
            if "signature" in block:
                delta = {"type": "signature_delta", "signature": SIGNATURE}
                yield Frame(_event("content_block_delta", index=index, delta=delta))
            yield Frame(_event("content_block_stop", index=index))
        stop = {"stop_reason": STOP_REASONS[generation.finish_reason], "stop_sequence": None}
        yield Frame(_event("message_delta", delta=stop, **_usage(generation, generation.output_tokens)), "tail")
        yield Frame(_event("message_stop"), "tail")

    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        kind = self.types.get(fault, "invalid_request_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_stand_in"}

    def error_frame(self, failure: Failure) -> bytes:
        return server_sent(self.error(failure)[1], "error")


def _message(call: Call) -> Json:
    return {"id": f"msg_{call.number}", "type": "message", "role": "assistant", "model": call.model}


def _blocks(generation: Generation) -> Iterator[tuple[Json, list[Json]]]:
    """Each content block, whole, with the deltas that stream it."""
    if generation.reasoning:
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in generation.reasoning]
        yield {"type": "thinking", "thinking": generation.thoughts, "signature": SIGNATURE}, deltas
    if generation.pieces:
        deltas = [{"type": "text_delta", "text": piece} for piece in generation.pieces]
        yield {"type": "text", "text": generation.text}, deltas
    for tool_call in generation.tool_calls:
        block = {"type": "tool_use", "id": tool_call.id, "name": tool_call.name, "input": tool_call.arguments}
        yield block, [{"type": "input_json_delta", "partial_json": piece} for piece in tool_call.pieces]


def _usage(generation: Generation, output_tokens: int) -> Json:
    if not generation.report_usage:
        return {}
    usage = {
        "input_tokens": generation.input_tokens - generation.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": generation.cached_tokens,
        "output_tokens": output_tokens,
    }
    return {"usage": usage}


def _event(kind: str, **fields: object) -> bytes:
    return server_sent({"type": kind, **fields}, kind)
