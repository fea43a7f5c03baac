"""How much each member's vote should count: from right answers, or from past votes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import exp, log, sqrt

Groups = Sequence[int | None]
"""One past vote: members that said the same have the same number, `None` is a member without an answer."""

Belief = Mapping[int, float]
"""How likely each answer of a vote is right."""

Agreement = Mapping[tuple[int, int], tuple[float, float]]
"""For each pair of members: how often they said the same, of how many."""

NONE_RIGHT = -1
"""The right answer of a vote in which nobody gave it."""

HEAVIEST = 60
"""The integer that the largest weight becomes."""

EVEN = 10**9
"""One vote each, where weights only break ties: what is added for that never outweighs a member."""

ALTERNATIVES = 5
"""How many answers a wrong member is taken to choose from, where no labels say."""

PRIOR, PRIOR_VOTES = 0.7, 2.0
"""The accuracy of a member that nothing is known of, and how many votes that is worth."""

SIBLINGS = 0.3
"""Agreement in errors beyond that of the panel which does not count as one family's."""

FOLDS = 5
SURE = 1.5
"""How many standard errors better than the plain vote weights must be, on votes that they were not fitted to."""

FEWEST = 30
"""Votes from which weights are made at all."""

ALONE = 4
"""Members whose votes alone can say who of them is right."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights, and what they were made from.

    `accuracies` are estimates, in [0, 1]. `gain` is how much more often than the plain vote they were right on votes
    that they were not fitted to; 0 where that was not measured. `why` says what they are.
    """

    weights: tuple[int, ...]
    accuracies: tuple[float, ...]
    why: str
    gain: float = 0.0


def winner(groups: Groups, weights: Sequence[float]) -> int | None:
    """The answer with the most weight; ties go to the first-listed member's."""
    totals: dict[int, float] = {}
    for group, weight in zip(groups, weights, strict=True):
        if group is not None and weight:
            totals[group] = totals.get(group, 0) + weight
    return max(totals, key=lambda group: totals[group], default=None)


def fitted(votes: Sequence[Groups], right: Sequence[int]) -> Fit:
    """Weights from votes whose right answer is known.

    K-ary log odds, discounted for siblings, and weights fitted to the right answers are tried on votes that they were
    not fitted to. Equal weights stay unless one of them is better there by more than `SURE` standard errors: naive log
    odds can lose to the plain vote.
    """
    sure = [{truth: 1.0} for truth in right]
    accuracies = tuple(_accuracies(votes, sure))
    equal = (1,) * len(accuracies)
    if len(votes) < FEWEST:
        return Fit(equal, accuracies, f"equal: {len(votes)} votes with a right answer are too few, {FEWEST} are needed")
    right_by = {name: [0] * len(votes) for name in WAYS}
    for fold in range(FOLDS):
        train = [n for n in range(len(votes)) if n % FOLDS != fold]
        for name, way in WAYS.items():
            weights = whole(way([votes[n] for n in train], [right[n] for n in train]))
            for n in range(fold, len(votes), FOLDS):
                right_by[name][n] = int(winner(votes[n], weights) == right[n])
    plain = [int(winner(vote, equal) == truth) for vote, truth in zip(votes, right, strict=True)]
    best = max(WAYS, key=lambda name: sum(right_by[name]))
    gains = [ours - theirs for ours, theirs in zip(right_by[best], plain, strict=True)]
    gain = sum(gains) / len(gains)
    if gain <= SURE * sqrt(sum((one - gain) ** 2 for one in gains)) / len(gains):
        return Fit(equal, accuracies, "equal: no weights did better on votes that they were not fitted to")
    return Fit(whole(WAYS[best](votes, right)), accuracies, best, gain)


