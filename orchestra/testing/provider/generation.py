"""What the model behind the stand-in generates: an answer with nothing left open, and the same for the same request."""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestra.testing.provider.behaviour import Answer, Citation, FinishReason, ToolCall
from orchestra.testing.provider.call import Call, Json


@dataclass(frozen=True)
class GeneratedToolCall:
    """A tool call with its id and its arguments, as an object and as the JSON text in pieces."""

    index: int
    id: str
    name: str
    arguments: Json
    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Generation:
    """One answer, complete. The text comes in pieces of one token each."""

    pieces: tuple[str, ...]
    reasoning: tuple[str, ...]
    tool_calls: tuple[GeneratedToolCall, ...]
    citations: tuple[Citation, ...]
    finish_reason: FinishReason
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    report_usage: bool

    @property
    def text(self) -> str:
        """The whole text; empty where there is none."""
        return "".join(self.pieces)

    @property
    def thoughts(self) -> str:
        """The whole reasoning text; empty where there is none."""
        return "".join(self.reasoning)


def tokens(text: str) -> tuple[str, ...]:
    """The text in pieces of one token: a word with the white space after it."""
    return tuple(re.findall(r"\S+\s*|\s+", text))


def generate(call: Call, answer: Answer) -> Generation:
    """Fill in what the answer leaves open."""
    tool_calls = answer.tool_calls or _demanded_tools(call, answer)
    text = answer.text if answer.text is not None else "" if tool_calls else _default_text(call)
    called = tuple(_tool_call(call, index, tool_call) for index, tool_call in enumerate(tool_calls))
    thoughts, pieces = tokens(answer.reasoning), tokens(text)
    finish: FinishReason = "tool_calls" if called else "stop"
    thought = answer.reasoning_tokens or len(thoughts)
    if call.max_tokens is not None and answer.output_tokens is None and thought + len(pieces) > call.max_tokens:
        thought = min(thought, call.max_tokens)
        thoughts, pieces, finish = thoughts[:thought], pieces[: call.max_tokens - thought], "length"
    spoken = len(pieces) + sum(1 + len(tool_call.pieces) for tool_call in called)
    return Generation(
        pieces,
        thoughts,
        called,
        tuple(answer.citations),
        answer.finish_reason or finish,
        max(1, len(tokens(call.text))) if answer.input_tokens is None else answer.input_tokens,
        call.choices * (thought + spoken) if answer.output_tokens is None else answer.output_tokens,
        answer.cached_tokens,
        thought,
        answer.report_usage,
    )


def _demanded_tools(call: Call, answer: Answer) -> Sequence[ToolCall]:
    if answer.text is not None or not call.tools or call.tool_choice in ("auto", "none"):
        return ()
    return (ToolCall(call.tool_choice if call.tool_choice in call.tools else next(iter(call.tools))),)


def _tool_call(call: Call, index: int, tool_call: ToolCall) -> GeneratedToolCall:
    given = tool_call.arguments
    arguments = example(call.tools.get(tool_call.name, {})) if given is None else dict(given)
    pieces = tokens(json.dumps(arguments))
    return GeneratedToolCall(index, f"call_{call.number}_{index}", tool_call.name, arguments, pieces)


def _default_text(call: Call) -> str:
    if call.operation != "chat":
        return ""
    return f"echo: {call.question}" if call.schema is None else json.dumps(example(call.schema or {"type": "object"}))


def example(schema: Json, root: Json | None = None) -> Any:
    """A value that fits the JSON schema: the first alternative, the smallest number, every property."""
    root = schema if root is None else root
    match schema:
        case {"$ref": str(reference)}:
            target: Any = root
            for name in reference.removeprefix("#/").split("/"):
                target = target[name]
            return example(target, root)
        case {"const": value} | {"default": value} | {"enum": [value, *_]}:
            return value
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]} | {"allOf": [first, *_]}:
            return example(first, root)
    kind = schema.get("type", "object")
    match str(kind[0] if isinstance(kind, list) else kind).lower():
        case "object":
            return {name: example(inner, root) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [example(schema.get("items", {}), root)] * max(1, schema.get("minItems", 1))
        case simple:
            return _simple_example(simple, schema)


def _simple_example(kind: str, schema: Json) -> Any:
    match kind:
        case "integer":
            return math.ceil(schema.get("minimum", 1))
        case "number":
            return float(schema.get("minimum", 1))
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "example".ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


def vector(text: str, dimensions: int | None) -> list[float]:
    """A unit vector (8 dimensions unless told) that is nearer to another the more words the two texts share."""
    sums = [0.0] * (dimensions or 8)
    for word in _words(text) or {""}:
        digest = hashlib.sha256(word.encode()).digest()
        sums[digest[0] % len(sums)] += 1.0 + digest[1] / 256
    length = math.hypot(*sums)
    return [value / length for value in sums]


def relevance(call: Call) -> list[tuple[int, float]]:
    """Index and score of the documents, best first: the share of the query's words that a document has."""
    query = _words(call.query)
    scores = [len(query & _words(document)) / max(1, len(query)) for document in call.texts]
    ranked = sorted(enumerate(scores), key=lambda pair: -pair[1])
    return ranked[: call.top_n]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
