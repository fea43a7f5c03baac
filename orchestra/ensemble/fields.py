"""Structured answers merged field by field: each value with who gave it, how sure it is, and what speaks against it."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from orchestra.ensemble.align import Row, by_key, by_match, identifier
from orchestra.ensemble.ballot import share
from orchestra.settings.nodes import FieldSpec
from orchestra.settings.nodes.ensembles import AnswerKind

Type = Literal["object", "list", "string", "number", "boolean"]

Path = tuple[str | int, ...]

Same = Callable[[Sequence[Any], AnswerKind], Sequence[Hashable]]
"""A key for each of several values of a kind, equal for those that are the same answer."""

Measured = Callable[[str], Sequence[int] | None]
"""The members' reliabilities for a field by its path; `None` where nothing is known."""


def unmeasured(path: str) -> None:
    """Nothing is known."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value, the share of the members that gave it, by weight, and who they are, by number and by name."""

    value: Any
    share: float
    voters: tuple[int, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How one value came about: `given`, the one that was taken first.

    One that too few gave is not `kept`. `arbiter` names the model that was asked which is right.
    """

    path: Path
    given: tuple[Given, ...]
    kept: bool = True
    arbiter: str = ""

    @property
    def name(self) -> str:
        """`items[0].price`."""
        parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path]
        return "".join(parts).removeprefix(".")

    @property
    def value(self) -> Any:
        return self.given[0].value

    @property
    def confidence(self) -> float:
        """The share of the members, by weight, that gave the value."""
        return self.given[0].share

    @property
    def conflict(self) -> bool:
        """Members gave different values."""
        return len(self.given) > 1

    def chosen(self, n: int, arbiter: str) -> Field:
        """The same with its `n`-th value taken."""
        return replace(self, given=(self.given[n], *self.given[:n], *self.given[n + 1 :]), arbiter=arbiter)


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged value, and its fields in the order of the value."""

    value: Any
    fields: tuple[Field, ...]

    @property
    def confidence(self) -> float:
        """The mean over the fields that were kept; 1 where there are none."""
        kept = [one.confidence for one in self.fields if one.kept]
        return sum(kept) / len(kept) if kept else 1.0


@dataclass(frozen=True, slots=True)
class Fusion:
    """Merges the answers of `names`, field by field.

    `weights` are the members' reliabilities, whole numbers; one that is not named has 1. `measured` gives those for a
    field, and a rule's own come before both. `rules` are by path (`items.price`, without positions) or by type. An
    absent field, `null` and an empty text are no vote.
    """

    names: Sequence[str]
    same: Same
    weights: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, FieldSpec] = field(default_factory=dict)
    measured: Measured = unmeasured

    def __call__(self, values: Mapping[int, Any]) -> Merged:
        """Merge what the members answered; `values` is by member, and one that is not there is no vote."""
        fields: list[Field] = []
        return Merged(self._merged(values, (), fields.append), tuple(fields))

    def _merged(self, given: Mapping[int, Any], path: Path, note: Callable[[Field], None]) -> Any:
        types = {n: type_of(value) for n, value in given.items() if value is not None and value != ""}
        if not types:
            return next(iter(given.values()), None)
        weights = self._weights(path)
        heaviest = max(
            dict.fromkeys(types.values()), key=lambda kind: sum(weights[n] for n, own in types.items() if own == kind)
        )
        rule = self.rule(path, heaviest)
        alike = {n: given[n] for n, kind in types.items() if kind == heaviest}
        if rule.merge != "vote" and len(alike) < len(types) and heaviest in ("object", "list"):
            rest = {n: given[n] for n in types if n not in alike}
            note(self._field(path, [(next(iter(alike.values())), list(alike)), *self._grouped(rest, rule)]))
        match heaviest, rule.merge:
            case "object", None | "union":
                return self._object(alike, path, note)
            case "list", None | "union":
                return self._list(alike, path, rule, note)
            case _:
                return self._scalar({n: given[n] for n in types}, path, rule, note)

    def _object(self, given: Mapping[int, Mapping[str, Any]], path: Path, note: Callable[[Field], None]) -> Any:
        made = {}
        for name in dict.fromkeys(name for value in given.values() for name in value):
            have = {n: value[name] for n, value in given.items() if name in value}
            here = (*path, name)
            least = self.rule(here, "").min_support
            support = self._share([n for n, value in have.items() if value is not None], here)
            if least and round(support, 2) < least:
                note(self._field(here, self._grouped(have, FieldSpec()), kept=False))
            else:
                made[name] = self._merged(have, here, note)
        return made

    def _list(
        self, given: Mapping[int, Sequence[Any]], path: Path, rule: FieldSpec, note: Callable[[Field], None]
    ) -> list[Any]:
        made: list[Any] = []
        least = 0.5 if rule.min_support is None else rule.min_support
        for row in self._rows(given, rule):
            items = {n: item for n, (_, item) in row.items()}
            if round(self._share(items, path), 2) < least:
                note(self._field(path, [(next(iter(items.values())), list(items))], kept=False))
                continue
            made.append(self._merged(items, (*path, len(made)), note))
        return made

    def _rows(self, given: Mapping[int, Sequence[Any]], rule: FieldSpec) -> list[Row]:
        """The items of all lists, each thing once, by the numbers of the members that have it."""
        members, lists = list(given), list(given.values())
        objects = all(isinstance(item, Mapping) for items in lists for item in items)
        key = rule.key or (identifier(lists) if objects else None)
        if objects and key is None:
            rows = by_match(lists)
        else:
            named = [[item.get(key) if objects else item for item in items] for items in lists]
            keys = iter(self.same([value for values in named for value in values], rule.kind))
            rows = by_key(lists, [[next(keys) for _ in values] for values in named])
        return [{members[n]: cell for n, cell in row.items()} for row in rows]

    def _scalar(self, given: Mapping[int, Any], path: Path, rule: FieldSpec, note: Callable[[Field], None]) -> Any:
        weights = self._weights(path)
        groups = self._grouped(given, rule)
        totals = [sum(weights[n] for n in members) for _, members in groups]
        chosen = totals.index(max(totals))
        match rule.merge:
            case "median" if all(type_of(value) == "number" for value, _ in groups):
                chosen = _median([value for value, _ in groups], totals)
            case "longest" if all(isinstance(value, str) for value, _ in groups):
                chosen, backing = _longest([value for value, _ in groups], totals)
                members = [n for g in backing for n in groups[g][1]]
                groups = [(groups[chosen][0], members), *(g for i, g in enumerate(groups) if i not in backing)]
                chosen = 0
        groups.insert(0, groups.pop(chosen))
        note(self._field(path, groups))
        return groups[0][0]

    def _grouped(self, given: Mapping[int, Any], rule: FieldSpec) -> list[tuple[Any, list[int]]]:
        """The different values in the order of those who gave them first, each in its first form."""
        groups: dict[Hashable, tuple[Any, list[int]]] = {}
        ordered = sorted(given)
        for n, key in zip(ordered, self.same([given[n] for n in ordered], rule.kind), strict=True):
            groups.setdefault(key, (given[n], []))[1].append(n)
        return list(groups.values())

    def _field(self, path: Path, groups: Sequence[tuple[Any, Sequence[int]]], kept: bool = True) -> Field:
        given = (
            Given(
                value,
                self._share(members, path),
                voters := tuple(sorted(members)),
                tuple(self.names[n] for n in voters),
            )
            for value, members in groups
        )
        return Field(path=path, given=tuple(given), kept=kept)

    def rule(self, path: Path, kind: str) -> FieldSpec:
        """The rule of a field: that of its path, else that of its type."""
        return self.rules.get(plain(path)) or self.rules.get(kind) or FieldSpec()

    def _weights(self, path: Path) -> list[int]:
        own = self.rule(path, "").weights
        if own is None and (measured := self.measured(plain(path))) is not None:
            return list(measured)
        return [(own or {}).get(name, self.weights.get(name, 1)) for name in self.names]

    def _share(self, members: Sequence[int] | Mapping[int, Any], path: Path) -> float:
        """How much of the weight some members have; as other shares it is compared rounded to two places."""
        weights = self._weights(path)
        return float(share(sum(weights[n] for n in members), sum(weights) or 1))


