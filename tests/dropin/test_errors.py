"""An error of a member comes as LiteLLM's own; a refusal of ours as a class of ours that is LiteLLM's too."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import litellm
import pytest
from litellm.exceptions import MidStreamFallbackError

import orchestra.litellm as ours
from orchestra import MultiModelAPI, install, uninstall
from orchestra.dropin import errors
from orchestra.testing import Provider
from orchestra.testing.provider import Failure, Fault

from .conftest import HELLO, Side, settings
from .observing import IDS, WAYS, called, observed

AT_ONCE = [
    Fault.RATE_LIMITED,
    Fault.SERVER_ERROR,
    Fault.UNAVAILABLE,
    Fault.UNAUTHORIZED,
    Fault.FORBIDDEN,
    Fault.NOT_FOUND,
    Fault.BAD_REQUEST,
    Fault.CONTEXT_WINDOW,
    Fault.CONTENT_POLICY,
]


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
@pytest.mark.parametrize("fault", AT_ONCE)
@pytest.mark.parametrize("kind", ["openai", "anthropic", "google"])
async def test_an_error_is_the_members(
    sides: tuple[Side, Side], kind: str, fault: Fault, how: str, stream: bool
) -> None:
    """Class, status, provider and message, whether it comes from the call or from the reading of its stream."""
    theirs, ours = [await observed(side, how, kind, (fault,), stream=stream) for side in sides]
    assert ours == theirs
    assert "error" in ours


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_a_stream_that_breaks_raises_what_litellm_raises(sides: tuple[Side, Side], kind: str, how: str) -> None:
    """After the first chunk it is a `MidStreamFallbackError` with what had come by then, and the member's class too."""
    theirs, ours = [
        await observed(side, how, kind, (Failure(Fault.ERROR_IN_200, after_chunks=2),), stream=True) for side in sides
    ]
    assert ours == theirs
    sides[1].provider.reply(Failure(Fault.ERROR_IN_200, after_chunks=2))
    with pytest.raises(MidStreamFallbackError) as caught:
        await called(how, sides[1].asked(kind, stream=True))
    assert type(caught.value).__name__ == "MidStreamFallbackError"
    inner = caught.value.original_exception or caught.value  # the reader of LiteLLM 1.90 puts it into one more
    assert isinstance(inner, getattr(litellm, ours["error"]["class"]))
    assert caught.value.generated_content == "echo: What "
    assert not caught.value.is_pre_first_chunk


async def test_a_stream_that_just_ends_is_an_error(api: MultiModelAPI, provider: Provider) -> None:
    """LiteLLM alone takes a stream without its end for a whole answer."""
    provider.reply(Failure(Fault.CUT, after_chunks=2))
    with pytest.raises(litellm.ServiceUnavailableError, match="broke after"):
        await called("async", {"model": "orchestra/the-openai", "messages": HELLO, "stream": True, "max_retries": 0})


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
async def test_a_timeout_is_the_members(sides: tuple[Side, Side], how: str, stream: bool) -> None:
    """The caller's `timeout`, in LiteLLM's class."""
    seen = [await observed(side, how, "openai", (Fault.HANG,), stream=stream, timeout=0.2) for side in sides]
    for one in seen:
        said = one["error"].pop("message")
        assert said.startswith("APITimeoutError - Request timed out")
    assert seen[1] == seen[0]


@pytest.mark.parametrize("name", ["acompletion", "completion"])
async def test_a_429_at_the_start_of_a_stream_is_a_rate_limit_error(
    api: MultiModelAPI, provider: Provider, name: str
) -> None:
    """Of our functions it is raised by the call, of exactly LiteLLM's class."""
    provider.reply(Fault.RATE_LIMITED)
    with pytest.raises(litellm.RateLimitError) as caught:
        answer = getattr(ours, name)("gpt-4o-mini", HELLO, stream=True, max_retries=0)
        if inspect.isawaitable(answer):
            await answer
    assert type(caught.value) is litellm.RateLimitError


