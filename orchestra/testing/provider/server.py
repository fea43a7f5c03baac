"""The stand-in itself: a server on loopback, in a thread of its own."""

import asyncio
import itertools
import threading
from types import TracebackType
from typing import Self

from aiohttp import web

from orchestra.testing.provider.behaviour import Script
from orchestra.testing.provider.books import Books, Record
from orchestra.testing.provider.call import Operation
from orchestra.testing.provider.exchange import Exchange
from orchestra.testing.provider.wires import WIRES

PROVIDERS = tuple(WIRES)
"""LiteLLM's names of the providers that are stood in for."""


class Provider(Script):
    """Every provider at once, on 127.0.0.1: it speaks each one's wire format, does as it is told, and keeps books.

    A context manager, or `start` and `stop` it. With `strict`, a field that the real provider does not know is refused.

        with Provider() as provider:
            provider.reply("hello")
            litellm.completion("groq/m", messages, api_base=provider.api_base("groq"), api_key="x")
            assert provider.calls[-1].output_tokens == 1
    """

    def __init__(self, *, strict: bool = True) -> None:
        super().__init__()
        self._strict = strict
        self._books = Books()
        self._numbers = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None
        self.url = ""
        """`http://127.0.0.1:PORT`; empty until it is started."""

    def start(self) -> Self:
        """Listen on a free port."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self._loop,), name="provider stand-in", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def stop(self) -> None:
        """Close all connections, whatever is on them, and the port. The books stay."""
        if self._loop is None or self._thread is None or self._runner is None:
            return
        self._books.close()
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop = self._thread = self._runner = None

    def reset(self) -> None:
        """Begin anew at the same address: no rules, empty books. A request on its way keeps the books that it is in."""
        self.forget()
        self._books = Books()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def api_base(self, provider: str, operation: Operation = "chat") -> str:
        """The `api_base` that LiteLLM wants; a ValueError where the provider is unknown or has no such operation."""
        if provider not in WIRES:
            raise ValueError(f"no provider named {provider!r}; there are {', '.join(PROVIDERS)}")
        bases = WIRES[provider].bases
        if operation not in bases:
            raise ValueError(f"{provider} has no {operation}; it has {', '.join(bases)}")
        return f"{self.url}/{provider}{bases[operation]}"

    @property
    def calls(self) -> tuple[Record, ...]:
        """The books: every request so far, oldest first."""
        return self._books.records()

    @property
    def in_flight(self) -> int:
        """How many requests are being answered now."""
        return sum(not record.ended for record in self.calls)

    def arrived(self, count: int, timeout_s: float = 10.0) -> tuple[Record, ...]:
        """Block until so many requests have come in all; raises TimeoutError."""
        return self._books.wait(lambda records: len(records) >= count, timeout_s)

    def settled(self, timeout_s: float = 10.0) -> tuple[Record, ...]:
        """Block until every request that came has ended, so that the books are final; raises TimeoutError.

        A coroutine awaits it in a thread (`asyncio.to_thread`): its own event loop may have connections yet to close.
        """
        return self._books.wait(lambda records: all(record.ended for record in records), timeout_s)

    async def _open(self) -> None:
        application = web.Application(client_max_size=64 * 2**20)
        application.router.add_route("*", "/{provider}{path:/.*}", self._handle)
        self._runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        wire = WIRES.get(request.match_info["provider"])
        if wire is None:
            raise web.HTTPNotFound(text=f"no provider at {request.path!r}; there are {', '.join(PROVIDERS)}")
        path, body = request.match_info["path"], await request.read()
        return await Exchange(next(self._numbers), wire, path, request, body, self, self._books, self._strict).run()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()
