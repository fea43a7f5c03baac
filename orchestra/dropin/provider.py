"""The provider `orchestra` of LiteLLM: every policy and every model of ours by its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import litellm

from orchestra.api import MultiModelAPI
from orchestra.door import door
from orchestra.dropin.errors import translated
from orchestra.dropin.request import Asked, asked
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

    def completion(self, *, model: str, **given: Any) -> Any:
        call = self._asked("chat", model, given)
        return door.run(lambda: self._answered(call))

    async def acompletion(self, *, model: str, **given: Any) -> Any:
        return await self._answered(self._asked("chat", model, given))

    def streaming(self, *, model: str, **given: Any) -> Iterator[Any]:
        return streamed_sync(self.api, self._asked("chat", model, given))

    def astreaming(self, *, model: str, **given: Any) -> AsyncIterator[Any]:
        return streamed(self.api, self._asked("chat", model, given))

    def embedding(self, *, model: str, **given: Any) -> Any:
        call = self._asked("embedding", model, given)
        return door.run(lambda: self._answered(call))

    async def aembedding(self, *, model: str, **given: Any) -> Any:
        return await self._answered(self._asked("embedding", model, given))

    def _asked(self, call: Call, model: str, given: dict[str, Any]) -> Asked:
        try:
            return asked(self.api, call, model, given)
        except OrchestraError as error:
            raise translated(error, model) from error

    async def _answered(self, asked: Asked) -> Any:
        try:
            return response_of(await self.api.answer(asked.request, asked.deadline_s))
        except OrchestraError as error:
            raise translated(error, asked.name) from error
