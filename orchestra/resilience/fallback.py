"""Ask the first; when it fails, the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from orchestra.errors import AllFailed, BudgetExceeded, ModelError, NoModelAvailable
from orchestra.types import Failure, Model, Request, Response


@dataclass(frozen=True, slots=True)
class Fallback:
    """Ask each of `models`, (name, model) pairs, in order, until one answers.

    A stream falls back only until its first token. One for which a budget has no room is passed over once another has
    failed; the refusal of the first is raised. Raises the one error where one was asked, `AllFailed` where
    several were. The failures stay in `sources` of the response.
    """

    models: tuple[tuple[str, Model], ...]
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        failures: list[Failure] = []
        for n, (name, model) in enumerate(self.models):
            begun = self.clock()
            left = len(self.models) - n - 1 + request.alternatives
            try:
                response = await model(replace(request.at(name), alternatives=left))
            except BudgetExceeded:
                if not failures:
                    raise
                continue  # there is no room to try this one; a later one may be cheaper
            except (ModelError, NoModelAvailable) as error:
                failures.append(Failure(name=name, error=error, latency_s=self.clock() - begun))
                if request.started or (request.deadline is not None and self.clock() >= request.deadline):
                    break
                continue
            if not failures:
                return response
            note = f"{', '.join(f.name for f in failures)} failed; {name} answered"
            return replace(
                response,
                note="; ".join(part for part in (note, response.note) if part),
                sources=(*failures, replace(response, sources=())),
            )
        errors = [failure.error for failure in failures]
        if len(errors) == 1:
            raise errors[0]
        raise AllFailed(f"all {len(errors)} models failed", errors)
