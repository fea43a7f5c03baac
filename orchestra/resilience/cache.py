"""The answer to an equal request, given again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from orchestra.errors import AllFailed, Cut, ModelError
from orchestra.events import CACHE_HIT, emit
from orchestra.resilience.entry import Answer, recalled, written
from orchestra.resilience.flight import Ahead, Flights
from orchestra.resilience.key import identity_of, key_of, reads_facts
from orchestra.resilience.store import Store
from orchestra.types import Attempt, Model, Request, Response, new_id

DAY_S = 86_400.0
PRIVATE = "private"
CUT = ("length", "content_filter")

Landed = tuple[Answer, str | None] | ModelError
"""An answer, with its text where it can be written down; or the failure of the one call that was made."""


@dataclass(frozen=True, slots=True)
class Cached:
    """Give the answer of `model` to an equal request again, for `ttl_s` seconds after it came.

    Equal is what asks the same of the same models: kind of call, messages, parameters, `sample`, and what a route
    reads where there is one. Identical calls in flight are made once, over all tasks, threads and event loops; each
    caller gets the failure of that call as its own. A hit costs nothing and is booked with what it saved; a stream is
    replayed. Failures, cut and unsuccessful answers and what is not JSON are not kept; nor is a request with
    `cache=False` (or LiteLLM's `cache={"no-cache": True}`) or the tag `private`, which is neither looked up nor joined.
    """

    model: Model
    store: Store = field(repr=False, compare=False)
    ttl_s: float = DAY_S
    flights: Flights[Landed] = field(default_factory=Flights, repr=False, compare=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)
    wall: Callable[[], float] = field(default=time.time, repr=False, compare=False)  # noqa: TID251  # it is the clock
    _identity: str = field(init=False, repr=False, compare=False)
    _facts: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_identity", identity_of(self.model))
        object.__setattr__(self, "_facts", reads_facts(self.model))

    async def __call__(self, request: Request) -> Response:
        key = None if _private(request) else key_of(self._identity, self._facts, request)
        if key is None:
            return await self.model(request)
        begun = self.clock()
        while True:
            flight, leads = self.flights.board(key)
            if leads:
                return await self._led(key, flight, request, begun)
            how = "hit" if flight.done() else "joined"  # an answer that came is there until it is written down
            if how == "joined":
                await request.budgets.reserve(())  # siblings that reserve together are not to wait for this one
            landed = await asyncio.wrap_future(flight)
            match landed:
                case None:
                    continue
                case ModelError():
                    raise _own(landed) from landed.__cause__
                case answer, text:
                    own = answer if text is None else await recalled(text, request)
                    if own is None or not self._fresh(own):
                        return await self.model(request)
                    return self._hit(own, request, begun, how)

    async def _led(self, key: str, flight: Future[Landed | None], request: Request, begun: float) -> Response:
        if request.sink is None:
            return await self._flown(key, flight, request, begun)
        async with Ahead(request.sink) as sink:
            return await self._flown(key, flight, replace(request, sink=sink), begun)

    async def _flown(self, key: str, flight: Future[Landed | None], request: Request, begun: float) -> Response:
        """The kept answer or a new one, for all who wait for it."""
        made = len(request.journal)
        try:
            answer, text = await self._found(key, request)
            hit = answer is not None
            if answer is None:
                answer = self._answer(await self.model(request), request, made)
                text = written(answer, request)
        except BaseException as error:
            self.flights.end(key)
            flight.set_result(error if isinstance(error, ModelError) and not isinstance(error, Cut) else None)
            raise
        flight.set_result((answer, text))
        if not hit and text is not None and _whole(answer.response):
            self.store.put(key, text, self.ttl_s).add_done_callback(lambda _: self.flights.end(key))
        else:
            self.flights.end(key)
        return self._hit(answer, request, begun, "hit") if hit else answer.response

    async def _found(self, key: str, request: Request) -> tuple[Answer | None, str | None]:
        text = await self.store.get(key)
        answer = None if text is None else await recalled(text, request)
        return (answer, text) if answer is not None and self._fresh(answer) else (None, None)

    def _fresh(self, answer: Answer) -> bool:
        return 0 <= self.wall() - answer.at < self.ttl_s

    def _answer(self, response: Response, request: Request, made: int) -> Answer:
        """A new answer, with what the calls since the `made`-th of the journal came to; others may write there too."""
        own = [attempt for attempt in request.journal[made:] if attempt.path[: len(request.path)] == request.path]
        by = next((attempt for attempt in reversed(own) if attempt.success and attempt.model == response.model), None)
        return Answer(
            response=response,
            at=self.wall(),
            cost_usd=_worth(own) if own else response.usage.cost,
            provider=by.provider if by else "",
            served=by.served if by else None,
        )

    def _hit(self, answer: Answer, request: Request, begun: float, how: str) -> Response:
        """The answer as it is given again: booked at nothing, with what it saved."""
        response = answer.response
        latency_s = self.clock() - begun
        attempt = Attempt(
            id=new_id(),
            request=request.id,
            path=request.path,
            call=request.call,
            name=response.name,
            model=response.model,
            provider=answer.provider,
            served=answer.served,
            retry=request.retry,
            usage=replace(response.usage, cost=Decimal(0), upper_bound=Decimal(0)),
            started_at=self.wall() - latency_s,
            latency_s=latency_s,
            task_type=request.task_type,
            tags=request.tags,
            labels={**request.labels, "cache": how},
            saved=answer.cost_usd or Decimal(0),
        )
        request.journal.append(attempt)
        request.budgets.note(attempt)
        emit(
            CACHE_HIT,
            request=request.id,
            attempt=attempt.id,
            model=attempt.model,
            how=how,
            saved_usd=str(attempt.saved),
            latency_s=round(latency_s, 4),
        )
        age_s = max(0.0, self.wall() - answer.at)
        said = f"from the cache, {age_s:.0f} s old" if how == "hit" else "an identical call was in flight"
        note = "; ".join(part for part in (said, response.note) if part)
        return replace(response, usage=attempt.usage, latency_s=latency_s, note=note, id=request.id)


def _worth(attempts: Sequence[Attempt]) -> Decimal | None:
    """What the attempts would cost if they were made again; `None` when the price of one is not known."""
    costs = [None if attempt.usage.cost is None else attempt.usage.cost + attempt.saved for attempt in attempts]
    return sum((cost for cost in costs if cost is not None), Decimal(0)) if None not in costs else None


def _own(error: ModelError) -> ModelError:
    """The same error for another caller: a traceback and a journal are each caller's own."""
    args: tuple[Any, ...] = (error.message, error.exceptions) if isinstance(error, AllFailed) else error.args
    own = type(error).__new__(type(error), *args)
    vars(own).update({**vars(error), "journal": ()})
    return own


def _private(request: Request) -> bool:
    """The request is not to be kept."""
    wish = request.params.get("cache")
    if isinstance(wish, Mapping):
        return bool(wish.get("no-cache") or wish.get("no-store"))
    return wish is False or PRIVATE in request.tags


def _whole(response: Response) -> bool:
    return response.success and response.finish_reason not in CUT
