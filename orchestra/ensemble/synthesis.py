"""One text from several drafts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestra.ensemble.asking import Asked
from orchestra.ensemble.claims import Claims
from orchestra.ensemble.members import Outcomes, noted
from orchestra.errors import BudgetExceeded, ModelError, NoModelAvailable
from orchestra.types import Request, Response


@dataclass(frozen=True, slots=True)
class Synthesis:
    """Has `aggregator` write one answer from all drafts (mixture of agents, Wang 2024).

    It is told which sentences several drafts have, and which contradict each other; found by their words, without a
    call. Costs one call; none where there is one draft, or all are the same. Its answer is streamed as it comes. Where
    it fails before that, the draft that the others agree with most comes back, without `success`.
    """

    aggregator: Asked

    async def __call__(self, request: Request, found: Outcomes) -> Response:
        drafts = [response.text.strip() for response in found.responses]
        claims = Claims.of(drafts)
        details = {
            "agreements": [{"text": one.text, "drafts": list(one.drafts)} for one in claims.agreements],
            "contradictions": [
                [{"text": side.text, "drafts": list(side.drafts)} for side in sides] for sides in claims.contradictions
            ],
        }
        different = len(set(drafts))
        if different == 1:
            why = "all drafts are the same" if len(drafts) > 1 else "there is one draft"
            _, only = found.given[0]
            return replace(only, note=noted(why, found.note, only.note), details=details, sources=found.sources)
        asking = self.aggregator.asking(request, "fuse_synthesis", {"drafts": drafts, **details})
        params = {name: value for name, value in request.params.items() if name not in ("n", "tools", "tool_choice")}
        try:
            written = await self.aggregator.model(replace(asking, params=params).at(self.aggregator.name))
        except (ModelError, NoModelAvailable, BudgetExceeded) as error:
            if request.started:
                raise
            return self._unfused(found, claims, error)
        return replace(
            written,
            details=details,
            note=noted(f"{self.aggregator.name} wrote it from {len(drafts)} drafts", found.note, written.note),
            sources=(*found.sources, replace(written, sources=())),
        )

    def _unfused(self, found: Outcomes, claims: Claims, error: Exception) -> Response:
        shared = [sum(n in one.drafts for one in claims.agreements) for n in range(1, len(found.given) + 1)]
        name, draft = found.given[shared.index(max(shared))]
        note = noted(f"{self.aggregator.name} wrote nothing: {error}", f"this is {name}'s draft", found.note)
        return replace(draft, success=False, note=note, sources=found.sources)
