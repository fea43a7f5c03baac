"""What the members of an ensemble answered: responses to work on, and failures that stay on the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestra.errors import AllFailed
from orchestra.gather import gather
from orchestra.types import Failure, Model, Request, Response


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Those who answered, by name and in their order, and those who did not."""

    given: tuple[tuple[str, Response], ...]
    failures: tuple[Failure, ...]

    @property
    def asked(self) -> int:
        return len(self.given) + len(self.failures)

    @property
    def responses(self) -> tuple[Response, ...]:
        return tuple(response for _, response in self.given)

    @property
    def sources(self) -> tuple[Response | Failure, ...]:
        return (*self.responses, *self.failures)

    @property
    def note(self) -> str:
        """Who failed; empty where nobody did."""
        return f"{', '.join(failure.name for failure in self.failures)} failed" if self.failures else ""


async def ask(
    models: Sequence[tuple[str, Model]], request: Request, clock: Callable[[], float] = time.monotonic
) -> Outcomes:
    """Ask all members; raises the error of a single one, `AllFailed` of several, where none answers."""
    outcomes = await gather(models, request, clock=clock)
    pairs = [(name, outcome) for (name, _), outcome in zip(models, outcomes, strict=True)]
    given = tuple((name, outcome) for name, outcome in pairs if isinstance(outcome, Response))
    failures = tuple(outcome for _, outcome in pairs if isinstance(outcome, Failure))
    if given:
        return Outcomes(given, failures)
    errors = [failure.error for failure in failures]
    raise errors[0] if len(errors) == 1 else AllFailed(f"all {len(errors)} models failed", errors)


def noted(*parts: str) -> str:
    """The parts of a note that say something, as one line."""
    return "; ".join(part for part in parts if part)
