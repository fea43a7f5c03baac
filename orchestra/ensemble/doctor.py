"""What past votes say of a panel: who helps, who only costs, whose errors go together, and who would do better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

from orchestra.ensemble.weights import (
    EVEN,
    FEWEST,
    Belief,
    Fit,
    Groups,
    agreement_in_error,
    consensus,
    fitted,
    kinship,
    learned,
    winner,
)

LARGEST = 5
"""Members of a panel that is looked for."""
CANDIDATES = 12
"""Models that are tried in panels: the best of those that fit the price."""
SELDOM = 0.05
"""The share of right answers below which nothing is concluded from them."""
UNREAD = "are the answers compared as they are meant (--answers, --field)?"
KIN = 0.3
"""Agreement in errors beyond the panel's own from which two are named."""


@dataclass(frozen=True, slots=True)
class Votes:
    """Past votes of one panel: who said the same, and what is known to be right (`None`: nothing is).

    `costs` are in USD, the mean of a call of each member, `None` where a price is not known.
    """

    names: tuple[str, ...]
    groups: Sequence[Groups]
    right: Sequence[int] | None
    costs: tuple[float | None, ...]
    scores: Sequence[tuple[int, float] | None] = ()

    def of(self, names: Sequence[str]) -> Votes:
        """The votes that these members alone would have had."""
        places = [self.names.index(name) for name in names]
        groups = [[vote[n] for n in places] for vote in self.groups]
        return Votes(tuple(names), groups, self.right, tuple(self.costs[n] for n in places), self.scores)

    def beliefs(self) -> list[Belief]:
        """How likely each answer was right: known, or by the consensus of all members."""
        if self.right is not None:
            return [{truth: 1.0} for truth in self.right]
        return consensus(self.groups, self.scores)[2]