def plain(path: Path) -> str:
    """A path without positions: `items.price`."""
    return ".".join(part for part in path if isinstance(part, str))


def type_of(value: Any) -> Type:
    """The JSON type of a value that is not null."""
    match value:
        case Mapping():
            return "object"
        case str():
            return "string"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case _:
            return "list"


def put(whole: Any, path: Path, value: Any) -> Any:
    """A copy of `whole` with another value at `path`."""
    if not path:
        return value
    head, *rest = path
    if isinstance(whole, Mapping):
        return {**whole, head: put(whole.get(str(head)), tuple(rest), value)}
    return [put(item, tuple(rest), value) if n == head else item for n, item in enumerate(whole)]


def _median(values: Sequence[float], weights: Sequence[int]) -> int:
    """Which value has at most half of the weight on either side; of two the lower, so that somebody gave it."""
    passed = 0
    order = sorted(range(len(values)), key=lambda n: values[n])
    for n in order:
        passed += weights[n]
        if 2 * passed >= sum(weights):
            return n
    return order[-1]


def _longest(values: Sequence[str], weights: Sequence[int]) -> tuple[int, list[int]]:
    """The longest of the texts that agree with the greatest weight, and all that agree with it.

    Two texts agree when one has all the words of the other.
    """
    words = [frozenset(re.findall(r"\w+", value.casefold())) for value in values]
    agree = [list(_agreeing(words, n)) for n in range(len(values))]
    backing = [sum(weights[n] for n in members) for members in agree]
    chosen = max(range(len(values)), key=lambda n: (backing[n], len(values[n])))
    return chosen, agree[chosen]


def _agreeing(words: Sequence[frozenset[str]], n: int) -> Iterator[int]:
    return (other for other, theirs in enumerate(words) if theirs <= words[n] or words[n] <= theirs)
