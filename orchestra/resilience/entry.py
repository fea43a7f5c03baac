"""A cached answer as it is written down: plain JSON."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, FiniteFloat, JsonValue

from orchestra.llm.answers import parsed, result_of
from orchestra.llm.stored import restored, stored
from orchestra.types import Citation, Request, Response, Usage

MALFORMED = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What reading an entry raises that someone else wrote, or writing an answer that is not plain data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that can be given again.

    `at` is when it came, in seconds since the epoch; `cost_usd` what all the calls for it cost, `None` when that is not
    known; `provider` and `served` say who gave it.
    """

    response: Response
    at: float
    cost_usd: Decimal | None = None
    provider: str = ""
    served: str | None = None


class Raw(BaseModel):
    """A response of LiteLLM's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    fields: dict[str, JsonValue]


class Entry(BaseModel):
    """What is written down; `derived`: `result` follows from the rest and is left out, as `parsed` always is."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    at: FiniteFloat
    cost_usd: Decimal | None
    provider: str
    served: str | None
    text: str
    model: str
    name: str
    usage: Usage
    success: bool
    note: str
    score: FiniteFloat | None
    derived: bool
    result: JsonValue
    raw: Raw | None
    tool_calls: tuple[dict[str, JsonValue], ...]
    citations: tuple[Citation, ...]
    reasoning: str
    finish_reason: str | None


def written(answer: Answer, request: Request) -> str | None:
    """The answer as JSON; `None` where it could not be read back as it is."""
    response = answer.response
    raw = None if response.raw is None else stored(response.raw)
    if response.raw is not None and raw is None:
        return None
    try:
        structured, result, _ = _derived(response.text, response.raw, request)
        if response.parsed != structured:
            return None
        derived = bool(response.result == result)
        in_raw = bool(response.tool_calls) and _tool_calls(response.raw) == response.tool_calls
        entry = Entry(
            at=answer.at,
            cost_usd=answer.cost_usd,
            provider=answer.provider,
            served=answer.served,
            text=response.text,
            model=response.model,
            name=response.name,
            usage=response.usage,
            success=response.success,
            note=response.note,
            score=response.score,
            derived=derived,
            result=None if derived else response.result,
            raw=None if raw is None else Raw(**raw),
            tool_calls=() if in_raw else response.tool_calls,
            citations=response.citations,
            reasoning=response.reasoning,
            finish_reason=response.finish_reason,
        )
        return entry.model_dump_json()
    except MALFORMED:
        return None


async def recalled(text: str, request: Request) -> Answer | None:
    """The answer that was written for an equal request; `None` where the text holds none that fits it."""
    try:
        entry = Entry.model_validate_json(text)
        raw = None if entry.raw is None else await restored(entry.raw.kind, entry.raw.fields)
        structured, result, wrong = _derived(entry.text, raw, request)
        if wrong and entry.success:
            return None
        response = Response(
            text=entry.text,
            model=entry.model,
            name=entry.name,
            raw=raw,
            usage=entry.usage,
            id=request.id,
            result=result if entry.derived else entry.result,
            parsed=structured,
            success=entry.success,
            score=entry.score,
            note=entry.note,
            tool_calls=entry.tool_calls or _tool_calls(raw),
            citations=entry.citations,
            reasoning=entry.reasoning,
            finish_reason=entry.finish_reason,
        )
    except MALFORMED:
        return None
    return Answer(response=response, at=entry.at, cost_usd=entry.cost_usd, provider=entry.provider, served=entry.served)


def _derived(text: str, raw: Any, request: Request) -> tuple[Any, Any, str]:
    """`parsed` and `result` as they follow from the rest, and what is wrong with the text."""
    if request.call != "chat" and raw is not None:
        return None, result_of(raw, request.call), ""
    structured, wrong = parsed(text, request.params.get("response_format"))
    return structured, text if structured is None else structured, wrong


def _tool_calls(raw: Any) -> tuple[Any, ...]:
    choices = getattr(raw, "choices", None)
    return tuple(choices[0].message.tool_calls or ()) if choices else ()