@dataclass(frozen=True, slots=True)
class Member:
    """One member: how often it was right, its weight, its cost, and what the vote would lose without it.

    `accuracy` is of the answers it gave where they are estimated, of all votes where they are known; `None` where it
    can't be told.
    `weight` is that for ties where the report's `fit` only breaks them.
    `gain` is the vote's accuracy less that without the member, `error` its standard error; `verdict` is `helps`, `only
    costs` or `harms`.
    """

    name: str
    accuracy: float | None
    weight: int
    usd_per_1k: float | None
    gain: float
    error: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Panel:
    """Members, how often their plain vote was right, and what it costs."""

    names: tuple[str, ...]
    accuracy: float
    usd_per_1k: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `labelled` says whether accuracies are known or estimated from the votes alone.

    `kin` are pairs whose errors go together, from 0 as the panel's to 1 always. `single` is the best member alone.
    """

    votes: int
    labelled: bool
    panel: Panel
    single: Panel
    members: tuple[Member, ...]
    fit: Fit
    kin: tuple[tuple[str, str, float], ...]

    @property
    def advice(self) -> list[str]:
        """What to do, in words."""
        if self.labelled and self.single.accuracy < SELDOM:
            best = f"{self.single.names[0]} is right {self.single.accuracy:.1%} of the time"
            return [f"nothing can be said of this panel: even {best}; {UNREAD}"]
        said = []
        if self.single.accuracy >= self.panel.accuracy:
            said.append(
                f"do not vote here: {self.single.names[0]} alone is right as often ({self.single.accuracy:.1%} against "
                f"{self.panel.accuracy:.1%}), unless its vote is weighed ({self.fit.why})"
            )
        idle = [member.name for member in self.members if member.verdict != "helps"]
        if idle and len(idle) < len(self.members):
            said.append(
                f"{', '.join(idle)} could go: the vote is no worse without {'it' if len(idle) == 1 else 'each'}"
            )
        said += [
            f"{one} and {other} err together ({beyond:.0%} beyond chance): they count as less than two"
            for one, other, beyond in self.kin
        ]
        return said


def examine(votes: Votes) -> Report | None:
    """What the votes of a panel say of it; `None` where there are fewer than can say anything."""
    if len(votes.groups) < FEWEST:
        return None
    beliefs = votes.beliefs()
    fit = learned(votes.groups, votes.scores) if votes.right is None else fitted(votes.groups, votes.right)
    worths = _worths(votes, beliefs)
    members = []
    for n, name in enumerate(votes.names):
        accuracy = _accuracy(votes, n, beliefs) if votes.right is not None or fit.accuracies else None
        rest = votes.of([other for other in votes.names if other != name])
        differences = [ours - theirs for ours, theirs in zip(worths, _worths(rest, beliefs), strict=True)]
        gain = sum(differences) / len(differences)
        error = sqrt(sum((one - gain) ** 2 for one in differences)) / len(differences)
        verdict = "helps" if gain > error else "harms" if gain < -error else "only costs"
        members.append(Member(name, accuracy, fit.weights[n] % EVEN, _per_1k([votes.costs[n]]), gain, error, verdict))
    alone = max(range(len(votes.names)), key=lambda n: sum(_worths(votes.of([votes.names[n]]), beliefs)))
    beyond = kinship(agreement_in_error(votes.groups, beliefs))
    kin = [(votes.names[i], votes.names[j], share) for (i, j), share in beyond.items() if share >= KIN]
    return Report(
        len(votes.groups),
        votes.right is not None,
        _panel(votes, beliefs),
        _panel(votes.of([votes.names[alone]]), beliefs),
        tuple(members),
        fit,
        tuple(sorted(kin, key=lambda pair: -pair[2])),
    )


def best_panel(
    votes: Votes, max_usd_per_1k: float | None, tell: Callable[[str], None] = lambda said: None
) -> tuple[Panel, Panel] | None:
    """The panel of up to `LARGEST` that was right most often under a price; `None` where no panel fits.

    It is chosen on every second vote and tested on the others: as it was chosen first, as it was tested second.
    """
    beliefs = votes.beliefs()
    affordable = [
        name
        for name, cost in zip(votes.names, votes.costs, strict=True)
        if max_usd_per_1k is None or (cost is not None and 1000 * cost <= max_usd_per_1k)
    ]
    alone = {name: sum(_worths(votes.of([name]), beliefs)) for name in affordable}
    tried = sorted(affordable, key=lambda name: -alone[name])[:CANDIDATES]
    dev, test = _every_second(votes, 0), _every_second(votes, 1)
    known, unseen = beliefs[0::2], beliefs[1::2]
    best: Panel | None = None
    for size in (1, 3, LARGEST):
        tell(f"panels of {size}")
        for names in combinations(tried, size):
            part = dev.of(names)
            cost = _per_1k(part.costs)
            if max_usd_per_1k is not None and (cost is None or cost > max_usd_per_1k):
                continue
            panel = Panel(names, _mean(_worths(part, known)), cost)
            if best is None or (panel.accuracy, -(panel.usd_per_1k or 0)) > (best.accuracy, -(best.usd_per_1k or 0)):
                best = panel
    return None if best is None else (best, _panel(test.of(best.names), unseen))


def panel_of(votes: Votes) -> Panel:
    """All members of some votes as a panel."""
    return _panel(votes, votes.beliefs())


def _every_second(votes: Votes, first: int) -> Votes:
    right = None if votes.right is None else votes.right[first::2]
    return Votes(votes.names, votes.groups[first::2], right, votes.costs, votes.scores[first::2])


def _panel(votes: Votes, beliefs: Sequence[Belief]) -> Panel:
    return Panel(votes.names, _mean(_worths(votes, beliefs)), _per_1k(votes.costs))


def _worths(votes: Votes, beliefs: Sequence[Belief]) -> list[float]:
    """How likely the plain vote was right, vote by vote."""
    plain = [1] * len(votes.names)
    chosen = [winner(vote, plain) for vote in votes.groups]
    return [0.0 if group is None else belief.get(group, 0.0) for group, belief in zip(chosen, beliefs, strict=True)]


def _accuracy(votes: Votes, member: int, beliefs: Sequence[Belief]) -> float:
    """How often a member was right: of all votes, or of those it answered where they are of a ledger."""
    given = [
        0.0 if (group := vote[member]) is None else belief.get(group, 0.0)
        for vote, belief in zip(votes.groups, beliefs, strict=True)
        if votes.right is not None or vote[member] is not None
    ]
    return _mean(given)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _per_1k(costs: Sequence[float | None]) -> float | None:
    return None if None in costs else 1000 * sum(cost for cost in costs if cost is not None)
