"""A model that answers as it was told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal

from orchestra.errors import OrchestraError
from orchestra.types import Attempt, Basis, Chunk, Request, Response, Usage, Want, new_id

Step = str | Response | BaseException | Callable[[Request], "str | Response"]
"""What one call comes to: a text, a whole response, an error to raise, or a function of the request."""


class Scripted:
    """A model that answers each call with the next step of a script, and the last step from then on.

    It behaves like a leaf: it holds money, books every exit in the journal at `cost_usd`, and streams its text word by
    word into a sink. `delay_s` passes before each answer. `requests` are the calls that it had.
    """

    def __init__(
        self,
        steps: Iterable[Step] | Step = "ok",
        *,
        name: str = "scripted",
        cost_usd: Decimal | str | None = "0.001",
        delay_s: float = 0.0,
    ) -> None:
        single = isinstance(steps, (str, Response, BaseException)) or callable(steps)
        self._steps: list[Step] = [steps] if single else list(steps)  # type: ignore[list-item, arg-type]  # by `single`
        self.name = name
        self.cost_usd = None if cost_usd is None else Decimal(cost_usd)
        self.delay_s = delay_s
        self.requests: list[Request] = []

    def __repr__(self) -> str:
        return f"Scripted({self.name!r})"

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        step = self._steps[min(len(self.requests), len(self._steps)) - 1]
        want = Want(id=new_id(), request=request.id, model=self.name, provider="scripted", most_usd=self.cost_usd)
        (hold,) = await request.budgets.reserve([want])
        attempt = Attempt(
            id=want.id,
            request=request.id,
            path=request.path,
            call=request.call,
            name=self.name,
            model=self.name,
            provider="scripted",
            retry=request.retry,
            usage=Usage(1, 1, cost=self.cost_usd),
            task_type=request.task_type,
            tags=request.tags,
            labels=request.labels,
        )
        try:
            await asyncio.sleep(self.delay_s)
            response = self._response(step, request)
            await self._streamed(response, request)
        except BaseException as error:
            basis: Basis = "void" if isinstance(error, OrchestraError) else "reserved"
            usage = Usage(cost=Decimal(0)) if basis == "void" else attempt.usage
            failed = replace(attempt, error=type(error).__name__, basis=basis, usage=usage)
            request.journal.append(hold.book(failed))
            raise
        request.journal.append(hold.book(attempt))
        return replace(response, usage=attempt.usage)

    def _response(self, step: Step, request: Request) -> Response:
        if isinstance(step, BaseException):
            raise step
        answer = step if isinstance(step, (str, Response)) else step(request)
        if isinstance(answer, Response):
            return answer
        return Response(
            text=answer, result=answer, model=self.name, name=self.name, id=request.id, finish_reason="stop"
        )

    async def _streamed(self, response: Response, request: Request) -> None:
        if request.sink is not None:
            for piece in re.findall(r"\S+\s*", response.text):
                await request.sink.push(Chunk(text=piece))
