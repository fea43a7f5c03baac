"""Only so many requests a minute; the others wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from threading import Lock

from orchestra.errors import RateLimited
from orchestra.types import Model, Request, Response


class RateLimit:
    """So many requests in any minute, counted by a moving window for all threads and loops of the process."""

    def __init__(self, per_minute: int) -> None:
        from limits import RateLimitItemPerMinute
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        self.per_minute = per_minute
        self._item = RateLimitItemPerMinute(per_minute)
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._lock = Lock()

    def wait_s(self) -> float:
        """Take a place and return 0, or return the seconds until one may be free."""
        with self._lock:
            if self._window.hit(self._item):
                return 0.0
            reset = self._window.get_window_stats(self._item).reset_time
        return max(0.001, reset - time.time())  # noqa: TID251  # `limits` counts by the wall clock


@dataclass(frozen=True, slots=True)
class Limited:
    """Let a request through when `limit` has a place for it, waiting within its deadline.

    Raises `RateLimited` at once where the wait would end after the deadline; nothing was sent then.
    """

    model: Model
    limit: RateLimit = field(repr=False, compare=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        while wait_s := self.limit.wait_s():
            if request.deadline is not None and self.clock() + wait_s >= request.deadline:
                raise RateLimited(
                    f"our own limit of {self.limit.per_minute} requests a minute leaves no place before the deadline; "
                    "raise max_requests_per_minute or deadline_s",
                    retry_after_s=wait_s,
                )
            await self.sleep(wait_s)
        return await self.model(request)
