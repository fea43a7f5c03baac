"""What LiteLLM's streams do not tell: whether the provider has finished, and how to make it stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

ENDS = {"gemini/": "finishReason", "cohere/": "message-end", "cohere_chat/": "message-end"}
"""What a provider sends last, where LiteLLM's stream gives every answer, whole or cut, the same finish."""


class Upstream:
    """The connection below a LiteLLM stream of the model `model_id`."""

    def __init__(self, stream: Any, model_id: str) -> None:
        self._stream = stream
        self._end = next((end for prefix, end in ENDS.items() if model_id.startswith(prefix)), None)
        self._watched = False
        self._seen = False
        if self._end is not None:
            self._watch()

    @property
    def finished(self) -> bool:
        """The provider said that its answer is complete; LiteLLM gives one that was cut a finish reason of its own."""
        if self._end is not None:
            return self._seen or not self._watched
        names = ("received_finish_reason", "intermittent_finish_reason")
        return any(getattr(self._stream, name, "unknown") is not None for name in names)

    async def close(self) -> None:
        """Close it, so that the provider stops generating; LiteLLM's own `aclose` leaves some of them open."""
        inner = getattr(self._stream, "completion_stream", None)
        for part in (self._stream, getattr(inner, "streaming_response", None)):
            if part is not None and hasattr(part, "aclose"):
                with suppress(RuntimeError):  # a generator that is at work is closed by what it raises
                    await part.aclose()

    def _watch(self) -> None:
        """Look at the lines of the response as LiteLLM reads them."""
        if getattr(self._stream, "completion_stream", None) is not None:
            self._attach(self._stream.completion_stream)
            return
        connect = getattr(self._stream, "make_call", None)
        if connect is not None:

            async def watched(*args: Any, **options: Any) -> Any:
                inner = await connect(*args, **options)
                self._attach(inner)
                return inner

            self._stream.make_call = watched

    def _attach(self, inner: Any) -> None:
        lines = getattr(inner, "streaming_response", None)
        if hasattr(lines, "__aiter__"):
            self._watched = True
            inner.streaming_response = self._lines(lines)

    async def _lines(self, lines: Any) -> AsyncIterator[Any]:
        assert self._end is not None
        try:
            async for line in lines:
                text = line.decode("utf-8", "replace") if isinstance(line, bytes) else str(line)
                self._seen = self._seen or self._end in text
                yield line
        finally:
            if hasattr(lines, "aclose"):
                await lines.aclose()
