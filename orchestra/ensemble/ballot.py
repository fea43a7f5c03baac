"""Who has won a vote, and whether that can still change."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from orchestra.ensemble.answers import Keys, joined, possible

FINEST = 10_000
"""Shares are fractions of at most so many parts, which takes what only breaks ties out of them."""


@dataclass(frozen=True, slots=True)
class Count:
    """The outcome of a vote: who voted for the winner, their share of the members named, and whether that is enough."""

    voters: tuple[int, ...]
    share: Fraction
    agreed: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """How votes are counted: a weight for each member, and the share of all of them that a winner needs.

    Shares are of the members named, compared rounded to two decimals: a failure and one not asked are no vote. Ties go
    to the answer of the first-listed member. A member of weight 0 has no vote.
    """

    weights: tuple[int, ...]
    min_agreement: float = 0.67

    @property
    def total(self) -> int:
        return sum(self.weights)

    def share(self, voters: Iterable[int]) -> Fraction:
        """How much of all weight some members have."""
        return share(self._sum(voters), self.total)

    def heard(self, keys: Keys) -> list[Hashable | None]:
        """The keys of those who have a vote."""
        return [key if weight else None for key, weight in zip(keys, self.weights, strict=True)]

    def count(self, keys: Keys) -> Count | None:
        """The outcome when no more votes come; `None` where there were none."""
        groups = self._groups(joined(self.heard(keys)))
        if not groups:
            return None
        voters = max(groups.values(), key=self._rank)
        share = self.share(voters)
        return Count(tuple(voters), share, self._enough(share))

    def decided(self, keys: Keys, left: Iterable[int]) -> Count | None:
        """The outcome, once no answer of the members `left` can change it: neither the winner nor whether it is enough.

        Bare numbers may part from those with a unit, or join them, when a later answer names a unit; what is decided
        holds either way.
        """
        left = [n for n in left if self.weights[n]]
        if not left:
            return self.count(keys)
        counts = [self._settled(self._groups(now), left) for now in possible(self.heard(keys))]
        first = counts[0]
        if first is None:
            return None
        voters = list(first.voters)
        for count in counts[1:]:
            if count is None or count.agreed != first.agreed:
                return None
            voters = [n for n in voters if n in count.voters]
        return Count(tuple(voters), first.share, first.agreed) if voters else None

    def hopeless(self, keys: Keys, left: Iterable[int]) -> bool:
        """Whatever the members `left` answer, no answer will have enough."""
        room = self._sum(left)
        best = max(
            (self._sum(voters) for now in possible(self.heard(keys)) for voters in self._groups(now).values()),
            default=0,
        )
        return not self._enough(share(best + room, self.total))

    def _settled(self, groups: dict[Hashable, list[int]], left: Sequence[int]) -> Count | None:
        if not groups:
            return None
        voters = max(groups.values(), key=self._rank)
        own = self._rank(voters)
        rivals = [other for other in groups.values() if other is not voters]
        if any(self._rank([*other, *left]) > own for other in (*rivals, [])):
            return None
        least = self.share(voters)
        enough = self._enough(least)
        if enough != self._enough(self.share([*voters, *left])):
            return None
        return Count(tuple(voters), least, enough)

    def _groups(self, keys: Keys) -> dict[Hashable, list[int]]:
        groups: dict[Hashable, list[int]] = {}
        for n, key in enumerate(keys):
            if key is not None:
                groups.setdefault(key, []).append(n)
        return groups

    def _rank(self, voters: Sequence[int]) -> tuple[int, int]:
        return self._sum(voters), -min(voters)

    def _sum(self, voters: Iterable[int]) -> int:
        return sum(self.weights[n] for n in voters)

    def _enough(self, share: Fraction) -> bool:
        return round(share, 2) >= round(Fraction(str(self.min_agreement)), 2)


def share(part: int, of: int) -> Fraction:
    """A share of weights, without what only breaks ties."""
    return Fraction(part, of).limit_denominator(FINEST)


def needed(rules: Rules, keys: Keys, left: Sequence[int]) -> int:
    """How many of `left`, asked in their order, could decide the vote if they all went with the leader; at least 1."""
    left = [n for n in left if rules.weights[n]]
    leading = rules.count(keys)
    like = keys[leading.voters[0]] if leading is not None else ("any",)
    tried = list(keys)
    for asked, n in enumerate(left, start=1):
        tried[n] = like
        if rules.decided(tried, left[asked:]) is not None:
            return asked
    return len(left)
