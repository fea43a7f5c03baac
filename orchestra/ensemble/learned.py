"""Weights that keep up with the votes in the ledger, for each panel and task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra.ensemble.weights import FEWEST, Fit, Groups, learned
from orchestra.ledger import Entry, Folded, Ledger
from orchestra.ledger.reading import Event
from orchestra.types import Request

VOTE, SCORE = "vote", "score"
"""The events of the ledger that weights are learned from."""

NEWEST = 400
"""How many votes of a panel count: the newest."""

GROWTH = 1.2
"""By how much a panel's votes must have grown before they are weighed again."""

Panel = tuple[str | None, tuple[str, ...]]
"""The task type and the names of the members."""


@dataclass(frozen=True, slots=True)
class Cast:
    """One past vote: the request, who voted alike, the number of the answer that was given, what each member cost."""

    request: str
    groups: Groups
    winner: int | None
    costs: Sequence[str | None] = ()


@dataclass(frozen=True, slots=True)
class Past:
    """The past votes of every panel, the scores of requests, and the weights made of both."""

    votes: Mapping[Panel, tuple[Cast, ...]] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    fits: Mapping[Panel, tuple[int, Fit]] = field(default_factory=dict)

    def fit(self, panel: Panel) -> Fit:
        """The weights that the votes of a panel make, with the scores that were given to their answers."""
        votes = self.votes.get(panel, ())
        return learned([cast.groups for cast in votes], scores_of(votes, self.scores))


def scores_of(votes: Sequence[Cast], scores: Mapping[str, float]) -> list[tuple[int, float] | None]:
    """What is known of the answer that each vote gave: its number, and to what degree it was right."""
    return [
        None
        if cast.winner is None or cast.request not in scores
        else (cast.winner, min(1.0, max(0.0, scores[cast.request])))
        for cast in votes
    ]


def fold(past: Past, events: Sequence[Event], entries: Sequence[Entry]) -> Past:
    """The past with some more votes and scores; panels that have grown enough are weighed again."""
    votes, scores, fits = dict(past.votes), dict(past.scores), dict(past.fits)
    for event in events:
        about: Mapping[str, Any] = event.payload
        if event.kind == SCORE:
            scores[about["request"]] = about["value"]
        else:
            panel = (about["task"], tuple(about["members"]))
            cast = Cast(about["request"], tuple(about["groups"]), about["winner"], tuple(about["costs"]))
            votes[panel] = (*votes.get(panel, ())[1 - NEWEST :], cast)
    now = replace(past, votes=votes, scores=scores)
    for panel, casts in votes.items():
        weighed, _ = fits.get(panel, (0, None))
        if len(casts) >= FEWEST and (len(casts) >= weighed * GROWTH or (len(casts) == NEWEST != weighed)):
            fits[panel] = (len(casts), now.fit(panel))
    return replace(now, fits=fits)


def past_of(ledger: Ledger) -> Folded[Past]:
    """The past votes in a ledger, kept up to date."""
    return Folded(ledger, fold, Past(), kinds=(VOTE, SCORE))


@dataclass(frozen=True, slots=True)
class Learned:
    """Weights by what members have shown in past votes of the same panel and task; equal until there are enough."""

    past: Folded[Past] = field(repr=False, compare=False)

    def __call__(self, request: Request, names: Sequence[str]) -> Sequence[int]:
        _, fit = self.past.value.fits.get((request.task_type, tuple(names)), (0, None))
        return [1] * len(names) if fit is None else fit.weights
