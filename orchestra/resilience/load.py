"""How many calls of each model are in flight."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from orchestra.types import Model, Request, Response


class Load:
    """Calls in flight by model, over all requests of a process, from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._flying: Counter[str] = Counter()

    def __call__(self, name: str) -> int:
        """How many calls of that model are in flight."""
        return self._flying[name]

    def add(self, name: str, calls: int) -> None:
        """So many more are in flight; -1 when one has ended."""
        with self._lock:
            self._flying[name] += calls


@dataclass(frozen=True, slots=True)
class Loaded:
    """Count the calls of `model` while they are in flight."""

    name: str
    model: Model
    load: Load = field(repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        self.load.add(self.name, 1)
        try:
            return await self.model(request)
        finally:
            self.load.add(self.name, -1)
