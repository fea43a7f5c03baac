"""The providers that speak OpenAI's format, each with its own accent."""

from collections.abc import Mapping
from typing import ClassVar

from orchestra.testing.provider.behaviour import Failure, Fault
from orchestra.testing.provider.call import Call, Json, Operation
from orchestra.testing.provider.generation import Generation
from orchestra.testing.provider.openai_format import CHAT_FIELDS, OpenAI
from orchestra.testing.provider.wire import fields


class Compatible(OpenAI):
    """OpenAI's format without what only OpenAI has in it."""

    known_fields: ClassVar[frozenset[str] | None] = None

    def message(self, generation: Generation) -> Json:
        reasoning = {self.reasoning_field: generation.thoughts} if self.reasoning_field and generation.reasoning else {}
        return {"content": generation.text or None, **reasoning}

    def last_delta(self, generation: Generation) -> Json:
        return {}

    def extras(self, call: Call, generation: Generation) -> Json:
        return {}


class Groq(Compatible):
    """Reasoning has a field of its own; every answer tells its service tier."""

    bases: ClassVar[Mapping[Operation, str]] = {"chat": "/openai/v1"}
    endpoints: ClassVar[Mapping[str, Operation]] = {"/openai/v1/chat/completions": "chat"}
    known_fields = CHAT_FIELDS | {"citation_options", "documents", "include_reasoning", "reasoning_format"}
    reasoning_field = "reasoning"

    def unknown_field(self, name: str) -> str:
        return f"property '{name}' is unsupported"

    def extras(self, call: Call, generation: Generation) -> Json:
        return {
            "service_tier": "on_demand",
            "system_fingerprint": "fp_stand_in",
            "x_groq": {"id": f"req_{call.number}"},
        }


class Mistral(Compatible):
    """The last chunk of a stream always has usage; errors are flat, and of a bad key only a detail is told."""

    known_fields = fields(
        "frequency_penalty guardrails max_tokens messages metadata model n parallel_tool_calls prediction"
        " presence_penalty prompt_cache_key prompt_mode random_seed reasoning_effort response_format safe_prompt stop"
        " stream temperature tool_choice tools top_p"
    )
    streams_usage = True
    words: ClassVar[Mapping[Fault, str]] = {
        **OpenAI.words,
        Fault.UNAUTHORIZED: "Unauthorized",
        Fault.RATE_LIMITED: "Service tier capacity exceeded for this model.",
    }

    def unknown_field(self, name: str) -> str:
        return f"Extra inputs are not permitted: {name}"

    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        if fault is Fault.UNAUTHORIZED:
            return {"detail": message}
        return {"object": "error", **self.error_fields(fault, message)}


class Perplexity(Compatible):
    """Every chunk has the usage so far and the citations; there are no tools."""

    bases: ClassVar[Mapping[Operation, str]] = {"chat": ""}
    endpoints: ClassVar[Mapping[str, Operation]] = {"/chat/completions": "chat"}
    streams_usage = True

    def objection(self, operation: Operation, headers: Mapping[str, str], body: Json, strict: bool) -> Failure | None:
        if body.get("tools"):
            return Failure(Fault.BAD_REQUEST, message="Tool calling is not supported for this model.")
        return super().objection(operation, headers, body, strict)

    def message(self, generation: Generation) -> Json:
        thoughts = f"<think>{generation.thoughts}</think>" if generation.reasoning else ""
        return {"content": (thoughts + generation.text) or None}

    def usage(self, generation: Generation, output_tokens: int) -> Json:
        reasoning = {"reasoning_tokens": generation.reasoning_tokens} if generation.reasoning_tokens else {}
        counts = {"prompt_tokens": generation.input_tokens, "completion_tokens": output_tokens}
        total = generation.input_tokens + output_tokens
        return {**counts, "total_tokens": total, "search_context_size": "low", "num_search_queries": 1, **reasoning}

    def usage_on_the_way(self, generation: Generation, output_tokens: int) -> Json:
        return {"usage": self.usage(generation, output_tokens)} if generation.report_usage else {}

    def extras(self, call: Call, generation: Generation) -> Json:
        found = [{"title": citation.title, "url": citation.url, "date": None} for citation in generation.citations]
        return {"citations": [citation.url for citation in generation.citations], "search_results": found}

    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        return {"error": {"message": message, "type": self.codes.get(fault, "bad_request"), "code": status}}


class Together(Compatible):
    """Reranks too."""

    bases: ClassVar[Mapping[Operation, str]] = {"chat": "/v1", "embedding": "/v1", "rerank": "/v1"}
    endpoints: ClassVar[Mapping[str, Operation]] = {**OpenAI.endpoints, "/v1/rerank": "rerank"}
    reasoning_field = "reasoning"

    def ranking(self, call: Call, ranked: list[tuple[int, float]], input_tokens: int) -> Json:
        usage = {"prompt_tokens": input_tokens, "completion_tokens": 0, "total_tokens": input_tokens}
        return {"id": f"rerank-{call.number}", "object": "rerank", "model": call.model, **_results(call, ranked, usage)}

    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        return {"id": "stand-in", "error": self.error_fields(fault, message)}


class Vllm(Together):
    """An open server: no key, unknown fields ignored; reranks as Jina does."""

    endpoints: ClassVar[Mapping[str, Operation]] = {**Together.endpoints, "/rerank": "rerank"}
    key_header = None
    reasoning_field = "reasoning_content"
    types: ClassVar[Mapping[Fault, str]] = {
        Fault.NOT_FOUND: "NotFoundError",
        Fault.SERVER_ERROR: "InternalServerError",
        Fault.UNAVAILABLE: "ServiceUnavailableError",
    }

    def ranking(self, call: Call, ranked: list[tuple[int, float]], input_tokens: int) -> Json:
        results = _results(call, ranked, {"total_tokens": input_tokens})
        return {"id": f"rerank-{call.number}", "model": call.model, **results}

    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        error = {"message": message, "type": self.types.get(fault, "BadRequestError"), "param": None, "code": status}
        return {"error": error}


class LmStudio(Compatible):
    """An open server on llama.cpp; an error is one string."""

    key_header = None
    reasoning_field = "reasoning_content"
    words: ClassVar[Mapping[Fault, str]] = {
        **OpenAI.words,
        Fault.CONTEXT_WINDOW: "request (9000 tokens) exceeds the available context size (8192 tokens)",
    }

    def extras(self, call: Call, generation: Generation) -> Json:
        return {"system_fingerprint": call.model}

    def error_body(self, fault: Fault, status: int, message: str) -> Json:
        return {"error": message}


def _results(call: Call, ranked: list[tuple[int, float]], usage: Json) -> Json:
    results = [
        {"index": index, "document": {"text": call.texts[index]}, "relevance_score": score} for index, score in ranked
    ]
    return {"results": results, "usage": usage}
