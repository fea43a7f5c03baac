"""A model that fails is left alone for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from orchestra.errors import Denied, ModelError, Transient
from orchestra.types import Model, Request, Response

COOLDOWN_S = 30.0


class Cooldowns:
    """Which models are cooling down, and until when; shared by all requests of a process, from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = Lock()

    def start(self, name: str, seconds: float) -> None:
        """Leave `name` alone for `seconds`; a longer cool-down that is under way stays."""
        with self._lock:
            self._until[name] = max(self._until.get(name, 0.0), self._clock() + seconds)

    def end(self, name: str) -> None:
        """`name` has answered: it is well again."""
        with self._lock:
            self._until.pop(name, None)

    def left_s(self, name: str) -> float:
        """Seconds for which `name` still cools down; 0 when it does not."""
        until = self._until.get(name)
        return 0.0 if until is None else max(0.0, until - self._clock())


@dataclass(frozen=True, slots=True)
class Cooled:
    """Note when `model` fails, so that routes pass it over: for its Retry-After, else 30 s.

    It never stands in the way itself: a model that is asked by name, or the last that is left, is asked.
    """

    name: str
    model: Model
    cooldowns: Cooldowns = field(repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        try:
            response = await self.model(request)
        except ModelError as error:
            if error.model and isinstance(error, (Transient, Denied)):  # our own limits name no model
                self.cooldowns.start(self.name, COOLDOWN_S if error.retry_after_s is None else error.retry_after_s)
            raise
        self.cooldowns.end(self.name)
        return response
