"""A clock that is told the time."""

from __future__ import annotations

import asyncio


class FakeClock:
    """A clock that stands still until it is moved; `sleep` moves it. Both are parameters of nodes and of `Runtime`."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds

    async def sleep(self, seconds: float) -> None:
        """Move the clock by `seconds` at once, letting other tasks run."""
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)
