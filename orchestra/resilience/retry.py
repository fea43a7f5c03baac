"""Ask again after a failure that may pass."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from orchestra.errors import BudgetExceeded, RateLimited, TimedOut, Transient
from orchestra.types import Model, Request, Response

CAP_S = 60.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Ask `model` again after a `Transient` failure, waiting with full jitter in between.

    `max_retries` counts the retries of one request over all models. Each retry is a call of its own and costs money.
    One for which a budget has no room is not made. The wait is `random(0, delay_s * 2^n)`, never less than the
    provider's Retry-After; where it would end after the deadline the failure is raised at once. A timeout is not
    retried: the provider may have billed it. While others can still be asked (`request.alternatives`), a model gets
    one retry, and none when it asked us to slow down.
    """

    model: Model
    max_retries: int = 2
    delay_s: float = 1.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False, compare=False)
    uniform: Callable[[float, float], float] = field(default=random.uniform, repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        tries = 0
        failed: Transient | None = None
        while True:
            try:
                return await self.model(replace(request, retry=tries))
            except BudgetExceeded as full:  # no room for another try: the failure of the last one stands
                raise (failed or full) from (failed or full).__cause__
            except Transient as error:
                failed = error
                wait_s = self._wait_s(request, error, tries)
                if wait_s is None:
                    raise
            await self.sleep(wait_s)
            tries += 1

    def _wait_s(self, request: Request, error: Transient, tries: int) -> float | None:
        """Seconds to wait before the next try; `None`: there is none."""
        spent = sum(attempt.retry > 0 for attempt in request.journal)
        allowed = self.max_retries if request.retries is None else request.retries
        if spent >= allowed or request.started or isinstance(error, TimedOut):
            return None
        if request.alternatives and (tries or isinstance(error, RateLimited)):
            return None
        wait_s = self.uniform(0, min(CAP_S, self.delay_s * 2**tries))
        wait_s = max(wait_s, error.retry_after_s or 0)
        if request.deadline is not None and self.clock() + wait_s >= request.deadline:
            return None
        return wait_s
