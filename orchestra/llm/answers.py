"""LiteLLM's responses, read and checked: an answer that is no answer is a failure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestra.errors import Blocked, Unavailable
from orchestra.model_config import ModelConfig
from orchestra.types import Call, Chunk, Citation, Usage

SPOKEN = ("tool_calls", "function_call", "audio", "images", "refusal")
"""What makes a message without text an answer."""

FENCE = re.compile(r"```[\w-]*\s*\n(.*?)```", re.DOTALL)


def checked(raw: Any, model: ModelConfig) -> Any:
    """The message of a chat response; raises `Unavailable` or `Blocked` where it is no answer."""
    about: dict[str, Any] = {"model": model.model, "provider": model.provider}
    choices = getattr(raw, "choices", None)
    if not choices:
        raise Unavailable(f"{model.name}: the provider answered with no choices", **about)
    choice = choices[0]
    message = choice.message
    if text_of(message) or any(_has(message, part) for part in SPOKEN):
        return message
    if choice.finish_reason == "content_filter":
        raise Blocked(f"{model.name}: the provider's content filter left nothing of the answer", **about)
    if choice.finish_reason == "length":
        return message
    raise Unavailable(f"{model.name}: the provider sent an empty answer", **about)


def _has(message: Any, part: str) -> bool:
    """A part of a message, where OpenAI puts it or where LiteLLM does."""
    return bool(_get(message, part) or _get(_get(message, "provider_specific_fields") or {}, part))


def text_of(message: Any) -> str:
    """The text of a message, whether it came as one string or in parts."""
    content = _get(message, "content")
    if isinstance(content, list):
        return "".join(str(_get(part, "text") or "") for part in content)
    return content or ""


def result_of(raw: Any, call: Call) -> Any:
    """What a call that is no chat is made for: the vectors, or the documents by how well they answer."""
    if call == "embedding":
        return [_get(item, "embedding") for item in raw.data]
    return raw.results


def usage_of(raw: Any) -> Usage:
    """The provider's own count, without a cost."""
    usage = _get(raw, "usage")
    if usage is None:
        return Usage()
    inputs, outputs = _get(usage, "prompt_tokens_details"), _get(usage, "completion_tokens_details")
    return Usage(
        _count(usage, "prompt_tokens"),
        _count(usage, "completion_tokens"),
        _count(inputs, "cached_tokens") or _count(usage, "cache_read_input_tokens"),
        _count(outputs, "reasoning_tokens"),
    )


def chunk_of(raw: Any) -> Chunk:
    """One chunk of LiteLLM's as ours."""
    choices = getattr(raw, "choices", None) or ()
    if not choices:
        return Chunk(raw=raw)
    delta = choices[0].delta
    return Chunk(
        text=_get(delta, "content") or "",
        reasoning=_get(delta, "reasoning_content") or "",
        tool_calls=tuple(_get(delta, "tool_calls") or ()),
        finish_reason=choices[0].finish_reason,
        raw=raw,
    )


def carries(raw: Any, begun: bool) -> bool:
    """A chunk without text has something to show: sound or pictures, and once the answer has begun anything at all."""
    deltas = [choice.delta.model_dump(exclude={"role"}) for choice in getattr(raw, "choices", None) or ()]
    return any(value for delta in deltas for name, value in delta.items() if begun or name in SPOKEN)


def citations_of(raw: Any, message: Any) -> tuple[Citation, ...]:
    """Every source that the answer names: annotations, Perplexity's lists, Cohere's, Gemini's grounding."""
    found = [*_annotated(message), *_listed(raw), *_cohere(raw, message), *_grounded(raw)]
    spans = [c for c in found if c.span is not None]
    seen = {c.url for c in spans}
    whole: dict[tuple[str | None, str | None], Citation] = {}
    for citation in found:
        if citation.span is None and citation.url not in seen:
            whole.setdefault((citation.url, citation.title if citation.url is None else None), citation)
    return (*dict.fromkeys(spans), *whole.values())


def _annotated(message: Any) -> Iterator[Citation]:
    for annotation in _get(message, "annotations") or ():
        cited = _get(annotation, "url_citation") or annotation
        start, end = _get(cited, "start_index"), _get(cited, "end_index")
        if _get(cited, "url"):
            span = (start, end) if isinstance(start, int) and isinstance(end, int) else None
            yield Citation(url=_get(cited, "url"), title=_get(cited, "title"), span=span)


def _listed(raw: Any) -> Iterator[Citation]:
    for found in _get(raw, "search_results") or ():
        yield Citation(url=_get(found, "url"), title=_get(found, "title"))
    for url in _get(raw, "citations") or ():
        if isinstance(url, str):
            yield Citation(url=url)


def _cohere(raw: Any, message: Any) -> Iterator[Citation]:
    fields = _get(message, "provider_specific_fields") or {}
    cited = _get(message, "citations") or _get(fields, "citations") or _get(raw, "citations") or ()
    for citation in cited:
        start, end = _get(citation, "start"), _get(citation, "end")
        span = (start, end) if isinstance(start, int) and isinstance(end, int) else None
        for source in _get(citation, "sources") or ():
            document = _get(source, "document") or {}
            title = _get(document, "title") or _get(document, "id") or _get(source, "id")
            yield Citation(url=_get(document, "url"), title=title, span=span)


def _grounded(raw: Any) -> Iterator[Citation]:
    hidden = getattr(raw, "_hidden_params", None) or {}
    grounding = _get(raw, "vertex_ai_grounding_metadata") or hidden.get("vertex_ai_grounding_metadata") or ()
    for metadata in grounding if isinstance(grounding, list) else [grounding]:
        pages = [_get(chunk, "web") or {} for chunk in _get(metadata, "groundingChunks") or ()]
        supports = _get(metadata, "groundingSupports") or ()
        for support in supports:
            segment = _get(support, "segment") or {}
            span = (_get(segment, "startIndex") or 0, _get(segment, "endIndex") or 0)
            for index in _get(support, "groundingChunkIndices") or ():
                if isinstance(index, int) and index < len(pages):
                    yield Citation(url=_get(pages[index], "uri"), title=_get(pages[index], "title"), span=span)
        if not supports:
            for page in pages:
                yield Citation(url=_get(page, "uri"), title=_get(page, "title"))


def parsed(text: str, response_format: Any) -> tuple[Any, str]:
    """The structured answer that `response_format` asked for, or `None` and what is wrong with the text.

    A pydantic class gives an instance of it, a JSON schema or JSON mode plain data.
    """
    if response_format is None or (isinstance(response_format, Mapping) and response_format.get("type") == "text"):
        return None, ""
    body = fenced.group(1) if (fenced := FENCE.search(text)) else text
    try:
        if isinstance(response_format, type) and hasattr(response_format, "model_validate_json"):
            return response_format.model_validate_json(body.strip()), ""
        return json.loads(body), ""
    except ValueError as error:
        return None, f"the answer does not fit its schema: {str(error).splitlines()[0]}"


def _get(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _count(thing: Any, name: str) -> int:
    value = _get(thing, name) if thing is not None else None
    return int(value) if isinstance(value, (int, float)) and value > 0 else 0
