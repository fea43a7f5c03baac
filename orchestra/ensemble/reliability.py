"""The members' reliabilities for each field of a record, from past fusions in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra.ensemble.fields import Measured, Merged, plain, unmeasured
from orchestra.ensemble.learned import VOTE, Past
from orchestra.ensemble.learned import fold as fold_votes
from orchestra.ledger import Entry, Folded, Ledger
from orchestra.ledger.reading import Event
from orchestra.types import Request

FUSION = "fusion"
"""The event of the ledger that they are learned from."""

Measure = Callable[[Request, Sequence[str]], Measured]
"""The reliabilities of members by name, for one request: frozen before the first answer."""


def none_yet(request: Request, names: Sequence[str]) -> Measured:
    """Nothing is learned."""
    return unmeasured


@dataclass(frozen=True, slots=True)
class LearnedFields:
    """Reliabilities by what members have shown in past fusions of the same panel, task and field.

    Each field is a vote of its own: one-coin Dawid–Skene, as for votes, from 30 values on. They only break ties.
    """

    past: Folded[Past] = field(repr=False, compare=False)

    def __call__(self, request: Request, names: Sequence[str]) -> Measured:
        fits, task, panel = self.past.value.fits, request.task_type, tuple(names)

        def measured(path: str) -> Sequence[int] | None:
            _, fit = fits.get((_task(task, path), panel), (0, None))
            return None if fit is None else fit.weights

        return measured


def ballot(request: Request, names: Sequence[str], merged: Merged) -> dict[str, Any]:
    """A fusion as plain data, without what was said: for each value, who gave the same."""
    fields = []
    for one in merged.fields:
        groups = {n: number for number, given in enumerate(one.given) for n in given.voters}
        fields.append([plain(one.path), [groups.get(n) for n in range(len(names))]])
    return {"request": request.id, "task": request.task_type, "members": list(names), "fields": fields}


def fields_of(ledger: Ledger) -> Folded[Past]:
    """The past fusions in a ledger, kept up to date."""
    return Folded(ledger, fold, Past(), kinds=(FUSION,))


def fold(past: Past, events: Sequence[Event], entries: Sequence[Entry]) -> Past:
    """The past with some more fusions: each of their fields is a vote."""
    return fold_votes(past, [vote for event in events for vote in _votes(event)], entries)


def _votes(event: Event) -> Iterator[Event]:
    about: Mapping[str, Any] = event.payload
    for path, groups in about["fields"]:
        own = {"task": _task(about["task"], path), "groups": groups, "winner": None, "costs": ()}
        yield replace(event, kind=VOTE, payload={**about, **own})


def _task(task: str | None, path: str) -> str:
    return f"{task or 'any'}: {path}"
