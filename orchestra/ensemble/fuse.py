"""Ask several, and make one answer of what they say."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from orchestra.ensemble.members import ask
from orchestra.ensemble.records import Records
from orchestra.ensemble.synthesis import Synthesis
from orchestra.errors import Unavailable
from orchestra.types import Model, Request, Response


@dataclass(frozen=True, slots=True)
class Fuse:
    """Ask all `models`, (name, model) pairs, and fuse what they answer.

    Where the request or `records` asks for JSON, or more than half of the answers are JSON, they are merged field by
    field; other texts are what `synthesis` writes one answer from. Costs the calls of all members, and at most one
    more. Raises `Unavailable` where JSON is asked for and none came, the error of a single member, `AllFailed` of
    several, where none answers.
    """

    models: tuple[tuple[str, Model], ...]
    records: Records
    synthesis: Synthesis | None = None
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        request = self.records.instructed(request)
        found = await ask(self.models, replace(request, sink=None), self.clock)
        data = self.records.read(found)
        expected = self.synthesis is None or self.records.expected(request)
        if data and (expected or 2 * len(data) > len(found.given)):
            return await self.records(request, found, data)
        if self.synthesis is None or expected:
            raise Unavailable(f"none of the {len(found.given)} answers has JSON to fuse")
        return await self.synthesis(request, found)
