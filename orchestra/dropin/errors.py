"""Our errors as LiteLLM's: the member's own where a model was asked, else refusals that are LiteLLM's classes too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import litellm
from litellm.exceptions import LITELLM_EXCEPTION_TYPES, MidStreamFallbackError

from orchestra.errors import (
    AllFailed,
    Blocked,
    BudgetExceeded,
    ConfigError,
    Cut,
    DeadlineExceeded,
    Denied,
    ModelError,
    NoModelAvailable,
    NotFound,
    OrchestraError,
    RateLimited,
    Refused,
    TimedOut,
    TooLong,
    Unavailable,
)

PROVIDER = "orchestra"


class BudgetRefused(litellm.BudgetExceededError, litellm.RateLimitError):
    """A budget has no room for the call (429); nothing was sent."""

    def __init__(self, message: str, model: str, refusal: BudgetExceeded | None = None) -> None:
        litellm.RateLimitError.__init__(self, message, PROVIDER, model)
        self.current_cost = float(refusal.spent_usd) if refusal else 0.0
        self.max_budget = float(refusal.limit_usd) if refusal else 0.0


class Misasked(litellm.BadRequestError):
    """A name, an argument or the policy file is wrong (400); nothing was sent."""

    def __init__(self, message: str, model: str) -> None:
        super().__init__(message, model, PROVIDER)


class Unserved(litellm.ServiceUnavailableError):
    """No model can serve the request as things are, or the books can't be kept (503)."""

    def __init__(self, message: str, model: str) -> None:
        super().__init__(message, PROVIDER, model)


class OutOfTime(litellm.Timeout):
    """The time given to the whole request is over (408)."""

    def __init__(self, message: str, model: str) -> None:
        super().__init__(message, model, PROVIDER)


BY_CLASS: tuple[tuple[type[ModelError], str], ...] = (
    (TooLong, "ContextWindowExceededError"),
    (Blocked, "ContentPolicyViolationError"),
    (Refused, "BadRequestError"),
    (RateLimited, "RateLimitError"),
    (TimedOut, "Timeout"),
    (Denied, "AuthenticationError"),
    (NotFound, "NotFoundError"),
    (Unavailable, "InternalServerError"),
    (ModelError, "ServiceUnavailableError"),
)
"""What LiteLLM calls an error that we found ourselves, the most specific first."""


def translated(error: OrchestraError, asked: str) -> Exception:
    """`error` as LiteLLM would have raised it of the model that was asked; of several that failed, the first's."""
    match error:
        case AllFailed():
            first: Any = error.exceptions[0]  # of a group of ours: an error of ours
            return translated(first, asked)
        case BudgetExceeded():
            return BudgetRefused(str(error), asked, error)
        case ConfigError():
            return Misasked(str(error), asked)
        case DeadlineExceeded():
            return OutOfTime(str(error), asked)
        case NoModelAvailable():
            return Unserved(str(error), asked)
        case ModelError():
            return next(_theirs(error), None) or _named(error, asked)
        case _:
            return Unserved(str(error), asked)


def lazily(error: Exception, said: str = "") -> Exception:
    """`error` of a stream that LiteLLM reads: of a class that is its own and passes LiteLLM's reader unchanged.

    That reader puts every error into a `MidStreamFallbackError`, unless it is one; `said` is what came before it.
    """
    if isinstance(error, MidStreamFallbackError):
        passing: Any = error
    elif isinstance(error, litellm.ServiceUnavailableError):
        model, provider = str(error.model), str(error.llm_provider)
        passing = MidStreamFallbackError(message=_bare(error), model=model, llm_provider=provider)
    else:
        own: Any = type(error)
        kind = _passing(own)
        passing = kind.__new__(kind)
        passing.__dict__.update(error.__dict__)
        passing.args = error.args
    passing.original_exception = None
    passing.generated_content = said
    passing.is_pre_first_chunk = not said
    return passing  # type: ignore[no-any-return]  # an exception, by its class


@cache
def _passing(kind: Any) -> Any:
    """A class that is `kind`, by its name too, and a `MidStreamFallbackError`."""
    own = {"__module__": kind.__module__, "__str__": kind.__str__, "__repr__": kind.__repr__}
    return type(kind.__name__, (kind, MidStreamFallbackError), own)


def _theirs(error: BaseException | None) -> Iterator[Exception]:
    """LiteLLM's own error below ours; where LiteLLM put one of a stream's into another, the inner one."""
    while error is not None:
        inner = getattr(error, "original_exception", None)
        if isinstance(error, MidStreamFallbackError) and isinstance(inner, Exception):
            yield from _theirs(inner)
        if isinstance(error, tuple(LITELLM_EXCEPTION_TYPES)):
            yield error  # type: ignore[misc]  # LiteLLM's list is of exceptions
        error = error.__cause__


def _named(error: ModelError, asked: str) -> Exception:
    """An error that we found ourselves (no key, an empty answer, a cut stream) as LiteLLM names such a thing."""
    model, provider = error.model or asked, error.provider or PROVIDER
    if isinstance(error, Cut):
        return MidStreamFallbackError(  # type: ignore[no-any-return]  # an exception, by its name
            str(error), model, provider, generated_content=error.text
        )
    name = next(name for kind, name in BY_CLASS if isinstance(error, kind))
    kind: type[Exception] = getattr(litellm, name)
    return kind(message=str(error), model=model, llm_provider=provider)  # type: ignore[call-arg]  # as all of LiteLLM's


def _bare(error: Exception) -> str:
    return str(getattr(error, "message", error)).removeprefix(f"litellm.{type(error).__name__}: ")