async def test_of_several_that_failed_the_first_is_raised(api: MultiModelAPI, provider: Provider) -> None:
    """A chain that is at its end fails with the error of the model that was chosen."""
    provider.on("openai").always(Fault.UNAVAILABLE)
    provider.on("anthropic").always(Fault.RATE_LIMITED)
    with pytest.raises(litellm.ServiceUnavailableError) as caught:
        await litellm.acompletion(model="orchestra/chain", messages=HELLO, max_retries=0)
    assert caught.value.llm_provider == "openai"


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
async def test_a_refusal_is_of_ours_and_of_litellms_class(
    provider: Provider, tmp_path: Path, how: str, stream: bool
) -> None:
    """A full budget is a 429 that says why, and nothing is sent; a stream is refused before it is handed out."""
    budgets = {"tiny": {"limit_usd": "0.000001", "per": "total"}}
    install(settings(provider, budgets=budgets, ledger={"path": str(tmp_path / "l.db"), "durability": "process"}))
    asked: dict[str, Any] = {"model": "orchestra/the-openai", "messages": HELLO, "stream": stream}
    try:
        with pytest.raises(litellm.BudgetExceededError, match="budget 'tiny' has no room") as caught:
            if how == "sync":
                litellm.completion(**asked)
            else:
                await litellm.acompletion(**asked)
        assert isinstance(caught.value, (errors.BudgetRefused, litellm.RateLimitError))
        assert caught.value.status_code == 429
        assert provider.calls == ()
    finally:
        uninstall()


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        ({"model": "orchestra/the-opnai"}, errors.Misasked, "no model or policy is called 'the-opnai'"),
        ({"metadata": {"orchestra": {"priority": "soon"}}}, errors.Misasked, "priority is high"),
        ({"metadata": {"orchestra": {"max_cost": 0}}}, errors.Misasked, "'max_cost'; did you mean 'max_cost_usd'?"),
        ({"metadata": {"orchestra": {"temperature": 0}}}, errors.Misasked, "no such word 'temperature'; .* task_type"),
        ({"metadata": {"orchestra": {"tags": "x"}}}, errors.Misasked, "'tags' is a dict such as"),
        ({"metadata": {"orchestra": 3}}, errors.Misasked, "is a dict of our own words"),
        ({"model": "orchestra/openai/gpt-4o-mini", "api_base": "http://127.0.0.1:1"}, errors.Misasked, "without an"),
    ],
    ids=["name", "word", "misspelt", "unknown", "tags", "words", "address"],
)
async def test_a_mistake_is_a_bad_request(
    api: MultiModelAPI, provider: Provider, asked: dict[str, Any], kind: type[Exception], said: str
) -> None:
    """It says what is wrong, and nothing is sent."""
    given: dict[str, Any] = {"model": "orchestra/the-openai", "messages": HELLO, **asked}
    for call in (lambda: litellm.completion(**given), lambda: litellm.acompletion(**given)):
        with pytest.raises(litellm.BadRequestError, match=said) as caught:
            answer = call()
            if inspect.isawaitable(answer):
                await answer
        assert type(caught.value) is kind
    assert provider.calls == ()


def test_no_key_is_an_authentication_error(provider: Provider) -> None:
    """A member that cannot be called for want of a key is LiteLLM's own kind of error."""
    install(settings(provider, providers={}))
    try:
        with pytest.raises(litellm.AuthenticationError, match="no key; set OPENAI_API_KEY"):
            litellm.completion(model="orchestra/openai/gpt-4o-mini", messages=HELLO)
    finally:
        uninstall()


def test_our_errors_are_in_our_namespace(api: MultiModelAPI) -> None:
    """LiteLLM's has no name of ours, and ours no name that ends like LiteLLM's."""
    own = [name for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__]
    assert not any(name.endswith("Error") for name in own)
    assert not any(hasattr(litellm, name) for name in own if inspect.isclass(getattr(errors, name)))


ROUTED = {"kind": "route", "strategy": "cost_optimized", "models": ["openai/gpt-4o-mini", "groq/openai/gpt-oss-20b"]}
DAILY = {"daily": {"limit_usd": "20.00", "per": "day"}}


@pytest.mark.parametrize(
    ("about", "ledger", "served"),
    [
        ({}, {}, True),
        ({"budgets": DAILY}, {"on_ledger_error": "allow"}, True),
        ({"budgets": DAILY}, {}, False),
        ({"budgets": {"other": {**DAILY["daily"], "models": ["mistral/*"]}}}, {}, True),
    ],
    ids=["no budget", "allowed", "required", "of another model"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_books_that_can_not_be_read_refuse_a_stream_where_they_refuse_a_call(
    provider: Provider, tmp_path: Path, stream: bool, about: dict[str, Any], ledger: dict[str, Any], served: bool
) -> None:
    """And before it is handed out."""
    path = tmp_path / "l.db"
    path.write_bytes(b"no ledger" * 1000)
    ledger = {"path": str(path), "durability": "process", **ledger}
    install(settings(provider, policies={"routed": ROUTED, "dear": "openai/gpt-4o-mini"}, ledger=ledger, **about))
    try:
        for model in ("orchestra/routed", "orchestra/dear"):
            asked = {"model": model, "messages": HELLO, "stream": stream, "max_retries": 0}
            if served:
                assert await called("async", asked)
            else:
                with pytest.raises(errors.Unserved, match="is no ledger"):
                    await litellm.acompletion(**asked)
    finally:
        uninstall()
