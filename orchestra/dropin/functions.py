"""LiteLLM's functions by its names and with its signatures, answered through a client of ours.

They are LiteLLM's own, called for `orchestra/<name>` where the caller said `<name>`; a model that nobody here knows is
LiteLLM's, and so is a mock.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import litellm
from litellm.exceptions import MidStreamFallbackError

from orchestra.api import MultiModelAPI
from orchestra.door import door
from orchestra.dropin.errors import PROVIDER, translated
from orchestra.dropin.installed import install
from orchestra.dropin.request import answered, asked
from orchestra.dropin.response import response_of
from orchestra.errors import ConfigError, OrchestraError
from orchestra.names import PREFIX

SYNC = (
    "completion",
    "text_completion",
    "embedding",
    "responses",
    "batch_completion",
    "batch_completion_models",
    "batch_completion_models_all_responses",
    "completion_with_retries",
)
ASYNC = ("acompletion", "atext_completion", "aembedding", "aresponses", "acompletion_with_retries")
RERANK = ("rerank", "arerank")
MOCKS = ("mock_response", "mock_tool_calls", "mock_timeout")
NO_MCP = "_skip_mcp_handler"
"""LiteLLM 1.106 imports its proxy, which a bare install has not, to look for MCP tools."""

APART = ("replicate", "clarifai", "togethercomputer", "ft:gpt-3.5-turbo", "ft:babbage-002", "ft:davinci-002")
"""LiteLLM calls every model with one of these in its name as that provider's, whatever its prefix."""


def function(name: str) -> Callable[..., Any] | None:
    """Our function of that name; `None` where LiteLLM's is the one."""
    theirs = getattr(litellm, name, None) if name in (*SYNC, *ASYNC, *RERANK) else None
    if theirs is None:
        return None
    match name:
        case "rerank":
            return _rerank(theirs)
        case "arerank":
            return _arerank(theirs)
        case _:
            return _async(theirs) if name in ASYNC else _sync(theirs)


def _sync(theirs: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(theirs)
    def call(*args: Any, **options: Any) -> Any:
        return theirs(**_named(install(), _by_name(theirs, args, options)))

    return call


def _async(theirs: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(theirs)
    async def call(*args: Any, **options: Any) -> Any:
        given = _named(install(), _by_name(theirs, args, options))
        answer = await theirs(**given)
        if isinstance(answer, litellm.CustomStreamWrapper) and str(given.get("model")).startswith(PREFIX):
            await _begun(answer, given["model"])
        return answer

    return call


def _rerank(theirs: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(theirs)
    def call(*args: Any, **options: Any) -> Any:
        api, given = install(), _by_name(theirs, args, options)
        name = _ours(api, given)
        return theirs(**given) if name is None else door.run(lambda: _reranked(api, name, given))

    return call


def _arerank(theirs: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(theirs)
    async def call(*args: Any, **options: Any) -> Any:
        api, given = install(), _by_name(theirs, args, options)
        name = _ours(api, given)
        return await theirs(**given) if name is None else await _reranked(api, name, given)

    return call


async def _reranked(api: MultiModelAPI, name: str, given: dict[str, Any]) -> Any:
    """LiteLLM has no way for a provider of one's own to rerank: here the client is asked, and its call reported."""
    about = {word: given.pop(word, None) for word in ("api_key", "api_base", "timeout", "headers")}
    call = {"optional_params": given, "litellm_params": {"metadata": given.pop("metadata", None)}, **about}
    try:
        ready = asked(api, "rerank", name, call)
        return response_of(await answered(api, replace(ready, request=replace(ready.request, reported=False))))
    except OrchestraError as error:
        found = translated(error, name)
        raise found from found.__cause__


def _by_name(theirs: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names; raises `TypeError` as the function itself would."""
    signature = inspect.signature(theirs)
    if "args" in signature.parameters:  # LiteLLM's `aembedding(*args, **kwargs)` takes what `embedding` takes
        signature = inspect.signature(getattr(litellm, theirs.__name__.removeprefix("a")))
    bound = signature.bind(*args, **options).arguments
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            bound |= bound.pop(parameter.name, {})
    return dict(bound)


def _named(api: MultiModelAPI, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments with every model that we know under our provider."""
    if any(given.get(mock) is not None for mock in MOCKS):
        return given
    name = _ours(api, given)
    if name is not None:
        given = {**given, "model": PREFIX + name}
        given.pop("custom_llm_provider", None)
        if not any(isinstance(tool, Mapping) and tool.get("type") == "mcp" for tool in given.get("tools") or ()):
            given.setdefault(NO_MCP, True)
    for several in ("fallbacks", "models"):
        if isinstance(given.get(several), list):
            given[several] = [_renamed(api, one) for one in given[several]]
    return given


def _renamed(api: MultiModelAPI, one: Any) -> Any:
    given = {"model": one} if isinstance(one, str) else dict(one) if isinstance(one, Mapping) else {}
    name = _ours(api, given)
    if name is None:
        return one
    return PREFIX + name if isinstance(one, str) else {**given, "model": PREFIX + name}


def _ours(api: MultiModelAPI, given: Mapping[str, Any]) -> str | None:
    """The name by which we know the model that is asked for; `None`: it is for LiteLLM alone."""
    model, provider = given.get("model"), given.get("custom_llm_provider")
    if not isinstance(model, str):
        return None
    if model.startswith(PREFIX):
        return model.removeprefix(PREFIX)
    if provider not in (None, PROVIDER) and not model.startswith(f"{provider}/"):
        model = f"{provider}/{model}"
    try:
        arm = api.tree.find(model)
    except ConfigError:
        return None
    if model in litellm.open_ai_chat_completion_models and arm.name not in api.tree.policies:
        model = f"openai/{model}"  # LiteLLM 1.90 calls these as OpenAI's, whatever their prefix
    for word in APART:
        model = model.replace(word, f"%{ord(word[0]):x}{word[1:]}")
    return model


async def _begun(stream: Any, model: str) -> None:
    """Wait for the first chunk: what fails before it is raised by the call, as LiteLLM's own does."""
    chunks = stream.completion_stream
    try:
        first = await anext(chunks, None)
    except MidStreamFallbackError as error:
        stream.completion_stream = _Failed(error)
        try:
            await anext(stream)  # LiteLLM's callbacks are told
        except MidStreamFallbackError:
            failure = error.__cause__
            found = translated(failure, model) if isinstance(failure, OrchestraError) else error
            raise found from found.__cause__
    else:
        stream.completion_stream = _joined(first, chunks)


async def _joined(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    try:
        if first is not None:
            yield first
        async for chunk in rest:
            yield chunk
    finally:
        await rest.aclose()  # type: ignore[attr-defined]  # it is a generator


class _Failed(AsyncIterator[Any]):
    """A stream that failed before its first chunk."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def __anext__(self) -> Any:
        raise self._error
