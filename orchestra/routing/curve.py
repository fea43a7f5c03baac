"""How good a router is: the quality kept against the share of requests sent to the strong arm (RouteLLM, §3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

BINS = 10

Pair = tuple[float, float]
"""The score of the cheap arm and that of the strong one, for one request."""


def recovered(pairs: Sequence[Pair]) -> list[float]:
    """The part of the gap between the arms that is closed when the first 0, 1, 2 … of `pairs` go to the strong arm.

    All zeros where there is no gap.
    """
    gap = sum(strong - cheap for cheap, strong in pairs)
    gains = accumulate((strong - cheap for cheap, strong in pairs), initial=0.0)
    return [gain / gap if gap else 0.0 for gain in gains]


def apgr(curve: Sequence[float]) -> float:
    """The mean of the gap recovered over all shares of strong calls, in ten bins: 0.5 is what chance reaches."""
    at = [curve[round((len(curve) - 1) * n / BINS)] for n in range(BINS + 1)]
    return sum((a + b) / 2 for a, b in pairwise(at)) / BINS


def cpt(curve: Sequence[float], part: float) -> float:
    """The smallest share of strong calls that recovers `part` of the gap; 1 when none does."""
    return next((n / (len(curve) - 1) for n, got in enumerate(curve) if got >= part), 1.0)


def ordered(pairs: Sequence[Pair], scores: Sequence[float]) -> list[Pair]:
    """The pairs by their score, the highest first; equal ones keep their order."""
    return [pairs[n] for n in sorted(range(len(pairs)), key=lambda n: -scores[n])]
