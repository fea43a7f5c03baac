"""Structured answers as one record: merged field by field, disputes settled, and held against their schema."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra.ensemble.answers import Answers, joined
from orchestra.ensemble.asking import Asked, Prompts
from orchestra.ensemble.fields import Field, Fusion, Merged, Same, put
from orchestra.ensemble.forms.data import json_values
from orchestra.ensemble.members import Outcomes, noted
from orchestra.ensemble.reliability import Measure, ballot, none_yet
from orchestra.ensemble.schema import Schema, data_of
from orchestra.errors import BudgetExceeded, ModelError, NoModelAvailable
from orchestra.settings.nodes import FieldSpec
from orchestra.settings.nodes.ensembles import AnswerKind
from orchestra.types import Request, Response, Usage

LONG = 20_000
"""Characters of all answers from which they are merged beside the event loop: pairing long lists takes a while."""


def same(values: Sequence[Any], kind: AnswerKind = "auto") -> Sequence[Hashable]:
    """What values of one field are compared by: as answers of that kind are."""
    answers = Answers(kind)
    return joined([answers.form(value) for value in values])


@dataclass(frozen=True, slots=True)
class Records:
    """Merges structured answers; `weights` are the members' reliabilities, `rules` say how fields are merged.

    `measure` gives the reliabilities that are known of each field, `record` keeps each fusion for it to learn from.
    Fields on which members differ, and whose value has less than `min_agreement` of the weight, go to `arbiter`, all of
    them in one call, where there is one; it may only choose between the values that were given. The record must fit
    `schema` (unset: that of the request's `response_format`); where the merged one does not, the answer of a single
    member that does and is nearest to it stands in.
    """

    prompts: Prompts = field(repr=False, compare=False)
    same: Same = same
    schema: Schema | None = None
    weights: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, FieldSpec] = field(default_factory=dict)
    min_agreement: float = 0.67
    arbiter: Asked | None = None
    measure: Measure = none_yet
    record: Callable[[Mapping[str, Any]], object] | None = field(default=None, repr=False, compare=False)

    def expected(self, request: Request) -> bool:
        """The answers are to be records."""
        return self.schema is not None or request.params.get("response_format") is not None

    def instructed(self, request: Request) -> Request:
        """The request, with the schema in words where it does not ask for it itself."""
        if self.schema is None or request.params.get("response_format") is not None:
            return request
        said = self.prompts.get("fuse_record").messages({"schema": self.schema.json})
        return replace(request, messages=(*said, *request.messages))

    def read(self, found: Outcomes) -> dict[int, Any]:
        """The records of those who gave one, by their numbers."""
        data = {n: data_of(one) for n, (_, one) in enumerate(found.members) if isinstance(one, Response)}
        return {n: record for n, record in data.items() if record is not None}

    async def __call__(self, request: Request, found: Outcomes, data: Mapping[int, Any]) -> Response:
        """One response with the merged record as its `result`, and who said what in `details`."""
        names = found.names
        merge = Fusion(names, self.same, self.weights, self.rules, self.measure(request, names))
        long = sum(len(response.text) for response in found.responses) > LONG
        merged = await asyncio.to_thread(merge, data) if long else merge(data)
        if self.record is not None:
            self.record(ballot(request, names, merged))
        merged, settled = await self._settled(request, merged)
        schema = self.schema or Schema.of(request.params.get("response_format"))
        value, fits, wrong = _fitting(merged, schema, names, data)
        given, said = len(found.given), len(data)
        missing = f"{given - said} of {given} answers have no JSON" if said < given else ""
        instance = schema.instance(value) if fits else value
        return Response(
            text=json.dumps(value, ensure_ascii=False),
            model=" + ".join(names[n] for n in data),
            usage=Usage.total(response.usage for response in found.responses),
            latency_s=max(response.latency_s for response in found.responses),
            id=request.id,
            result=instance,
            parsed=instance,
            details=_details(merged),
            success=fits,
            note=noted(_said(merged), settled, wrong, missing, found.note),
            sources=found.sources,
            finish_reason="stop",
        )

    async def _settled(self, request: Request, merged: Merged) -> tuple[Merged, str]:
        """The record after the arbiter has chosen, and what there is to say of that."""
        disputed = [
            one for one in merged.fields if one.kept and one.conflict and round(one.confidence, 2) < self.min_agreement
        ]
        if self.arbiter is None or not disputed:
            return merged, ""
        shown = [sorted(range(len(one.given)), key=lambda n: json.dumps(one.given[n].value)) for one in disputed]
        fields = [
            {"name": one.name, "choices": [one.given[n].value for n in order]}
            for one, order in zip(disputed, shown, strict=True)
        ]
        try:
            asking = replace(request.at(self.arbiter.name), sink=None)
            answer = await self.arbiter(asking, "fuse_arbiter", {"fields": fields})
        except (ModelError, NoModelAvailable, BudgetExceeded) as error:
            return merged, f"{self.arbiter.name} did not settle what is disputed: {error}"
        *_, chosen = {}, *(found for found in json_values(answer.text) if isinstance(found, Mapping))
        value, settled = merged.value, dict[int, Field]()
        for number, (one, order) in enumerate(zip(disputed, shown, strict=True), 1):
            choice = _number(chosen.get(str(number)), len(order))
            if choice is None:
                continue
            n = order[choice - 1]
            settled[id(one)] = one.chosen(n, self.arbiter.name)
            value = put(value, one.path, one.given[n].value) if n else value
        said = f"{self.arbiter.name} settled {len(settled)} of {len(disputed)} disputed fields"
        return Merged(value, tuple(settled.get(id(one), one) for one in merged.fields)), said


def _fitting(merged: Merged, schema: Schema, names: Sequence[str], data: Mapping[int, Any]) -> tuple[Any, bool, str]:
    """The merged record, or the nearest of those given where only that fits; whether it does; what there is to say."""
    problems = schema.problems(merged.value)
    if not problems:
        return merged.value, True, ""
    said = f"the merged record does not fit its schema: {problems[0]}"
    fitting = [n for n, record in data.items() if not schema.problems(record)]
    if not fitting:
        return merged.value, False, said
    nearest = max(fitting, key=lambda n: sum(n in one.given[0].voters for one in merged.fields if one.kept))
    return data[nearest], True, f"{said}; {names[nearest]}'s stands in"


def _number(value: Any, most: int) -> int | None:
    """A choice from 1 to `most`; `None` for what is none."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if 1 <= number <= most else None


def _said(merged: Merged) -> str:
    kept = [one for one in merged.fields if one.kept]
    conflicts = sum(one.conflict for one in kept)
    return f"fused {len(kept)} fields, {conflicts} with conflicts, confidence {merged.confidence:.2f}"


def _details(merged: Merged) -> dict[str, Any]:
    kept = [one for one in merged.fields if one.kept]
    return {
        "confidence": merged.confidence,
        "fields": {one.name: {"confidence": one.confidence, "sources": list(one.given[0].sources)} for one in kept},
        "conflicts": [_told(one) | {"arbiter": one.arbiter or None} for one in kept if one.conflict],
        "left_out": [_told(one) for one in merged.fields if not one.kept],
    }


def _told(one: Field) -> dict[str, Any]:
    values = [{"value": given.value, "share": given.share, "sources": list(given.sources)} for given in one.given]
    return {"field": one.name, "values": values}
