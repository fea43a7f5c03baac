"""LiteLLM's errors as ours: one table, the most specific first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from orchestra.errors import (
    Blocked,
    ConfigError,
    Cut,
    Denied,
    ModelError,
    NotFound,
    OrchestraError,
    RateLimited,
    Refused,
    TimedOut,
    TooLong,
    Unavailable,
)
from orchestra.model_config import ModelConfig
from orchestra.types import Basis

BY_CLASS: tuple[tuple[str, type[ModelError]], ...] = (
    ("ContextWindowExceededError", TooLong),
    ("ContentPolicyViolationError", Blocked),
    ("PaymentRequiredError", Denied),
    ("AuthenticationError", Denied),
    ("PermissionDeniedError", Denied),
    ("NotFoundError", NotFound),
    ("RateLimitError", RateLimited),
    ("MidStreamFallbackError", Unavailable),
    ("Timeout", TimedOut),
    ("APITimeoutError", TimedOut),
    ("TimeoutException", TimedOut),
    ("UnsupportedParamsError", Refused),
    ("UnprocessableEntityError", Refused),
    ("BadRequestError", Refused),
    ("APIResponseValidationError", Unavailable),
)
"""Class names, looked for along the error's ancestors, so that LiteLLM need not be imported to read them."""

BY_STATUS: dict[int, type[ModelError]] = {
    400: Refused,
    401: Denied,
    402: Denied,
    403: Denied,
    404: NotFound,
    408: TimedOut,
    413: TooLong,
    422: Refused,
    429: RateLimited,
    504: TimedOut,
}

SAID: dict[type[ModelError], str] = {
    TooLong: "the input does not fit its context window",
    Blocked: "stopped by a content policy",
    Denied: "the key is not accepted",
    NotFound: "the provider does not know this model",
    RateLimited: "rate limited",
    TimedOut: "no answer in time",
    Refused: "the provider refuses this request",
    Unavailable: "the provider is failing",
}

GONE = re.compile(
    r"decommissioned|invalid model|unknown model|model.{0,120}?(not[ _]found|not exist|no longer|deprecated|retired)",
    re.IGNORECASE | re.DOTALL,
)
CROWDED = re.compile(r"context (length|window|size)", re.IGNORECASE)
UNREAD = re.compile(r"Error converting to valid response block|Error in response object|Got unexpected response from")
"""What LiteLLM says, under a status of its own making, of an answer that came with 200 and that it cannot read."""

PREFIX = re.compile(r"^(litellm\.\w+:\s*|\w+(Error|Exception|Timeout)( -|:)\s*)+")
NEVER_BILLED = frozenset({400, 401, 402, 403, 404, 413, 422, 429})


def translated(error: Exception, model: ModelConfig) -> OrchestraError:
    """`error`, as LiteLLM raised it, in our words; ours pass as they are."""
    if isinstance(error, OrchestraError):
        return error
    missing = next((e for e in causes(error) if isinstance(e, ImportError)), None)
    if missing is not None:
        return ConfigError(f"{model.name}: LiteLLM needs a package that is not installed: {missing}")
    raised, error = error, _unwrapped(error)
    status = _status(error)
    kind = _kind(error, status)
    said = str(error).partition("Traceback (most recent call last)")[0]
    detail = _scrubbed(PREFIX.sub("", " ".join(said.split())), model)
    number = f" ({status})" if status else ""
    ours = kind(
        f"{model.name}: {SAID[kind]}{number}" + (f": {detail[:400]}" if detail else ""),
        model=model.model,
        provider=model.provider,
        status=status,
        retry_after_s=_retry_after_s(error),
    )
    ours.__cause__ = raised  # what became of the call is read from the whole chain
    return ours


def basis_of(error: Exception) -> Basis:
    """How the cost of a failed attempt is known: `void` where it is proven that nothing was generated."""
    if isinstance(error, (ConfigError, Denied)) or (isinstance(error, ModelError) and error.status in NEVER_BILLED):
        return "void"
    if isinstance(error, Cut):
        return "reserved"
    refused = any(
        isinstance(e, ConnectionRefusedError) or type(e).__name__ in ("ConnectError", "ClientConnectorError")
        for e in causes(error)
    )
    return "void" if refused else "reserved"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        original = getattr(one, "original_exception", None)
        todo += [one.__cause__, one.__context__, original if isinstance(original, BaseException) else None]


def _unwrapped(error: Exception) -> Exception:
    """The provider's own error, where LiteLLM put one of a stream's into another."""
    original = getattr(error, "original_exception", None)
    if type(error).__name__ == "MidStreamFallbackError" and isinstance(original, Exception):
        return original
    return error


def _kind(error: Exception, status: int | None) -> type[ModelError]:
    if UNREAD.search(str(error)):
        return Unavailable
    names = {c.__name__ for e in (error,) for c in type(e).__mro__}
    kind = next((ours for theirs, ours in BY_CLASS if theirs in names), None)
    if kind in (None, Refused) and status is not None and status >= 500:
        kind = Unavailable
    if kind is None:
        kind = BY_STATUS.get(status or 0, Unavailable)
    if kind is Refused:
        kind = BY_STATUS.get(status or 400, Refused)
    if kind in (Refused, NotFound, Unavailable) and status in (400, 404, 410) and GONE.search(str(error)):
        return NotFound
    return TooLong if kind is Refused and CROWDED.search(str(error)) else kind


def _status(error: Exception) -> int | None:
    if UNREAD.search(str(error)):
        return None
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) and 100 <= status < 600 else None


def _retry_after_s(error: Exception) -> float | None:
    response = getattr(error, "response", None)
    for headers in (getattr(error, "litellm_response_headers", None), getattr(response, "headers", None)):
        lower = {str(k).lower(): str(v) for k, v in dict(headers or {}).items()}
        for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
            seconds = _seconds(lower.get(name))
            if seconds is not None:
                return max(0.0, seconds * unit)
    return None


def _seconds(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None


def _scrubbed(text: str, model: ModelConfig) -> str:
    key = model.key()
    return text.replace(key, "***") if key else text
