"""One request to the stand-in, from its first byte to the last of its answer."""

import asyncio
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from orchestra.testing.provider.behaviour import Answer, Failure, Fault, Raw, Script
from orchestra.testing.provider.books import Books, Record
from orchestra.testing.provider.call import Call
from orchestra.testing.provider.generation import Generation, generate
from orchestra.testing.provider.wire import Frame, Wire, share

SPOILT_BODIES: Mapping[Fault, tuple[bytes, str]] = {
    Fault.MALFORMED_JSON: (b'{"id": "stand-in", "choices": [{"index": 0, "mess', "application/json"),
    Fault.HTML: (b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html"),
    Fault.EMPTY_BODY: (b"", "application/json"),
}
BREAKS = frozenset({Fault.HANG, Fault.DROP, Fault.CUT, Fault.ERROR_IN_200})
"""Faults that can strike a stream on its way."""


@dataclass(frozen=True)
class Exchange:
    """A request that came for one provider (`path` is without its prefix), and what is needed to answer it."""

    number: int
    wire: Wire
    path: str
    request: web.Request
    raw: bytes
    script: Script
    books: Books
    strict: bool

    async def run(self) -> web.StreamResponse:
        """Answer the request, and keep the books while doing so."""
        headers = {name.lower(): value for name, value in self.request.headers.items()}
        body = _json(self.raw)
        call = self._understand(headers, body)
        self._open(headers, body, call)
        try:
            return await self._error(call) if isinstance(call, Failure) else await self._answer(call)
        except (asyncio.CancelledError, ConnectionError):
            self._note(closed_early=True)
            raise
        finally:
            self._note(ended=True)

    def _understand(self, headers: dict[str, str], body: object) -> Call | Failure:
        operation = self.wire.operation(self.path)
        if operation is None:
            return Failure(Fault.NOT_FOUND, message=f"{self.wire.name} has nothing at {self.path}")
        if not isinstance(body, dict):
            return Failure(Fault.BAD_REQUEST, message="the body is not a JSON object")
        if objection := self.wire.objection(operation, headers, body, self.strict):
            return objection
        model = self.wire.model(self.path, body)
        return self.wire.read(Call(self.number, self.wire.name, operation, model, self.path, headers, body))

    def _open(self, headers: dict[str, str], body: Any, call: Call | Failure) -> None:
        named = self.wire.model(self.path, body) if isinstance(body, dict) else ""
        operation = self.wire.operation(self.path) or ""
        stream = isinstance(call, Call) and call.stream
        self.books.open(Record(self.number, self.wire.name, operation, named, self.path, headers, body, stream))

    async def _answer(self, call: Call) -> web.StreamResponse:
        behaviour = self.script.decide(call)
        reply = behaviour(call) if callable(behaviour) else behaviour
        reply = await reply if inspect.isawaitable(reply) else reply
        match reply:
            case Raw():
                self._note(status=reply.status)
                return web.Response(body=reply.body, status=reply.status, headers=reply.headers)
            case Failure():
                return await self._fail(call, reply)
            case Fault():
                return await self._fail(call, Failure(reply))
            case str():
                return await self._generate(call, Answer(text=reply), None)
            case Answer():
                return await self._generate(call, reply, None)

    async def _fail(self, call: Call, failure: Failure) -> web.StreamResponse:
        if failure.fault in self.wire.statuses:
            return await self._error(failure)
        return await self._generate(call, failure.answer, failure)

    async def _error(self, failure: Failure) -> web.StreamResponse:
        await asyncio.sleep(failure.answer.delay_s)
        status, body = self.wire.error(failure)
        wait = {} if failure.retry_after_s is None else {"Retry-After": f"{failure.retry_after_s:g}"}
        self._note(status=status)
        return web.json_response(body, status=status, headers=wait)

    async def _generate(self, call: Call, answer: Answer, failure: Failure | None) -> web.StreamResponse:
        fault = failure.fault if failure else None
        if fault is Fault.NO_CONTENT or (fault is Fault.NO_CHOICES and call.stream):
            answer = replace(answer, text="", tool_calls=(), reasoning="")
        if fault is Fault.NO_USAGE:
            answer = replace(answer, report_usage=False)
        generation = generate(call, answer)
        no_headers = failure and failure.after_chunks is None and fault in (Fault.HANG, Fault.DROP)
        if call.stream and not no_headers and fault not in SPOILT_BODIES:
            return await self._stream(call, answer, generation, failure if fault in BREAKS else None)
        return await self._whole(call, answer, generation, failure)

    async def _whole(
        self, call: Call, answer: Answer, generation: Generation, failure: Failure | None
    ) -> web.StreamResponse:
        fault = failure.fault if failure else None
        if fault is not Fault.ERROR_IN_200:
            self._bill(generation, generation.output_tokens)
        await asyncio.sleep(answer.delay_s)
        match fault:
            case Fault.HANG:
                await _forever()
            case Fault.DROP:
                return self._drop(web.Response())
        self._note(status=200)
        if fault is not None and fault in SPOILT_BODIES:
            data, kind = SPOILT_BODIES[fault]
            return web.Response(body=data, content_type=kind)
        body = self.wire.plain(call, generation)
        if failure and fault is Fault.ERROR_IN_200:
            body = self.wire.error(failure)[1]
        if fault is Fault.NO_CHOICES:
            body |= {name: type(body[name])() for name in self.wire.content_fields if name in body}
        text = json.dumps(body)
        return web.json_response(text=text[: len(text) // 2] if fault is Fault.CUT else text)

    async def _stream(
        self, call: Call, answer: Answer, generation: Generation, failure: Failure | None
    ) -> web.StreamResponse:
        frames = list(self.wire.frames(call, generation))
        total, sent = sum(frame.part == "content" for frame in frames), 0
        self._bill(generation, 0)
        await asyncio.sleep(answer.delay_s)
        response = web.StreamResponse(headers={"Content-Type": self.wire.stream_type})
        await response.prepare(self.request)
        self._note(status=200)
        for frame in frames:
            if failure and _strikes(failure, frame, sent):
                return await self._break(response, failure)
            if frame.part == "content":
                await asyncio.sleep(answer.chunk_delay_s)
                sent += 1
                self._note(chunks=sent, output_tokens=share(generation, sent, total))
            await response.write(frame.data)
        self._note(output_tokens=generation.output_tokens, ended=True)
        await response.write_eof()
        return response

    async def _break(self, response: web.StreamResponse, failure: Failure) -> web.StreamResponse:
        match failure.fault:
            case Fault.HANG:
                await _forever()
            case Fault.DROP:
                return self._drop(response)
            case Fault.ERROR_IN_200:
                await response.write(self.wire.error_frame(failure))
        self._note(ended=True)
        await response.write_eof()
        return response

    def _drop(self, response: web.StreamResponse) -> web.StreamResponse:
        self._note(ended=True)
        if self.request.transport is not None:
            self.request.transport.close()
        return response

    def _bill(self, generation: Generation, output_tokens: int) -> None:
        self._note(
            input_tokens=generation.input_tokens,
            output_tokens=output_tokens,
            cached_tokens=generation.cached_tokens,
            reasoning_tokens=generation.reasoning_tokens,
        )

    def _note(self, **changes: Any) -> None:
        self.books.amend(self.number, **changes)


def _strikes(failure: Failure, frame: Frame, sent: int) -> bool:
    return frame.part == "tail" or (frame.part == "content" and sent >= (failure.after_chunks or 0))


async def _forever() -> None:
    await asyncio.Event().wait()


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw or b"{}")
    except ValueError:
        return None
