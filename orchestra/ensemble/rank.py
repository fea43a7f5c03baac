"""Ask several, and put their answers in order of quality."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra.ensemble.members import Outcomes, ask, noted
from orchestra.errors import BudgetExceeded, ModelError, NoModelAvailable, OrchestraError
from orchestra.types import Judge, Model, Request, Response, Verdict


@dataclass(frozen=True, slots=True)
class Rank:
    """Ask all `models`, (name, model) pairs, and give the answer that `judge` puts first; equals keep their order.

    `result` lists `model`, `output` and `quality_score`, best first; `details` has the judge's reasons and how
    consistent it was. Costs the calls of all members and those of the judge. Where the judge does not answer, the first
    member's answer comes back unranked: without scores, and without `success`. Raises the error of a single member,
    `AllFailed` of several, where none answers.
    """

    models: tuple[tuple[str, Model], ...]
    judge: Judge
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        found = await ask(self.models, request, self.clock)
        try:
            verdicts = await self.judge(replace(request, sink=None), found.responses)
        except (ModelError, NoModelAvailable, BudgetExceeded) as error:
            return _unranked(found, error)
        ranked = sorted(zip(found.given, verdicts, strict=True), key=lambda row: -row[1].score)
        scored = [(name, replace(response, score=verdict.score)) for (name, response), verdict in ranked]
        (first, best), *_ = scored
        details = _details([name for name, _ in scored], [verdict for _, verdict in ranked])
        judged = details["judge_consistency"]
        said = f"{first} came first of {len(scored)} with {best.score:.2f}"
        return replace(
            best,
            result=[{"model": name, "output": one.text, "quality_score": one.score} for name, one in scored],
            details=details,
            note=noted(said, "" if judged is None else f"judge {judged:.0%} consistent", found.note, best.note),
            sources=(*(one for _, one in scored), *found.failures),
        )


def _unranked(found: Outcomes, error: OrchestraError) -> Response:
    _, response = found.given[0]
    return replace(
        response,
        result=[{"model": name, "output": one.text, "quality_score": None} for name, one in found.given],
        success=False,
        note=noted(f"not ranked: {error}", found.note, response.note),
        sources=found.sources,
    )


def _details(names: Sequence[str], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    known = [verdict.consistency for verdict in verdicts if verdict.consistency is not None]
    return {
        "judge_consistency": sum(known) / len(known) if known else None,
        "verdicts": [
            {"model": name, "score": verdict.score, "reason": verdict.reason, "consistency": verdict.consistency}
            for name, verdict in zip(names, verdicts, strict=True)
        ],
    }
