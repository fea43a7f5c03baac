"""The provider `orchestra` of LiteLLM: every policy and every model of ours by its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from weakref import WeakValueDictionary

import litellm

from orchestra.api import MultiModelAPI
from orchestra.door import door
from orchestra.dropin.errors import translated
from orchestra.dropin.peek import peek
from orchestra.dropin.request import Asked, answered, asked
from orchestra.dropin.response import response_of
from orchestra.dropin.stream import streamed, streamed_sync
from orchestra.errors import OrchestraError
from orchestra.types import Call


class Provider(litellm.CustomLLM):
    """Answers LiteLLM's calls of `orchestra/<name>` through a client of ours.

    Async calls run on the caller's event loop, sync ones on the background loop.
    """

    def __init__(self, api: MultiModelAPI) -> None:
        super().__init__()
        self.api = api
        self._retried: WeakValueDictionary[tuple[str, str], Exception] = WeakValueDictionary()

    def completion(self, *, model: str, **given: Any) -> Any:
        call = self._asked("chat", model, given)
        return door.run(lambda: self._answered(call))

    async def acompletion(self, *, model: str, **given: Any) -> Any:
        return await self._answered(self._asked("chat", model, given))

    def streaming(self, *, model: str, **given: Any) -> Iterator[Any]:
        call = self._asked("chat", model, given)
        try:
            return streamed_sync(self.api, call)
        except OrchestraError as error:
            failed = self._failed(error, call)
            raise failed from failed.__cause__

    def astreaming(self, *, model: str, **given: Any) -> AsyncIterator[Any]:
        call = self._asked("chat", model, given)
        try:
            peek(self.api, call.request)
        except OrchestraError as error:
            failed = self._failed(error, call)
            raise failed from failed.__cause__
        return streamed(self.api, call)

    def embedding(self, *, model: str, **given: Any) -> Any:
        call = self._asked("embedding", model, given)
        return door.run(lambda: self._answered(call))

    async def aembedding(self, *, model: str, **given: Any) -> Any:
        return await self._answered(self._asked("embedding", model, given))

    def _asked(self, call: Call, model: str, given: dict[str, Any]) -> Asked:
        _keep_in_service(given.get("logging_obj"))
        try:
            made = asked(self.api, call, model, given)
        except OrchestraError as error:
            found = translated(error, model)
            raise found from found.__cause__
        failed = self._retried.get((made.id, made.name))
        if failed is not None:
            raise failed
        return made

    async def _answered(self, asked: Asked) -> Any:
        try:
            return response_of(await answered(self.api, asked))
        except OrchestraError as error:
            failed = self._failed(error, asked)
            raise failed from failed.__cause__

    def _failed(self, error: OrchestraError, asked: Asked) -> Exception:
        """The error to raise; where we have retried, LiteLLM's own retries of the call get it at once.

        It asks again, by the same id, while it handles the error; by that id it asks `fallbacks` of another name too.
        """
        found = translated(error, asked.name)
        if asked.request.retries:
            self._retried[asked.id, asked.name] = found
        return found


def _keep_in_service(logging: Any) -> None:
    """Have a Router not leave the alias alone for what a member did: that is the policy's to know.

    It reads what a deployment's cool-down is from here; one that the user has set counts.
    """
    params = getattr(logging, "model_call_details", {}).get("litellm_params")
    if isinstance(params, dict) and params.get("cooldown_time") is None:
        params["cooldown_time"] = 0