def learned(votes: Sequence[Groups], scores: Sequence[tuple[int, float] | None] = ()) -> Fit:
    """Weights from past votes that only break ties: one-coin Dawid–Skene (1979), siblings discounted in every round.

    Who agrees with a consensus that is not their own family's is taken to be right. `scores` may say of a vote that its
    answer, by number, was right to a degree in [0, 1]; that counts in place of what the members make likely. Estimates
    can be wrong, so more members outvote fewer whatever they weigh: only camps of one size are told apart.
    """
    members = len(votes[0]) if votes else 0
    scored = sum(score is not None for score in scores)
    if len(votes) < FEWEST or members < 3:
        short = f"{len(votes)} of {FEWEST} past votes" if members > 2 else "two can't tell which of them is right"
        return Fit((1,) * members, (), f"equal: {short}")
    accuracies, discounts, _ = consensus(votes, scores)
    if members < ALONE and scored < FEWEST:
        return Fit((1,) * members, tuple(accuracies), "equal: without scores it takes four to tell who is right")
    weights = [w * d for w, d in zip(_log_odds(accuracies, ALTERNATIVES), discounts, strict=True)]
    said = f"ties are broken as {len(votes)} past votes say, {scored} of them scored"
    return Fit(tuple(EVEN + weight for weight in whole(weights)), tuple(accuracies), said)


def right_of(vote: Groups, score: tuple[int, float]) -> int:
    """The right answer, as a score of one answer shows it; at worst for all but the plain vote.

    Where another answer than the plain vote's was wrong, the plain vote's is taken to be right, so that weights which
    beat it by such answers beat it in truth.
    """
    answer, value = score
    plain = winner(vote, [1] * len(vote))
    if value >= 0.5:
        return answer
    return NONE_RIGHT if plain is None or plain == answer else plain


def consensus(
    votes: Sequence[Groups], scores: Sequence[tuple[int, float] | None] = ()
) -> tuple[list[float], list[float], list[Belief]]:
    """What votes alone make likely: each member's accuracy, what siblings leave of its weight, each answer's chance."""
    known = scores or [None] * len(votes)
    accuracies = [PRIOR] * len(votes[0])
    discounts = _discounts(_agreement(votes), len(accuracies))
    beliefs: list[Belief] = []
    for _ in range(3):
        for _ in range(8):
            odds = _log_odds(accuracies, ALTERNATIVES)
            beliefs = [_scored(_belief(vote, odds, discounts), score) for vote, score in zip(votes, known, strict=True)]
            accuracies = _accuracies(votes, beliefs)
        discounts = _discounts(agreement_in_error(votes, beliefs), len(accuracies))
    return accuracies, discounts, beliefs


def whole(weights: Sequence[float]) -> tuple[int, ...]:
    """Weights as integers, the largest of them `HEAVIEST`; equal ones where none is above 0."""
    top = max(weights, default=0.0)
    return tuple(round(HEAVIEST * weight / top) for weight in weights) if top > 0 else (1,) * len(weights)


def _by_log_odds(votes: Sequence[Groups], right: Sequence[int]) -> list[float]:
    sure = [{truth: 1.0} for truth in right]
    agreement = agreement_in_error(votes, sure)
    odds = _log_odds(_accuracies(votes, sure), 1 + 1 / max(_pooled(agreement), 0.01))
    return [w * d for w, d in zip(odds, _discounts(agreement, len(odds)), strict=True)]


def _by_fitting(votes: Sequence[Groups], right: Sequence[int]) -> list[float]:
    """Weights under which the right answers are likely: a conditional logit, held near equal weights."""
    members = len(votes[0])
    cases = [
        (sets, truth)
        for vote, truth in zip(votes, right, strict=True)
        if truth in (sets := _sets(vote)) and len(sets) > 1
    ]
    weights = [1.0] * members
    for _ in range(60 if cases else 0):
        slope = [0.02 * (1 - weight) for weight in weights]
        for sets, truth in cases:
            scores = {group: exp(sum(weights[n] for n in voters)) for group, voters in sets.items()}
            total = sum(scores.values())
            for group, voters in sets.items():
                for n in voters:
                    slope[n] += ((group == truth) - scores[group] / total) / len(cases)
        weights = [max(0.0, weight + 4 * step) for weight, step in zip(weights, slope, strict=True)]
    return weights


