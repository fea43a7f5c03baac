"""One call in the making: what is sent, what came, and the attempt that is booked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from orchestra.errors import BudgetBusy, BudgetExceeded, Cut, OrchestraError, TimedOut, Unavailable
from orchestra.events import CALL_FINISHED, emit
from orchestra.llm.answers import carries, checked, chunk_of, citations_of, parsed, result_of, text_of, usage_of
from orchestra.llm.arguments import arguments, asked_for_usage, dropped, own_access, streamed
from orchestra.llm.bound import MESSAGE_TOKENS, most_of, most_usd, output_cap
from orchestra.llm.cost import by_rates, cost_of
from orchestra.llm.counting import counted, plausible
from orchestra.llm.faults import basis_of, translated
from orchestra.llm.upstream import Upstream
from orchestra.tokens import estimated_tokens
from orchestra.types import Attempt, Basis, Chunk, Hold, Request, Response, Sink, Usage, Want, new_id

if TYPE_CHECKING:
    from orchestra.llm.leaf import Leaf

LONGEST = 1_000_000
LATE_S = 0.5
"""What LiteLLM's own timeout is given to come first: it says more, and it is the error that callers know."""

SAYING_S = 0.1
"""What a wait for money leaves of the deadline, so that the refusal comes before it."""

T = TypeVar("T")


