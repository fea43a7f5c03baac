"""Our answer as LiteLLM's own response: the member's, with the whole cost and the decision in its hidden parameters."""

from __future__ import annotations

from typing import Any

import litellm

from orchestra.trace import attempt_dict, choice_dict, plain
from orchestra.types import Response

HEADERS = "additional_headers"


def response_of(answer: Response) -> Any:
    """LiteLLM's response of the member that answered; its cost is that of every call made for it."""
    raw = answer.raw.model_copy() if answer.raw is not None else _made(answer)
    hidden = dict(getattr(answer.raw, "_hidden_params", None) or {})
    hidden["response_cost"] = cost_of(answer)
    hidden["orchestra"] = record_of(answer)
    hidden[HEADERS] = {**(hidden.get(HEADERS) or {}), **headers_of(answer)}
    raw._hidden_params = hidden  # noqa: SLF001  # where LiteLLM's own tools look
    return raw


def cost_of(answer: Response) -> float | None:
    """What every call made for the answer cost, in USD; `None` where the price of one is not known."""
    cost = answer.cost_usd
    return None if cost is None else float(cost)


def record_of(answer: Response) -> dict[str, Any]:
    """Why this answer: the decision, the calls and what each cost, as plain data."""
    return {
        "id": answer.id,
        "model": answer.model,
        "note": answer.note,
        "success": answer.success,
        "score": answer.score,
        "cost_usd": plain(answer.cost_usd),
        "choice": choice_dict(answer.choice) if answer.choice else None,
        "attempts": [attempt_dict(attempt) for attempt in answer.attempts],
    }


def headers_of(answer: Response) -> dict[str, str]:
    """The decision in short, for the headers of a response over HTTP."""
    said = {
        "x-orchestra-id": answer.id,
        "x-orchestra-model": answer.model,
        "x-orchestra-rule": answer.choice.rule if answer.choice else None,
        "x-orchestra-attempts": str(len(answer.attempts)),
        "x-orchestra-cost-usd": plain(answer.cost_usd),
    }
    return {name: value for name, value in said.items() if value is not None}


def usage_of(answer: Response) -> Any:
    """The usage that the provider reported of the answer, in LiteLLM's class."""
    usage = getattr(answer.raw, "usage", None)
    if usage is not None:
        return usage.model_copy()
    return litellm.Usage(prompt_tokens=answer.usage.input_tokens, completion_tokens=answer.usage.output_tokens)


def _made(answer: Response) -> Any:
    """A response for an answer that no call of LiteLLM's gave, as of a plain function in a tree."""
    message = {
        "role": "assistant",
        "content": answer.text,
        "tool_calls": list(answer.tool_calls) or None,
        "reasoning_content": answer.reasoning or None,
    }
    choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason or "stop"}
    return litellm.ModelResponse(model=answer.model, choices=[choice], usage=usage_of(answer))
