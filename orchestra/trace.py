"""A finished answer as text, as plain data and as a log event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from orchestra.events import REQUEST_FINISHED, emit
from orchestra.types import Attempt, Choice, Failure, Response, Usage

RULE = " → "
"""Between a rule and its models in the name of what was passed over."""

Branch = tuple[str, list["Branch"]]
"""A line and what hangs below it."""


def render(response: Response) -> str:
    """The tree as text: what was chosen and why, what was passed over, what each call cost."""
    total = response.total
    head = f"{response.name or response.model} · {tokens(total)} · {money(total.cost)} · {response.latency_s:.2f} s"
    return "\n".join([head, *_lines(_branches(response))])


def explain(choice: Choice) -> str:
    """A decision as text: the arm, the rule, the facts, and what was passed over."""
    return "\n".join([f"{choice.arm}  ← {choice.rule}: {choice.reason}", *_lines(_choice(choice)[1])])


def as_dict(response: Response) -> dict[str, Any]:
    """The answer as plain data, ready for JSON; money as decimal text."""
    total = response.total
    return {
        "id": response.id,
        "text": response.text,
        "model": response.model,
        "success": response.success,
        "note": response.note,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "total_tokens": total.total_tokens,
        "cost_usd": plain(total.cost),
        "latency_ms": round(response.latency_ms, 3),
        "parsed": response.parsed if isinstance(response.parsed, (dict, list, str, int, float)) else None,
        "result": response.result if isinstance(response.result, (dict, list, str, int, float)) else None,
        "score": response.score,
        "details": dict(response.details),
        "citations": [{"url": c.url, "title": c.title, "span": c.span} for c in response.citations],
        "choice": choice_dict(response.choice) if response.choice else None,
        "attempts": [attempt_dict(attempt) for attempt in response.attempts],
    }


def choice_dict(choice: Choice) -> dict[str, Any]:
    """A decision as plain data."""
    return {
        "chosen": choice.arm,
        "rule": choice.rule,
        "reason": choice.reason,
        "passed_over": [{"name": name, "reason": reason} for name, reason in choice.passed_over],
        "chain": list(choice.chain),
        "features": dict(choice.features),
        "record": dict(choice.record),
    }


def attempt_dict(attempt: Attempt) -> dict[str, Any]:
    """One call as plain data."""
    return {
        "id": attempt.id,
        "path": "/".join(attempt.path),
        "model": attempt.model,
        "provider": attempt.provider,
        "retry": attempt.retry,
        "input_tokens": attempt.usage.input_tokens,
        "output_tokens": attempt.usage.output_tokens,
        "cost_usd": plain(attempt.usage.cost),
        "basis": attempt.basis,
        "latency_ms": round(attempt.latency_s * 1000, 3),
        "success": attempt.success,
        "error": attempt.error,
    }


def log(response: Response) -> None:
    """Log the finished request; neither its prompt nor its answer."""
    total = response.total
    emit(
        REQUEST_FINISHED,
        request=response.id,
        model=response.model,
        rule=response.choice.rule if response.choice else None,
        attempts=len(response.attempts),
        input_tokens=total.input_tokens,
        output_tokens=total.output_tokens,
        cost_usd=plain(total.cost),
        latency_s=round(response.latency_s, 4),
        success=response.success,
    )


def money(cost: Decimal | None) -> str:
    """An amount as it is shown: to a hundredth of a cent, finer where it is smaller."""
    if cost is None:
        return "price unknown"
    if not cost:
        return "$0"
    return f"${cost:.4f}" if cost >= Decimal("0.001") else f"${cost.normalize():f}"


def tokens(usage: Usage) -> str:
    """`12 in + 34 out`."""
    return f"{usage.input_tokens} in + {usage.output_tokens} out"


def plain(cost: Decimal | None) -> str | None:
    """An amount as decimal text, without an exponent."""
    return None if cost is None else f"{cost:f}"


def _branches(response: Response) -> list[Branch]:
    branches: list[Branch] = []
    if response.choice is not None:
        branches.append(_choice(response.choice, brief=True))
    branches += [_call(attempt) for attempt in response.attempts]
    if not response.attempts:
        branches += [_source(source) for source in response.sources]
    if response.note:
        branches.append((f"note: {response.note}", []))
    return branches


def _choice(choice: Choice, brief: bool = False) -> Branch:
    """A decision; `brief` counts the rules that did not decide instead of listing them."""
    below: list[Branch] = []
    if choice.features:
        below.append((f"saw {_facts(choice.features)}", []))
    rules = [name for name, _ in choice.passed_over if RULE in name] if brief else []
    if rules:
        below.append(
            (f"not by {len(rules)} other rule{'s' if len(rules) > 1 else ''} (orchestra explain lists them)", [])
        )
    below += [(f"not {name}: {reason}", []) for name, reason in choice.passed_over if name not in rules]
    if len(choice.chain) > 1:
        below.append((f"then {' → '.join(choice.chain[1:])}", []))
    return f"chose {choice.arm} by {choice.rule}: {choice.reason}", below


def _facts(features: Mapping[str, Any]) -> str:
    return ", ".join(name if value is True else f"{name} {value}" for name, value in features.items())


def _call(attempt: Attempt) -> Branch:
    mark = "✓" if attempt.success else "✗"
    retry = f" (retry {attempt.retry})" if attempt.retry else ""
    said = tokens(attempt.usage) if attempt.success else f"{attempt.error}, booked as {attempt.basis}"
    return f"{mark} {attempt.model}{retry} · {said} · {money(attempt.usage.cost)} · {attempt.latency_s:.2f} s", []


def _source(source: Response | Failure) -> Branch:
    if isinstance(source, Failure):
        return f"✗ {source.name} · {type(source.error).__name__}: {source.error}", []
    return f"✓ {source.name or source.model} · {tokens(source.usage)} · {money(source.usage.cost)}", _branches(source)


def _lines(branches: list[Branch]) -> Iterator[str]:
    for n, (line, below) in enumerate(branches):
        last = n == len(branches) - 1
        yield f"{'└─' if last else '├─'} {line}"
        yield from (f"{'  ' if last else '│ '} {inner}" for inner in _lines(below))
