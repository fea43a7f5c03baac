"""Which answers to compare next, and what the comparisons say: an order from as few of them as will do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Pair = tuple[int, int]
"""Two answers, the lower number first."""

Played = Mapping[Pair, float]
"""What came of each comparison for the lower number: 1 it won, 0.5 a tie, 0 it lost."""

STEPS = 100


class Order(Protocol):
    """Makes an order of `n` answers from comparisons of two at a time."""

    def following(self, n: int, played: Played) -> Sequence[Pair]:
        """The pairs to compare now, no answer twice; none when the order stands."""
        ...

    def scores(self, n: int, played: Played) -> Sequence[float]:
        """Each answer's score in [0, 1]."""
        ...


@dataclass(frozen=True, slots=True)
class Copeland:
    """By comparisons won, a tie being half of one (Copeland 1951); one that was not made counts as a tie.

    It stops as soon as no other answer can come first, so its winner is that of all comparisons; `whole` makes them all
    the same, for those who read the order to its end. Of equals the first comes first.
    """

    whole: bool = False

    def following(self, n: int, played: Played) -> Sequence[Pair]:
        won, left = _won(n, played), _left(n, played)
        first = max(range(n), key=lambda a: (won[a], -a), default=0)
        alive = [(won[a] + left[a], -a) >= (won[first], -first) for a in range(n)]
        if sum(alive) <= 1 and not self.whole:
            return ()
        keen = sorted(range(n), key=lambda a: (not alive[a], -won[a], a))
        return _disjoint(keen, played, [a for a in keen if alive[a] or self.whole])

    def scores(self, n: int, played: Played) -> Sequence[float]:
        won, left = _won(n, played), _left(n, played)
        return [(won[a] + left[a] / 2) / (n - 1) if n > 1 else 1.0 for a in range(n)]


@dataclass(frozen=True, slots=True)
class BradleyTerry:
    """By strength: the odds of winning against the others (Bradley and Terry 1952), from about n log n comparisons.

    Neighbours in the order of the moment meet, as in a Swiss tournament. Each answer has one tie with an average one to
    begin with, so that one that never lost keeps a finite strength. A score is the mean chance against the others.
    """

    def following(self, n: int, played: Played) -> Sequence[Pair]:
        allowed = (math.ceil(math.log2(n)) + 1) * (n // 2) if n > 1 else 0
        strength = _strengths(n, played)
        order = sorted(range(n), key=lambda a: (-strength[a], a))
        return _disjoint(order, played, order)[: max(0, allowed - len(played))]

    def scores(self, n: int, played: Played) -> Sequence[float]:
        strength = _strengths(n, played)
        return [
            sum(mine / (mine + other) for b, other in enumerate(strength) if b != a) / (n - 1) if n > 1 else 1.0
            for a, mine in enumerate(strength)
        ]


def _won(n: int, played: Played) -> list[float]:
    won = [0.0] * n
    for (low, high), outcome in played.items():
        won[low] += outcome
        won[high] += 1 - outcome
    return won


def _left(n: int, played: Played) -> list[int]:
    """How many comparisons each answer still has before it."""
    return [n - 1 - sum(a in pair for pair in played) for a in range(n)]


def _disjoint(order: Sequence[int], played: Played, wanted: Sequence[int]) -> list[Pair]:
    """Pairs that were not compared yet, no answer twice, one of them wanted; those early in the order first."""
    pairs: list[Pair] = []
    busy: set[int] = set()
    for one in wanted:
        for other in order:
            pair = (min(one, other), max(one, other))
            if one != other and not busy & {one, other} and pair not in played:
                pairs.append(pair)
                busy |= {one, other}
    return pairs


def _strengths(n: int, played: Played) -> list[float]:
    """The likeliest strengths, by minorisation and maximisation (Hunter 2004)."""
    won, strength = _won(n, played), [1.0] * n
    for _ in range(STEPS):
        met = [1 / (own + 1) for own in strength]
        for low, high in played:
            chance = 1 / (strength[low] + strength[high])
            met[low] += chance
            met[high] += chance
        strength = [(won[a] + 0.5) / met[a] for a in range(n)]
    return strength
