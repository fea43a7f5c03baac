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
    DeadlineExceeded,
    Denied,
    ModelError,
    NotFound,
    OrchestraError,
    PromptError,
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
        spent, limit = (refusal.spent_usd, refusal.limit_usd) if refusal else (0, 0)
        about = vars(litellm.BudgetExceededError(float(spent), float(limit), message))
        litellm.RateLimitError.__init__(self, message, PROVIDER, model)
        self.__dict__ |= {name: value for name, value in about.items() if name not in self.__dict__}


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
)
"""What LiteLLM calls an error that we found ourselves, the most specific first."""


def translated(error: OrchestraError, asked: str) -> Exception:
    """`error` as LiteLLM would have raised it of the model that was asked; of several that failed, the first's.

    Its `__cause__` is what it had as LiteLLM raised it, or `error` where it is made here.
    """
    if isinstance(error, AllFailed):
        first: Any = error.exceptions[0]  # of a group of ours: an error of ours
        return translated(first, asked)
    found = next(_theirs(error), None) if isinstance(error, ModelError) else None
    if found is None:
        found = _made(error, asked)
        found.__cause__ = error
    return found


def lazily(error: OrchestraError, asked: str, said: str = "") -> Exception:
    """`error` of a stream that LiteLLM reads: of a class that is its own and passes LiteLLM's reader unchanged.

    That reader puts every error into a `MidStreamFallbackError`, unless it is one. `said` is what came before it: after
    that LiteLLM alone would have said `MidStreamFallbackError`, before it the member's own class.
    """
    found: Any = translated(error, asked)
    if isinstance(found, litellm.ServiceUnavailableError):
        passing: Any = MidStreamFallbackError(message=_bare(found), model=found.model, llm_provider=found.llm_provider)
    else:
        own: Any = type(found)
        kind = _passing(own, bool(said))
        passing = kind.__new__(kind)
        passing.__dict__.update(found.__dict__)
        passing.args = found.args
        if said:
            passing.message = f"litellm.MidStreamFallbackError: {found}"
    passing.original_exception = None
    passing.generated_content = said
    passing.is_pre_first_chunk = not said
    passing.__cause__ = error
    return passing  # type: ignore[no-any-return]  # an exception, by its class


@cache
def _passing(kind: Any, begun: bool) -> Any:
    """A class that is `kind` and a `MidStreamFallbackError`, by the name of one of them."""
    named = MidStreamFallbackError if begun else kind
    shown = {"__module__": named.__module__, "__str__": named.__str__, "__repr__": named.__repr__}
    return type(named.__name__, (kind, MidStreamFallbackError), shown)


def _theirs(error: BaseException | None) -> Iterator[Exception]:
    """LiteLLM's own error below ours; where LiteLLM put one of a stream's into another, the inner one."""
    while error is not None:
        inner = getattr(error, "original_exception", None)
        if isinstance(error, MidStreamFallbackError) and isinstance(inner, Exception):
            yield from _theirs(inner)
        if isinstance(error, tuple(LITELLM_EXCEPTION_TYPES)):
            yield error  # type: ignore[misc]  # LiteLLM's list is of exceptions
        error = error.__cause__


def _made(error: OrchestraError, asked: str) -> Exception:
    """A refusal of ours, or an error of a model that we found ourselves (no key, an empty answer, a cut stream)."""
    said = str(error)
    match error:
        case BudgetExceeded():
            return BudgetRefused(said, asked, error)
        case ConfigError() | PromptError():
            return Misasked(said, asked)
        case DeadlineExceeded():
            return OutOfTime(said, asked)
        case ModelError():
            name = next((name for kind, name in BY_CLASS if isinstance(error, kind)), "ServiceUnavailableError")
            kind: Any = getattr(litellm, name)
            return kind(message=said, model=error.model or asked, llm_provider=error.provider or PROVIDER)  # type: ignore[no-any-return]
        case _:
            return Unserved(said, asked)


def _bare(error: Any) -> str:
    return str(error.message).removeprefix(f"litellm.{type(error).__name__}: ")
