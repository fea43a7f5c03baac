"""Which arm a unit gets: always the same one, on every machine, found without asking anybody."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

BITS = 53
"""Of a hash: as many as a float holds exactly."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """The arm of a unit, and why; `counts` is False where that is no part of an experiment."""

    arm: str
    reason: str
    counts: bool


def point(*parts: str) -> float:
    """A number in (0, 1), evenly spread over all `parts` and always the same for the same ones."""
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
    return ((int.from_bytes(digest[:8]) >> (64 - BITS)) + 0.5) / float(1 << BITS)


def takes_part(salt: str, unit: str, share: float) -> bool:
    """The unit is among the `share` (0 to 1) of all that take part; one that is stays so while the share grows."""
    return point(salt, "share", unit) < share


def sticky(salt: str, unit: str, weights: Mapping[str, float]) -> str:
    """The arm of a unit, each arm getting units in proportion to its weight.

    Weighted rendezvous hashing (Thaler and Ravishankar 1998, by Schindelhauer and Schomaker's logarithmic method 2005).
    A unit moves only when the weight of its own arm falls or that of another one rises: an arm whose share grows loses
    nobody, one that is taken away moves only its own units, and the order of the arms does not matter.
    """
    return min(
        (arm for arm, weight in weights.items() if weight > 0),
        key=lambda arm: (-math.log(point(salt, "arm", arm, unit)) / weights[arm], arm),
    )
