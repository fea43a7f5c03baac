"""A model that its provider has retired, and the one that took its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from orchestra.errors import NotFound, Refused
from orchestra.types import Failure, Model, Request, Response


@dataclass(frozen=True, slots=True)
class Retired:
    """Ask a retired model as it was asked for; when its provider says that it is gone, ask its successor.

    `on_retired="successor"` asks the successor at once, `"refuse"` raises `Refused` without a call.
    """

    name: str
    model: Model
    successor_name: str
    successor: Model
    on_retired: Literal["try", "successor", "refuse"] = "try"
    notice: Callable[[], None] | None = field(default=None, repr=False, compare=False)
    """Called before the model is asked."""

    async def __call__(self, request: Request) -> Response:
        if self.notice is not None:
            self.notice()
        if self.on_retired == "refuse":
            raise Refused(f"{self.name}: retired by its provider; use {self.successor_name!r}", model=self.name)
        if self.on_retired == "successor":
            response = await self.successor(request.at(self.successor_name))
            return self._noted(response, "retired")
        try:
            return await self.model(request)
        except NotFound as gone:
            response = await self.successor(request.at(self.successor_name))
            failure = Failure(name=self.name, error=gone)
            noted = self._noted(response, "gone from its provider")
            return replace(noted, sources=(failure, replace(response, sources=())))

    def _noted(self, response: Response, why: str) -> Response:
        note = f"{self.name} is {why}; its successor {self.successor_name} answered"
        return replace(response, note="; ".join(part for part in (note, response.note) if part))
