"""LiteLLM's errors as ours: the class, the status, what was billed, and what the message may say."""

from __future__ import annotations

from typing import Any

import pytest
from litellm import exceptions

from orchestra import (
    Blocked,
    ConfigError,
    Denied,
    ModelConfig,
    ModelError,
    NotFound,
    RateLimited,
    Refused,
    TimedOut,
    TooLong,
    Unavailable,
)
from orchestra.catalog import Card
from orchestra.llm.faults import basis_of, translated

MODEL = ModelConfig("m", Card("m", "openai/m", "openai"), "openai", key_variables=("OPENAI_API_KEY",))
ABOUT: dict[str, Any] = {"model": "m", "llm_provider": "openai"}
CASES: list[tuple[Exception, type[ModelError], str]] = [
    (exceptions.ContextWindowExceededError("too long", **ABOUT), TooLong, "void"),
    (exceptions.ContentPolicyViolationError("unsafe", **ABOUT), Blocked, "void"),
    (exceptions.AuthenticationError("bad key", **ABOUT), Denied, "void"),
    (exceptions.NotFoundError("no such model", **ABOUT), NotFound, "void"),
    (exceptions.RateLimitError("slow down", **ABOUT), RateLimited, "void"),
    (exceptions.BadRequestError("bad", **ABOUT), Refused, "void"),
    (exceptions.BadRequestError("The model `m` has been decommissioned", **ABOUT), NotFound, "void"),
    (exceptions.BadRequestError("Invalid model: m", **ABOUT), NotFound, "void"),
    (exceptions.UnsupportedParamsError("temperature", **ABOUT), Refused, "void"),
    (exceptions.Timeout("late", **ABOUT), TimedOut, "reserved"),
    (exceptions.ServiceUnavailableError("busy", **ABOUT), Unavailable, "reserved"),
    (exceptions.InternalServerError("broken", **ABOUT), Unavailable, "reserved"),
    (exceptions.APIConnectionError("dropped", **ABOUT), Unavailable, "reserved"),
]


@pytest.mark.parametrize(
    ("theirs", "ours", "basis"), CASES, ids=lambda value: getattr(value, "__name__", None) or str(value)[:40]
)
def test_each_error_becomes_ours_and_says_what_was_billed(
    theirs: Exception, ours: type[ModelError], basis: str
) -> None:
    """`void` only where it is proven that nothing was generated."""
    error = translated(theirs, MODEL)
    assert type(error) is ours
    assert basis_of(error) == basis
    assert str(error).startswith("m: ")


def test_a_missing_package_is_no_reason_to_try_again() -> None:
    """LiteLLM dresses an ImportError up as a connection error; ours names the package."""
    theirs = exceptions.APIConnectionError("No module named 'mcp'", **ABOUT)
    theirs.__cause__ = ModuleNotFoundError("No module named 'mcp'")
    error = translated(theirs, MODEL)
    assert isinstance(error, ConfigError)
    assert "mcp" in str(error)


def test_a_refused_connection_was_not_billed() -> None:
    """Nothing can have been generated where nobody listened."""
    theirs = exceptions.APIConnectionError("refused", **ABOUT)
    theirs.__cause__ = ConnectionRefusedError()
    ours = translated(theirs, MODEL)
    ours.__cause__ = theirs
    assert basis_of(ours) == "void"


def test_the_key_is_not_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that echoes the key does not get it into our errors."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    error = translated(exceptions.AuthenticationError("Incorrect API key: sk-canary", **ABOUT), MODEL)
    assert "sk-canary" not in str(error)
    assert "***" in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "7"}, 7.0), ({"Retry-After-Ms": "1500"}, 1.5), ({"retry-after": "soon"}, None), ({}, None)],
    ids=["seconds", "milliseconds", "nonsense", "none"],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """In any of its forms; nonsense counts as not said."""
    theirs = exceptions.RateLimitError("slow", **ABOUT)
    theirs.litellm_response_headers = headers  # type: ignore[attr-defined]  # LiteLLM sets it where it has headers
    error = translated(theirs, MODEL)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == seconds
