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
    """What became of each member, by name and in their order."""

    members: tuple[tuple[str, Response | Failure], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.members)

    @property
    def given(self) -> tuple[tuple[str, Response], ...]:
        """Those who answered."""
        return tuple((name, outcome) for name, outcome in self.members if isinstance(outcome, Response))

    @property
    def responses(self) -> tuple[Response, ...]:
        return tuple(response for _, response in self.given)

    @property
    def failures(self) -> tuple[Failure, ...]:
        return tuple(outcome for _, outcome in self.members if isinstance(outcome, Failure))

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
    pairs = zip((name for name, _ in models), outcomes, strict=True)
    found = Outcomes(tuple((name, outcome) for name, outcome in pairs if outcome is not None))
    if found.given:
        return found
    errors = [failure.error for failure in found.failures]
    raise errors[0] if len(errors) == 1 else AllFailed(f"all {len(errors)} models failed", errors)


def noted(*parts: str) -> str:
    """The parts of a note that say something, as one line."""
    return "; ".join(part for part in parts if part)
