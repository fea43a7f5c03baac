"""Gemini's generateContent and batchEmbedContents."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from orchestra.testing.provider.behaviour import STATUS, Fault, FinishReason
from orchestra.testing.provider.call import Call, Json, Operation, last_question, text_of
from orchestra.testing.provider.generation import Generation
from orchestra.testing.provider.wire import Frame, Wire, fields, server_sent, share

FINISH_REASONS: Mapping[FinishReason, str] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
}
TOOL_MODES = {"ANY": "required", "NONE": "none"}
OPERATIONS: Mapping[str, Operation] = {
    "generateContent": "chat",
    "streamGenerateContent": "chat",
    "batchEmbedContents": "embedding",
}


class Gemini(Wire):
    """The model and the method are in the path; a stream is events without an end mark."""

    bases: ClassVar[Mapping[Operation, str]] = {"chat": "/v1beta", "embedding": "/v1beta"}
    required: ClassVar[Mapping[Operation, tuple[str, ...]]] = {"chat": ("contents",), "embedding": ("requests",)}
    known_fields = fields(
        "cachedContent cached_content contents generationConfig generation_config labels safetySettings"
        " safety_settings serviceTier store systemInstruction system_instruction toolConfig tool_config tools"
    )
    key_header = "x-goog-api-key"
    content_fields = ("candidates",)
    words: ClassVar[Mapping[Fault, str]] = {
        Fault.CONTEXT_WINDOW: "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).",
        Fault.CONTENT_POLICY: "The response was blocked.",
        Fault.BAD_REQUEST: "Unable to submit request because it has an invalid temperature.",
        Fault.UNAUTHORIZED: "API key not valid. Please pass a valid API key.",
        Fault.FORBIDDEN: "Permission denied on resource.",
        Fault.NOT_FOUND: "models/stand-in is not found for API version v1beta.",
        Fault.RATE_LIMITED: "You exceeded your current quota. Quota exceeded for metric: generate_requests.",
        Fault.SERVER_ERROR: "An internal error has occurred. Please retry.",
        Fault.UNAVAILABLE: "The model is overloaded. Please try again later.",
    }
    statuses: ClassVar[Mapping[Fault, int]] = {**STATUS, Fault.UNAUTHORIZED: 400}
    codes: ClassVar[Mapping[Fault, str]] = {
        Fault.FORBIDDEN: "PERMISSION_DENIED",
        Fault.NOT_FOUND: "NOT_FOUND",
        Fault.RATE_LIMITED: "RESOURCE_EXHAUSTED",
        Fault.SERVER_ERROR: "INTERNAL",
        Fault.UNAVAILABLE: "UNAVAILABLE",
    }

    def operation(self, path: str) -> Operation | None:
        model, _, method = path.removeprefix("/v1beta/models/").partition(":")
        return OPERATIONS.get(method) if model else None

    def model(self, path: str, body: Json) -> str:
        return path.removeprefix("/v1beta/models/").partition(":")[0]

    def unknown_field(self, name: str) -> str:
        return f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'

    def read(self, call: Call) -> Call:
        body = call.body
        contents = body.get("contents", [])
        requests = body.get("requests", [])
        texts = tuple(text_of(request["content"]) for request in requests)
        config = _field(body, "generation_config") or {}
        calling = _field(_field(body, "tool_config") or {}, "function_calling_config") or {}
        allowed = _field(calling, "allowed_function_names") or []
        schema = _field(config, "response_schema") or _field(config, "response_json_schema")
        wants_json = _field(config, "response_mime_type") == "application/json"
        return replace(
            call,
            stream=":streamGenerateContent" in call.path,
            text=text_of([_field(body, "system_instruction"), *contents, *texts]),
            question=last_question(contents),
            tools={
                function["name"]: function.get("parameters") or _field(function, "parameters_json_schema") or {}
                for tool in body.get("tools", [])
                for function in _field(tool, "function_declarations") or []
            },
            tool_choice=allowed[0] if len(allowed) == 1 else TOOL_MODES.get(calling.get("mode", ""), "auto"),
            schema=schema or ({} if wants_json else None),
            max_tokens=_field(config, "max_output_tokens"),
            texts=texts,
            dimensions=requests[0].get("outputDimensionality") if requests else None,
        )

    def chat(self, call: Call, generation: Generation) -> Json:
        finish = FINISH_REASONS[generation.finish_reason]
        return _answer(call, generation, _parts(generation), generation.output_tokens, finish)

    def frames(self, call: Call, generation: Generation) -> Iterator[Frame]:
        chunks: list[list[Json]] = [
            *([{"text": piece, "thought": True}] for piece in generation.reasoning),
            *([{"text": piece}] for piece in generation.pieces),
            *([part] for part in _tool_parts(generation)),
        ]
        for done, parts in enumerate(chunks, start=1):
            so_far = share(generation, done, len(chunks))
            yield Frame(server_sent(_answer(call, generation, parts, so_far)), "content")
        finish = FINISH_REASONS[generation.finish_reason]
        yield Frame(server_sent(_answer(call, generation, [{"text": ""}], generation.output_tokens, finish)), "tail")

    def embedding(self, call: Call, vectors: list[list[float]], input_tokens: int) -> Json:
        return {"embeddings": [{"values": vector} for vector in vectors]}

    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        return {"error": {"code": status, "message": message, "status": self.codes.get(fault, "INVALID_ARGUMENT")}}


def _answer(
    call: Call, generation: Generation, parts: list[Json], output_tokens: int, finish: str | None = None
) -> Json:
    content = {"role": "model", "parts": parts} if parts else {"role": "model"}
    candidate: Json = {"content": content, "index": 0}
    if finish:
        candidate["finishReason"] = finish
        if generation.citations:
            candidate["groundingMetadata"] = _grounding(generation)
    answer: Json = {"candidates": [candidate], "modelVersion": call.model, "responseId": f"response-{call.number}"}
    if generation.report_usage:
        answer["usageMetadata"] = _usage(generation, output_tokens)
    return answer


def _parts(generation: Generation) -> list[Json]:
    thoughts = [{"text": generation.thoughts, "thought": True}] if generation.reasoning else []
    text = [{"text": generation.text}] if generation.pieces else []
    return [*thoughts, *text, *_tool_parts(generation)]


def _tool_parts(generation: Generation) -> list[Json]:
    return [{"functionCall": {"name": call.name, "args": call.arguments}} for call in generation.tool_calls]


def _usage(generation: Generation, output_tokens: int) -> Json:
    thoughts = min(generation.reasoning_tokens, output_tokens)
    cached = {"cachedContentTokenCount": generation.cached_tokens} if generation.cached_tokens else {}
    return {
        "promptTokenCount": generation.input_tokens,
        "candidatesTokenCount": output_tokens - thoughts,
        "totalTokenCount": generation.input_tokens + output_tokens,
        **({"thoughtsTokenCount": thoughts} if thoughts else {}),
        **cached,
    }


def _grounding(generation: Generation) -> Json:
    cited = list(enumerate(generation.citations))
    supports = [
        {
            "segment": {
                "startIndex": citation.start,
                "endIndex": citation.end,
                "text": generation.text[citation.start : citation.end],
            },
            "groundingChunkIndices": [index],
        }
        for index, citation in cited
    ]
    chunks = [{"web": {"uri": citation.url, "title": citation.title}} for _, citation in cited]
    return {"groundingChunks": chunks, "groundingSupports": supports, "webSearchQueries": []}


def _field(body: Json, name: str) -> Any:
    """A field of Gemini's JSON, which takes every name in snake case and in camel case; None where it is absent."""
    head, *rest = name.split("_")
    return body.get(name, body.get(head + "".join(word.title() for word in rest)))
