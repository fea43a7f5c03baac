"""A streamed answer as LiteLLM's chunks: one id, one role, the provider's usage, then one finish reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices

from orchestra.api import MultiModelAPI
from orchestra.dropin.errors import lazily
from orchestra.dropin.request import Asked, answered
from orchestra.dropin.response import cost_of, response_of, usage_of
from orchestra.errors import OrchestraError
from orchestra.stream import Stream, SyncStream
from orchestra.types import Chunk, Response, Sink


async def streamed(api: MultiModelAPI, asked: Asked) -> AsyncIterator[ModelResponseStream]:
    """The chunks of an answer; an error is of the member's class and passes LiteLLM's reader as it is."""
    chunks = _Chunks(asked.logging)
    async with Stream(lambda sink: _replaying(api, asked, sink)) as stream:
        try:
            async for chunk in stream:
                if chunk.raw is not None:
                    yield chunks.shown(chunk.raw)
        except OrchestraError as error:
            raise lazily(error, asked.name, "".join(chunks.said)) from error
        for last in chunks.tail(stream.response):
            yield last


def streamed_sync(api: MultiModelAPI, asked: Asked) -> Iterator[ModelResponseStream]:
    """The same for callers that are not async.

    It is open when it is returned: what fails before its first chunk is raised here, as an error of ours.
    """
    stream = SyncStream(lambda sink: _replaying(api, asked, sink))
    return _read(stream, next(stream, None), asked)


def _read(stream: SyncStream, first: Chunk | None, asked: Asked) -> Iterator[ModelResponseStream]:
    chunks = _Chunks(asked.logging)
    with stream:
        try:
            chunk = first
            while chunk is not None:
                if chunk.raw is not None:
                    yield chunks.shown(chunk.raw)
                chunk = next(stream, None)
        except OrchestraError as error:
            raise lazily(error, asked.name, "".join(chunks.said)) from error
        yield from chunks.tail(stream.response)


async def _replaying(api: MultiModelAPI, asked: Asked, sink: Sink) -> Response:
    """Run the tree; an answer that nobody could stream is replayed from its response, with all that is in it."""
    response = await answered(api, asked, sink)
    if not sink.started:
        for raw in _replayed(response):
            await sink.push(Chunk(raw=raw))
    return response


class _Chunks:
    """What is the same in every chunk of a stream, and what comes once."""

    def __init__(self, logging: Any) -> None:
        self.said: list[str] = []
        self._logging = logging
        self._first: ModelResponseStream | None = None

    def shown(self, raw: ModelResponseStream) -> ModelResponseStream:
        """A chunk as the reader sees it: with the id of the first, which alone has a role, and no finish reason."""
        begins = self._first is None
        if self._first is None:
            self._first = raw
        raw.id, raw.created = self._first.id, self._first.created
        for choice in raw.choices:
            choice.delta.role = "assistant" if begins else None
            choice.finish_reason = None
            self.said.append(choice.delta.content or "")
        return raw

    def tail(self, answer: Response) -> Iterator[ModelResponseStream]:
        """The usage on an empty delta, with the whole cost; then the finish reason, after which LiteLLM reads no more.

        LiteLLM shows the usage to who asked for it, and reckons with it.
        """
        if self._first is None:
            yield self.shown(self._empty(answer, said=""))
        usage, cost = usage_of(answer), cost_of(answer)
        usage.cost = cost
        if cost is not None:
            self._reckon(cost)
        yield self._empty(answer, usage=usage)
        finish = answer.raw.choices[0].finish_reason if answer.raw is not None else answer.finish_reason
        yield self._empty(answer, finish=finish or "stop")

    def _reckon(self, cost: float) -> None:
        """Have LiteLLM report this cost of the stream: 1.90 does not read `usage.cost`, and reckons by itself."""
        for name in ("_response_cost_calculator", "response_cost_calculator"):
            if hasattr(self._logging, name):
                setattr(self._logging, name, lambda *_, **__: cost)

    def _empty(
        self, answer: Response, finish: str | None = None, usage: Any = None, said: str | None = None
    ) -> ModelResponseStream:
        about: dict[str, Any] = {} if self._first is None else {"id": self._first.id, "created": self._first.created}
        model = answer.model if self._first is None else self._first.model
        choice = StreamingChoices(index=0, delta=Delta(content=said), finish_reason=finish)
        raw = ModelResponseStream(model=model, choices=[choice], **about)
        if usage is not None:
            raw.usage = usage
        return raw


def _replayed(answer: Response) -> Iterator[ModelResponseStream]:
    """A whole answer as one chunk for each of its choices."""
    raw = response_of(answer)
    for choice in raw.choices:
        message = choice.message.model_dump(exclude_none=True)
        for index, call in enumerate(message.get("tool_calls") or ()):
            call["index"] = index
        message.pop("role", None)
        if not any(message.values()):
            continue
        delta = Delta(**message)
        shown = StreamingChoices(index=choice.index, delta=delta, logprobs=getattr(choice, "logprobs", None))
        yield ModelResponseStream(id=raw.id, created=raw.created, model=raw.model, choices=[shown])
