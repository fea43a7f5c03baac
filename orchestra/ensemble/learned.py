"""Weights that keep up with the votes in the ledger, for each panel and task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra.ensemble.weights import ALONE, FEWEST, Fit, Groups, fitted, learned, right_of
from orchestra.ledger import Entry, Folded, Ledger
from orchestra.ledger.reading import Event
from orchestra.prompting.scores import QUALITY, SCORE
from orchestra.types import Request

VOTE = "vote"
"""The event of the ledger that weights are learned from, with the scores."""

NEWEST = 400
"""How many votes of a panel count: the newest."""

GROWTH, MOST_NEW = 1.2, 80
"""By how much a panel's votes and scores must have grown before they are weighed again, and how many are enough."""

Panel = tuple[str | None, tuple[str, ...]]
"""The task type and the names of the members."""


@dataclass(frozen=True, slots=True)
class Cast:
    """One past vote: the request, who voted alike, the number of the answer that was given, what each member cost.

    `full` says that all were asked, and not because the first ones differed.
    """

    request: str
    groups: Groups
    winner: int | None
    costs: Sequence[str | None] = ()
    full: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """The past votes of every panel, the scores of requests, and the weights made of both.

    `seen` is how many votes and scores of a panel there ever were; each fit has how many it was made at.
    """

    votes: Mapping[Panel, tuple[Cast, ...]] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    seen: Mapping[Panel, int] = field(default_factory=dict)
    fits: Mapping[Panel, tuple[int, Fit]] = field(default_factory=dict)

    def fit(self, panel: Panel) -> Fit:
        """Weights that beat the plain vote on scored full votes of a panel; without them, such as only break ties."""
        votes = self.votes.get(panel, ())
        if len(panel[1]) < ALONE:  # a third that is asked only where it decides is always on the winning side
            votes = tuple(cast for cast in votes if cast.full)
        if not votes:
            return Fit((1,) * len(panel[1]), (), "equal: a staged vote of so few does not show who is right")
        groups, scores = [cast.groups for cast in votes], scores_of(votes, self.scores)
        known = [(cast.groups, score) for cast, score in zip(votes, scores, strict=True) if cast.full and score]
        proven = fitted([vote for vote, _ in known], [right_of(vote, score) for vote, score in known])
        return proven if proven.gain > 0 else learned(groups, scores)


def scores_of(votes: Sequence[Cast], scores: Mapping[str, float]) -> list[tuple[int, float] | None]:
    """What is known of the answer that each vote gave: its number, and to what degree it was right."""
    return [
        None
        if cast.winner is None or cast.request not in scores
        else (cast.winner, min(1.0, max(0.0, scores[cast.request])))
        for cast in votes
    ]


def fold(past: Past, events: Sequence[Event], entries: Sequence[Entry]) -> Past:
    """The past with some more votes and scores of quality; panels that have grown enough are weighed again."""
    votes, scores, seen, fits = dict(past.votes), dict(past.scores), dict(past.seen), dict(past.fits)
    scored: Counter[str] = Counter()
    for event in events:
        about: Mapping[str, Any] = event.payload
        if event.kind == VOTE:
            panel = (about["task"], tuple(about["members"]))
            groups, costs = tuple(about["groups"]), tuple(about["costs"])
            cast = Cast(about["request"], groups, about["winner"], costs, about.get("full", False))
            votes[panel] = (*votes.get(panel, ())[1 - NEWEST :], cast)
            seen[panel] = seen.get(panel, 0) + 1
        elif about["metric"] == QUALITY:
            scores[about["request"]] = about["value"]
            scored[about["request"]] += 1
    now = replace(past, votes=votes, scores=scores, seen=seen)
    for panel, casts in votes.items():
        seen[panel] += sum(scored[cast.request] for cast in casts) if scored else 0
        weighed, _ = fits.get(panel, (0, None))
        if len(casts) >= FEWEST and seen[panel] >= min(weighed * GROWTH, weighed + MOST_NEW):
            fits[panel] = (seen[panel], now.fit(panel))
    return replace(now, fits=fits)


def past_of(ledger: Ledger) -> Folded[Past]:
    """The past votes in a ledger, kept up to date."""
    return Folded(ledger, fold, Past(), kinds=(VOTE, SCORE))


@dataclass(frozen=True, slots=True)
class Learned:
    """Weights by what members have shown in past votes of the same panel and task; equal until there are enough.

    They only break ties, but where scored votes of all members have shown them to beat the plain vote.
    """

    past: Folded[Past] = field(repr=False, compare=False)

    def __call__(self, request: Request, names: Sequence[str]) -> Sequence[int]:
        _, fit = self.past.value.fits.get((request.task_type, tuple(names)), (0, None))
        return [1] * len(names) if fit is None else fit.weights
