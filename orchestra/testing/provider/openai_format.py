"""OpenAI's chat completions and embeddings."""

import base64
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from orchestra.testing.provider.behaviour import Fault
from orchestra.testing.provider.call import Call, Json, Operation, last_question, text_of
from orchestra.testing.provider.generation import GeneratedToolCall, Generation
from orchestra.testing.provider.wire import CREATED_S, Frame, Wire, fields, server_sent, share

CHAT_FIELDS = fields(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages"
    " metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key"
    " prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier stop store stream"
    " stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options"
)


class OpenAI(Wire):
    """OpenAI itself; the providers that speak its format are subclasses in `openai_dialects`."""

    bases: ClassVar[Mapping[Operation, str]] = {"chat": "/v1", "embedding": "/v1"}
    endpoints: ClassVar[Mapping[str, Operation]] = {"/v1/chat/completions": "chat", "/v1/embeddings": "embedding"}
    required: ClassVar[Mapping[Operation, tuple[str, ...]]] = {
        "chat": ("model", "messages"),
        "embedding": ("model", "input"),
        "rerank": ("model", "query", "documents"),
    }
    known_fields: ClassVar[frozenset[str] | None] = CHAT_FIELDS
    content_fields = ("choices",)
    reasoning_field: ClassVar[str | None] = None
    """Where the message has the reasoning text; None where the provider keeps it to itself."""
    streams_usage: ClassVar[bool] = False
    """Whether a stream has usage without being asked for it."""
    words: ClassVar[Mapping[Fault, str]] = {
        Fault.CONTEXT_WINDOW: "This model's maximum context length is 8192 tokens. However, your messages resulted in"
        " 9000 tokens. Please reduce the length of the messages.",
        Fault.CONTENT_POLICY: "Your request was rejected as a result of our safety system.",
        Fault.BAD_REQUEST: "Invalid 'temperature': decimal above maximum value. Expected a value <= 2.",
        Fault.UNAUTHORIZED: "Incorrect API key provided.",
        Fault.FORBIDDEN: "You are not allowed to sample from this model.",
        Fault.NOT_FOUND: "The model does not exist or you do not have access to it.",
        Fault.RATE_LIMITED: "Rate limit reached for requests.",
        Fault.SERVER_ERROR: "The server had an error while processing your request. Sorry about that!",
        Fault.UNAVAILABLE: "The engine is currently overloaded, please try again later.",
    }
    types: ClassVar[Mapping[Fault, str]] = {
        Fault.FORBIDDEN: "permission_error",
        Fault.RATE_LIMITED: "requests",
        Fault.SERVER_ERROR: "server_error",
        Fault.UNAVAILABLE: "service_unavailable",
    }
    codes: ClassVar[Mapping[Fault, str]] = {
        Fault.CONTEXT_WINDOW: "context_length_exceeded",
        Fault.CONTENT_POLICY: "content_policy_violation",
        Fault.UNAUTHORIZED: "invalid_api_key",
        Fault.NOT_FOUND: "model_not_found",
        Fault.RATE_LIMITED: "rate_limit_exceeded",
    }

    def unknown_field(self, name: str) -> str:
        return f"Unrecognized request argument supplied: {name}"

    def read(self, call: Call) -> Call:
        return read_request(call)

    def chat(self, call: Call, generation: Generation) -> Json:
        message = {"role": "assistant", **self.message(generation)}
        if generation.tool_calls:
            message["tool_calls"] = [_tool_call(tool_call) for tool_call in generation.tool_calls]
        choice = {"message": message, "logprobs": None, "finish_reason": generation.finish_reason}
        choices = [{"index": index, **choice} for index in range(call.choices)]
        return {
            **self._head(call, "chat.completion"),
            "choices": choices,
            **self._reported(generation),
            **self.extras(call, generation),
        }

    def message(self, generation: Generation) -> Json:
        """The message but for its role and tool calls; content is null where there is none."""
        return {"content": generation.text or None, "refusal": None, "annotations": annotations(generation)}

    def usage(self, generation: Generation, output_tokens: int) -> Json:
        """Usage after so many tokens of output."""
        return {
            "prompt_tokens": generation.input_tokens,
            "completion_tokens": output_tokens,
            "total_tokens": generation.input_tokens + output_tokens,
            "prompt_tokens_details": {"cached_tokens": generation.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": min(generation.reasoning_tokens, output_tokens)},
        }

    def extras(self, call: Call, generation: Generation) -> Json:
        """What the provider has at the top of an answer and of each chunk, beside the format's own fields."""
        return {"service_tier": "default", "system_fingerprint": "fp_stand_in"}

    def frames(self, call: Call, generation: Generation) -> Iterator[Frame]:
        deltas = [(index, delta) for index in range(call.choices) for delta in self._deltas(generation)]
        for index in range(call.choices):
            yield Frame(self._chunk(call, generation, index, {"role": "assistant", "content": ""}))
        for done, (index, delta) in enumerate(deltas, start=1):
            usage = self.usage_on_the_way(generation, share(generation, done, len(deltas)))
            yield Frame(self._chunk(call, generation, index, delta, **usage), "content")
        for index in range(call.choices):
            usage = self._reported(generation) if self.streams_usage else {}
            delta, finish = self.last_delta(generation), generation.finish_reason
            yield Frame(self._chunk(call, generation, index, delta, finish, **usage), "tail")
        if call.include_usage and generation.report_usage and not self.streams_usage:
            head = self._head(call, "chat.completion.chunk")
            yield Frame(server_sent({**head, "choices": [], **self._reported(generation)}), "tail")
        yield Frame(server_sent("[DONE]"), "tail")

    def usage_on_the_way(self, generation: Generation, output_tokens: int) -> Json:
        """What a chunk in the middle of the stream says of usage."""
        return {}

    def last_delta(self, generation: Generation) -> Json:
        """The delta that comes with the finish reason."""
        return {"annotations": annotations(generation)} if generation.citations else {}

    def embedding(self, call: Call, vectors: list[list[float]], input_tokens: int) -> Json:
        in_base64 = call.body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if in_base64 else vector}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": input_tokens, "total_tokens": input_tokens}
        return {"object": "list", "model": call.model, "data": data, "usage": usage}

    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        return {"error": self.error_fields(fault, message)}

    def error_fields(self, fault: Fault, message: str) -> Json:
        """OpenAI's four fields of an error."""
        kind = self.types.get(fault, "invalid_request_error")
        return {"message": message, "type": kind, "param": None, "code": self.codes.get(fault)}

    def _reported(self, generation: Generation) -> Json:
        return {"usage": self.usage(generation, generation.output_tokens)} if generation.report_usage else {}

    def _deltas(self, generation: Generation) -> Iterator[Json]:
        if self.reasoning_field:
            for piece in generation.reasoning:
                yield {self.reasoning_field: piece}
        for piece in generation.pieces:
            yield {"content": piece}
        for index, tool_call in enumerate(generation.tool_calls):
            head = {**_tool_call(tool_call), "function": {"name": tool_call.name, "arguments": ""}}
            yield {"tool_calls": [{"index": index, **head}]}
            for piece in tool_call.pieces:
                yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}

    def _head(self, call: Call, kind: str) -> Json:
        return {"id": f"chatcmpl-{call.number}", "object": kind, "created": CREATED_S, "model": call.model}

    def _chunk(
        self, call: Call, generation: Generation, index: int, delta: Json, finish: str | None = None, **fields: Any
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        head = self._head(call, "chat.completion.chunk")
        return server_sent({**head, "choices": [choice], **self.extras(call, generation), **fields})


def read_request(call: Call) -> Call:
    """Understand a body that has OpenAI's shape."""
    body = call.body
    messages = body.get("messages", [])
    texts = body.get("input") or body.get("texts") or body.get("documents") or []
    texts = tuple(map(text_of, [texts] if isinstance(texts, str) else texts))
    query = body.get("query", "")
    return replace(
        call,
        stream=bool(body.get("stream")),
        text=text_of([*messages, *texts, query]),
        question=last_question(messages),
        tools={tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body.get("tools", [])},
        tool_choice=_tool_choice(body.get("tool_choice")),
        schema=_schema(body.get("response_format")),
        max_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
        choices=body.get("n") or 1,
        include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        texts=texts,
        query=query,
        top_n=body.get("top_n"),
        dimensions=body.get("dimensions"),
    )


def annotations(generation: Generation) -> list[Json]:
    """Citations as OpenAI writes them."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": citation.url,
                "title": citation.title,
                "start_index": citation.start,
                "end_index": citation.end,
            },
        }
        for citation in generation.citations
    ]


def _tool_call(tool_call: GeneratedToolCall) -> Json:
    function = {"name": tool_call.name, "arguments": "".join(tool_call.pieces)}
    return {"id": tool_call.id, "type": "function", "function": function}


def _tool_choice(choice: object) -> str:
    match choice:
        case {"function": {"name": str(name)}}:
            return name
        case str():
            return choice.lower().replace("any", "required")
        case _:
            return "auto"


def _schema(response_format: Json | None) -> Json | None:
    match response_format:
        case {"json_schema": {"schema": dict(schema)}} | {"schema": dict(schema)}:
            return schema
        case {"type": "json_object" | "json_schema"}:
            return {}
        case _:
            return None


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