WAYS: Mapping[str, Callable[[Sequence[Groups], Sequence[int]], list[float]]] = {
    "log odds of right answers": _by_log_odds,
    "fitted to right answers": _by_fitting,
}


def _sets(vote: Groups) -> dict[int, list[int]]:
    sets: dict[int, list[int]] = {}
    for n, group in enumerate(vote):
        if group is not None:
            sets.setdefault(group, []).append(n)
    return sets


def _accuracies(votes: Sequence[Groups], beliefs: Sequence[Belief]) -> list[float]:
    members = len(votes[0]) if votes else 0
    right, said = [PRIOR * PRIOR_VOTES] * members, [PRIOR_VOTES] * members
    for vote, belief in zip(votes, beliefs, strict=True):
        for n, group in enumerate(vote):
            if group is not None:
                said[n] += 1
                right[n] += belief.get(group, 0.0)
    return [min(max(r / s, 0.02), 0.98) for r, s in zip(right, said, strict=True)]


def _log_odds(accuracies: Sequence[float], alternatives: float) -> list[float]:
    return [max(0.0, log(a * (alternatives - 1) / (1 - a))) for a in accuracies]


def _belief(vote: Groups, odds: Sequence[float], discounts: Sequence[float]) -> Belief:
    scores = {g: exp(sum(odds[n] * discounts[n] for n in voters)) for g, voters in _sets(vote).items()}
    total = 1 + sum(scores.values())
    return {group: score / total for group, score in scores.items()}


def _scored(belief: Belief, score: tuple[int, float] | None) -> Belief:
    """The belief with what is known of one answer; the others, and that none is right, share what that leaves."""
    if score is None:
        return belief
    answer, right = score
    share = (1 - right) / max(1 - belief.get(answer, 0.0), 1e-9)
    return {group: right if group == answer else likely * share for group, likely in belief.items()}


def _agreement(votes: Sequence[Groups]) -> Agreement:
    """How often each pair said the same."""
    return _counted((i, j, float(vote[i] == vote[j]), 1.0) for vote in votes for i, j in _pairs(vote))


def agreement_in_error(votes: Sequence[Groups], beliefs: Sequence[Belief]) -> Agreement:
    """How often each pair said the same where both were wrong."""

    def errors() -> Iterator[tuple[int, int, float, float]]:
        for vote, belief in zip(votes, beliefs, strict=True):
            for i, j in _pairs(vote):
                mine, yours = belief.get(vote[i] or 0, 0.0), belief.get(vote[j] or 0, 0.0)
                same = vote[i] == vote[j]
                wrong = max(0.0, 1 - mine - (0.0 if same else yours))
                yield i, j, wrong if same else 0.0, wrong

    return _counted(errors())


def _pairs(vote: Groups) -> Iterator[tuple[int, int]]:
    return combinations([n for n, group in enumerate(vote) if group is not None], 2)


def _counted(rows: Iterator[tuple[int, int, float, float]]) -> Agreement:
    counts: dict[tuple[int, int], tuple[float, float]] = {}
    for i, j, same, of in rows:
        before = counts.get((i, j), (0.0, 0.0))
        counts[i, j] = (before[0] + same, before[1] + of)
    return counts


def _pooled(agreement: Agreement) -> float:
    return (sum(same for same, _ in agreement.values()) + 1) / (sum(of for _, of in agreement.values()) + 2)


def _discounts(agreement: Agreement, members: int) -> list[float]:
    """What is left of each member's weight: half, where it has one sibling that always says the same."""
    shared = [0.0] * members
    for (i, j), beyond in kinship(agreement).items():
        excess = max(0.0, (beyond - SIBLINGS) / (1 - SIBLINGS))
        shared[i] += excess
        shared[j] += excess
    return [1 / (1 + one) for one in shared]


def kinship(agreement: Agreement) -> dict[tuple[int, int], float]:
    """How much more each pair agrees than the panel does: 0 as all do, 1 always; from few cases it is near 0."""
    pooled = _pooled(agreement)
    return {pair: ((same + 3 * pooled) / (of + 3) - pooled) / (1 - pooled) for pair, (same, of) in agreement.items()}
