"""Which items of several lists are the same thing: by a key, else by best match."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from orchestra.ensemble.assignment import assignment

IDENTIFIERS = ("id", "key", "sku", "isbn", "ean", "uuid", "url", "email")
"""Fields that tell items apart, where each list gives every item another one."""
ALIKE = 0.5
"""The least likeness of two items that are taken for one."""

Row = dict[int, tuple[int, Any]]
"""One thing: for each list that has it, the position there and the item."""


def by_key(lists: Sequence[Sequence[Any]], keys: Sequence[Sequence[Hashable]]) -> list[Row]:
    """The things of all lists, an item being the thing that its key names; the n-th of equal keys is the n-th thing."""
    rows: defaultdict[Hashable, Row] = defaultdict(dict)
    for number, (items, names) in enumerate(zip(lists, keys, strict=True)):
        seen: Counter[Hashable] = Counter()
        for position, (item, name) in enumerate(zip(items, names, strict=True)):
            rows[name, seen[name]][number] = (position, item)
            seen[name] += 1
    return _ordered(rows.values())


def by_match(lists: Sequence[Sequence[Mapping[str, Any]]]) -> list[Row]:
    """The things of all lists, items being paired so that they are as alike as they can be.

    The list that is most like the others comes first; each next one is matched with what is there. The order of
    `lists` does not matter.
    """
    words = [[_words(item) for item in items] for items in lists]
    text = [json.dumps(items, sort_keys=True, default=str) for items in lists]
    likeness = [sum(_overlap(mine, other) for other in words) for mine in words]
    rows: list[Row] = []
    for number in sorted(range(len(lists)), key=lambda n: (-likeness[n], text[n])):
        table = [[_like(words, row, words[number][n]) for row in rows] for n in range(len(lists[number]))]
        pairs = {n: row for n, row in assignment(table) if table[n][row] >= ALIKE} if rows else {}
        for position, item in enumerate(lists[number]):
            if position in pairs:
                rows[pairs[position]][number] = (position, item)
            else:
                rows.append({number: (position, item)})
    return _ordered(rows)


def identifier(lists: Sequence[Sequence[Mapping[str, Any]]]) -> str | None:
    """A field that names each item of each list; `None` where there is none."""
    for name in IDENTIFIERS:
        given = [[item.get(name) for item in items] for items in lists]
        if all(value not in (None, "") for values in given for value in values) and all(
            len(set(map(str, values))) == len(values) for values in given
        ):
            return name
    return None


def _words(item: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Each word of each field, with the field's name; a field of nothing has none."""
    found = set()
    for name, value in item.items():
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        found |= {(name, word) for word in re.findall(r"\w+", text.casefold()) if value is not None}
    return frozenset(found)


def _jaccard(one: frozenset[Any], other: frozenset[Any]) -> float:
    union = len(one | other)
    return len(one & other) / union if union else 1.0


def _like(words: Sequence[Sequence[frozenset[Any]]], row: Row, item: frozenset[Any]) -> float:
    """How like an item is to a thing: the mean over those who have it."""
    alike = [_jaccard(words[number][position], item) for number, (position, _) in row.items()]
    return round(sum(alike) / len(alike), 9)  # the same in whatever order they are added


def _overlap(mine: Sequence[frozenset[Any]], other: Sequence[frozenset[Any]]) -> Fraction:
    """How much two lists are about the same: the share of their words that both have."""
    one, two = frozenset().union(*mine), frozenset().union(*other)
    return Fraction(len(one & two), len(one | two) or 1)


def _ordered(rows: Iterable[Row]) -> list[Row]:
    """The things by their mean position in the lists that have them."""
    return sorted(rows, key=lambda row: Fraction(sum(position for position, _ in row.values()), len(row)))
