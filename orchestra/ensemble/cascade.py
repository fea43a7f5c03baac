"""Ask the cheap first; where its answer is not good enough, the next."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from orchestra.errors import AllFailed, BudgetExceeded, ConfigError, ModelError, NoModelAvailable, OrchestraError
from orchestra.types import Failure, Judge, Model, Request, Response

Accept = Callable[[Request, Response], Awaitable[tuple[bool, str]]]
"""Whether an answer is good enough, and why."""


async def fits(request: Request, response: Response) -> tuple[bool, str]:
    """The answer is whole, and fits its schema where one was asked for."""
    return response.success, "whole" if response.success else response.note or "not whole"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Enough of those who voted agree; an answer that nobody voted on has no agreement.

    `threshold` is the least confidence, compared rounded to two decimals.
    """

    threshold: float = 0.67

    async def __call__(self, request: Request, response: Response) -> tuple[bool, str]:
        result = response.result
        confidence = result.get("confidence") if isinstance(result, Mapping) else None
        if not isinstance(confidence, (int, float)):
            return False, "nobody voted on it"
        enough = round(confidence, 2) >= round(self.threshold, 2)
        return enough, f"agreement {confidence:.2f}{'' if enough else f' is less than {self.threshold:.2f}'}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A judge's score is at least `threshold`, in [0, 1]; costs what the judge costs."""

    judge: Judge
    threshold: float = 0.67

    async def __call__(self, request: Request, response: Response) -> tuple[bool, str]:
        if not response.success:
            return False, response.note or "not whole"
        (verdict,) = await self.judge(replace(request.at("judge"), sink=None), [response])
        return verdict.score >= self.threshold, f"judged {verdict.score:.2f}"


@dataclass(frozen=True, slots=True)
class Cascade:
    """Ask each of `models`, (name, model) pairs from cheap to strong, until an answer is accepted; the last always is.

    FrugalGPT (Chen et al. 2023), with agreement in place of a trained scorer. Costs what was asked, the answers that
    were passed over too: they stay in `sources`. A step that fails, or can't be judged, is passed over; where the rest
    fails, or a budget has no room for it, the last answer that came is given with `success=False`. Only the last step
    streams.
    """

    models: tuple[tuple[str, Model], ...]
    accept: Accept = field(default_factory=Agreement)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.models) < 2:
            raise ConfigError("a cascade has at least 2 steps: a cheap one and a strong one")

    async def __call__(self, request: Request) -> Response:
        begun = self.clock()
        passed: list[tuple[str, Response | Failure, str]] = []
        for name, model in self.models[:-1]:
            response, why = await self._tried(name, model, request, first=not passed)
            if isinstance(response, Response) and not why:
                return self._answer(name, response, passed, begun)
            passed.append((name, response, why))
        name, model = self.models[-1]
        try:
            response = await model(request.at(name))
        except (ModelError, NoModelAvailable, BudgetExceeded) as error:
            best = next((one for _, one, _ in reversed(passed) if isinstance(one, Response)), None)
            if best is None and not isinstance(error, BudgetExceeded):
                raise AllFailed(f"all {len(self.models)} steps failed", [*_errors(passed), error]) from error
            if best is None or request.started:
                raise
            passed.append((name, Failure(name=name, error=error), type(error).__name__))
            return self._answer(best.name or best.model, replace(best, success=False), passed, begun)
        return self._answer(name, response, passed, begun)

    async def _tried(self, name: str, model: Model, request: Request, first: bool) -> tuple[Response | Failure, str]:
        """What came of a step, and why it was not accepted; `""` where it was."""
        begun = self.clock()
        try:
            response = await model(replace(request.at(name), sink=None, tentative=True))
        except (ModelError, NoModelAvailable, BudgetExceeded) as error:
            if first and isinstance(error, BudgetExceeded):
                raise
            return Failure(name=name, error=error, latency_s=self.clock() - begun), type(error).__name__
        try:
            accepted, why = await self.accept(request, response)
        except (ModelError, NoModelAvailable, BudgetExceeded) as error:  # the answer is there, and paid for
            return response, f"not judged: {type(error).__name__}"
        return response, "" if accepted else why

    def _answer(
        self, name: str, response: Response, passed: list[tuple[str, Response | Failure, str]], begun: float
    ) -> Response:
        because = [f"{step} passed over: {why}" for step, _, why in passed]
        note = "; ".join(part for part in (*because, f"{name} answered" if passed else "", response.note) if part)
        sources = (*(one for _, one, _ in passed), replace(response, sources=())) if passed else response.sources
        return replace(response, note=note, sources=sources, latency_s=self.clock() - begun)


def _errors(passed: list[tuple[str, Response | Failure, str]]) -> list[OrchestraError]:
    return [outcome.error for _, outcome, _ in passed if isinstance(outcome, Failure)]