class OneCall:
    """One call in the making: what is sent, what came, and the attempt that is booked for it."""

    def __init__(self, leaf: Leaf, litellm: Any, request: Request) -> None:
        self.model, self.litellm, self.request = leaf.model, litellm, request
        self.clock, self.wall = leaf.clock, leaf.wall
        self.default_max_tokens, self.price = leaf.default_max_tokens, leaf.price
        self.id = new_id()
        self.refused: frozenset[str] = frozenset()
        self.text: list[str] = []
        self.sent: dict[str, Any] = {}
        self.most_usd: Decimal | None = None
        self.first_token_s: float | None = None
        self.served: str | None = None
        self.usage: Usage | None = None
        self.basis: Basis = "usage"
        self.begun = leaf.clock()
        self.started_at = leaf.wall()

    async def prepare(self) -> None:
        self.sent = arguments(self.model, self.request, self.refused)
        address = await self.model.address() if self.model.address else self.model.url(self.request.call)
        own = own_access(self.model, self.request)
        address = own.api_base if own is not None and own.api_base else address
        if address is not None:
            self.sent["api_base"] = address
        given = self.request.params.get("timeout")
        if given is not None:
            self.sent["timeout"] = given
        if self.request.budgets.bounded and self.request.call == "chat" and output_cap(self.sent) is None:
            self.sent["max_tokens"] = min(self.model.card.output_tokens or LONGEST, self.default_max_tokens)
        self.most_usd = most_usd(self.model, self.sent, self.request.call)

    async def hold(self) -> Hold:
        """Hold the most that the call can cost; where the quick bound does not fit, an exact count may."""
        try:
            (hold,) = await self.request.budgets.reserve([self._want()])
        except BudgetExceeded as full:
            if isinstance(full, BudgetBusy) or not await self._bounded_exactly():
                raise
            (hold,) = await self.request.budgets.reserve([self._want()])
        return hold

    def _want(self) -> Want:
        return Want(
            id=self.id,
            request=self.request.id,
            model=self.model.model,
            provider=self.model.provider,
            most_usd=self.most_usd,
            free=self.model.card.free,
            tags=self.request.tags,
            deadline=None if self.request.deadline is None else self.request.deadline - SAYING_S,
        )

    async def _bounded_exactly(self) -> bool:
        """Count the tokens of a plain text for a model whose tokenizer is at hand; True when that lowers the bound."""
        content = [message.get("content") for message in self.sent.get("messages") or ()]
        plain = all(isinstance(text, str) for text in content) and not self.sent.get("tools")
        if self.most_usd is None or self.model.provider != "openai" or not content or not plain:
            return False
        tokens = await asyncio.to_thread(self.litellm.token_counter, self.model.model, messages=self.sent["messages"])
        exact = most_usd(self.model, self.sent, "chat", tokens + MESSAGE_TOKENS * len(content))
        if exact is None or exact >= self.most_usd:
            return False
        self.most_usd = exact
        return True

    async def made(self, hold: Hold) -> Response:
        """Make the call; whatever happens, the hold is booked and the journal has its line."""
        self.begun, self.started_at = self.clock(), self.wall()
        try:
            raw = await self._answered()
            self.served = getattr(raw, "model", None)
            self.usage = await self._counted(raw)
            response = self._response(raw, self.usage)
        except Exception as error:
            ours = translated(error, self.model)
            if self.request.started and not isinstance(ours, Cut):
                ours = self._cut(str(ours))
            self._book(hold, basis_of(ours), ours)
            if ours is error:
                raise
            raise ours from error
        except BaseException as stopped:  # a cancelled call may have been answered, and billed, unread
            self._book(hold, "estimated" if self.text else "reserved", stopped)
            raise
        attempt = self._book(hold, self.basis, None)
        return replace(response, latency_s=attempt.latency_s, usage=attempt.usage)

    async def _answered(self) -> Any:
        try:
            return await self._sent()
        except Exception as error:
            names = self._refused_by(error)
            if not names:
                raise
            # LiteLLM refused a configured parameter before it sent anything: leave it out and ask again.
            self.refused |= names
            await self.prepare()
            return await self._sent()

    async def _sent(self) -> Any:
        match self.request.call:
            case "embedding":
                return await self._timed(self.litellm.aembedding(**self.sent))
            case "rerank":
                return await self._timed(self.litellm.arerank(**self.sent))
            case "chat" if self.request.sink is not None and streamed(self.model, self.request):
                return await self._streamed(self.request.sink)
            case "chat":
                return await self._timed(self.litellm.acompletion(**self.sent))

    async def _streamed(self, sink: Sink) -> Any:
        stream = await self._timed(self.litellm.acompletion(**self.sent))
        upstream = Upstream(stream, self.model.model)
        chunks: list[Any] = []
        hidden = not asked_for_usage(self.request)
        try:
            parts = aiter(stream)
            while (raw := await self._timed(anext(parts, None))) is not None:
                chunks.append(raw)
                chunk = chunk_of(raw)
                if chunk.text or chunk.reasoning or chunk.tool_calls or carries(raw, sink.started):
                    if self.first_token_s is None:
                        self.first_token_s = self.clock() - self.begun
                    self.text.append(chunk.text)
                    await sink.push(replace(chunk, raw=_shown(raw, hidden)))
        finally:
            await asyncio.shield(upstream.close())
        if not upstream.finished:
            raise self._cut("the stream ended without a finish reason")
        # Where a provider reported no usage, LiteLLM puts an estimate of its own into the last chunk.
        if not any(getattr(part, "usage", None) for part in getattr(stream, "chunks", chunks)):
            self.basis = "counted"
        if not hidden and sink.started and getattr(chunks[-1], "usage", None) is not None:
            await sink.push(Chunk(raw=chunks[-1]))
        return self._whole(chunks)

    def _whole(self, chunks: list[Any]) -> Any:
        """The answer that the chunks make; by the model's bare name LiteLLM would print to standard output."""
        served, chunks[0].model = chunks[0].model, self.model.model
        whole = self.litellm.stream_chunk_builder(chunks, messages=self.sent["messages"])
        whole.model = chunks[0].model = served
        return whole

    async def _timed(self, waiting: Awaitable[T]) -> T:
        limit = self.sent["timeout"]
        scope: AbstractAsyncContextManager[Any] = (
            asyncio.timeout(limit + LATE_S) if isinstance(limit, (int, float)) else nullcontext()
        )
        try:
            async with scope:
                return await waiting
        except TimeoutError as error:
            about: dict[str, Any] = {"model": self.model.model, "provider": self.model.provider}
            raise TimedOut(f"{self.model.name}: no answer within {limit:g} s", **about) from error

    def _cut(self, why: str) -> OrchestraError:
        about: dict[str, Any] = {"model": self.model.model, "provider": self.model.provider}
        text = "".join(self.text)
        if not self.request.started:
            return Unavailable(f"{self.model.name}: the stream broke before it began: {why}", **about)
        return Cut(f"{self.model.name}: the stream broke after {len(text)} characters: {why}", text=text, **about)

    def _refused_by(self, error: Exception) -> frozenset[str]:
        if type(error).__name__ != "UnsupportedParamsError":
            return frozenset()
        own = set(self.model.params) - set(self.request.params) - self.refused
        return frozenset(name for name in own if name in str(error))

    async def _counted(self, raw: Any) -> Usage:
        """What the provider counted, or what we count where it did not; with its cost.

        Where neither can be had of a call with a bound, it is booked at the bound: a model that reasons writes what
        nobody else sees.
        """
        call, usage = self.request.call, usage_of(raw)
        if self.basis == "usage" and plausible(usage, raw, call):
            usage = replace(usage, cost=cost_of(self.litellm, raw, usage, self.model, call))
        elif self.most_usd is None or "reasoning" not in self.model.card.abilities:
            self.basis = "counted"
            ours = await asyncio.to_thread(counted, self.litellm, self.sent, raw, call, usage)
            usage = usage if ours is None else replace(ours, cost=most_of(self.model, self.sent, call, ours))
        if usage.cost is None and self.most_usd is not None:
            self.basis = "reserved"
            return replace(usage, cost=self.most_usd, upper_bound=self.most_usd)
        return usage

    def _response(self, raw: Any, usage: Usage) -> Response:
        left_out = dropped(self.model, self.request, self.refused)
        note = f"left out {', '.join(left_out)}, which {self.model.name} refuses" if left_out else ""
        basic = Response(
            text="", model=self.model.model, name=self.model.name, raw=raw, usage=usage, id=self.request.id, note=note
        )
        if self.request.call != "chat":
            return replace(basic, result=result_of(raw, self.request.call))
        message = checked(raw, self.model)
        text = text_of(message)
        asks = message.tool_calls and not text  # it has not answered yet
        structured, wrong = (None, "") if asks else parsed(text, self.request.params.get("response_format"))
        finish = raw.choices[0].finish_reason
        cut = "cut at max_tokens" if finish == "length" else ""
        return replace(
            basic,
            text=text,
            result=text if structured is None else structured,
            parsed=structured,
            success=not wrong and not cut,
            note="; ".join(part for part in (note, wrong, cut) if part),
            tool_calls=tuple(message.tool_calls or ()),
            citations=citations_of(raw, message),
            reasoning=getattr(message, "reasoning_content", None) or "",
            finish_reason=finish,
        )

    def _book(self, hold: Hold, basis: Basis, error: BaseException | None) -> Attempt:
        if self.usage is not None:  # an answer that is no answer is billed all the same
            usage, basis = self.usage, self.basis
        else:
            usage = self._unknown(basis)
        attempt = Attempt(
            id=self.id,
            request=self.request.id,
            path=self.request.path,
            call=self.request.call,
            name=self.model.name,
            model=self.model.model,
            provider=self.model.provider,
            retry=self.request.retry,
            usage=usage,
            basis=basis,
            started_at=self.started_at,
            latency_s=self.clock() - self.begun,
            first_token_s=self.first_token_s,
            error=None if error is None else type(error).__name__,
            status=getattr(error, "status", None),
            served=self.served,
            task_type=self.request.task_type,
            tags=self.request.tags,
            labels={**self.request.labels, "price": self.price},
        )
        attempt = hold.book(attempt)
        self.request.journal.append(attempt)
        usage = attempt.usage
        emit(
            CALL_FINISHED,
            request=self.request.id,
            attempt=self.id,
            model=attempt.model,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=None if usage.cost is None else str(usage.cost),
            latency_s=round(attempt.latency_s, 4),
            basis=attempt.basis,
            error=attempt.error,
        )
        return attempt

    def _unknown(self, basis: Basis) -> Usage:
        """The usage of a call that the provider did not count: nothing, its upper bound, or an estimate below that."""
        if basis == "void":
            return Usage(cost=Decimal(0))
        bound = Usage(cost=self.most_usd, upper_bound=self.most_usd or Decimal(0))
        if basis != "estimated":
            return bound
        prompt = "".join(text_of(message) for message in self.sent.get("messages") or ())
        received = estimated_tokens("".join(self.text))
        usage = Usage(estimated_tokens(prompt), received + received // 10 + 1)
        cost = by_rates(self.model.card.row, usage)
        if self.most_usd is not None and (cost is None or cost > self.most_usd):
            return replace(bound, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        return replace(usage, cost=Decimal(0) if self.model.card.free else cost)


def _shown(raw: Any, hide_usage: bool) -> Any:
    """A copy of a chunk for the reader, without the usage that only we asked for."""
    shown = raw.model_copy()
    if hide_usage and getattr(shown, "usage", None) is not None:
        shown.usage = None
    return shown
