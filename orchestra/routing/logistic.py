"""Logistic regression over named numbers, in plain Python: fitted by Newton's steps, its ridge chosen on folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import mul
from typing import Any, Self

RIDGES = (10_000.0, 1_000.0, 300.0, 100.0, 30.0, 10.0)
"""From the strongest pull towards zero to the weakest."""
LEAST_SCALE = 0.5
"""Numbers that hardly differ are not blown up to the scale of those that do."""
PATIENCE = 0.5
"""Standard errors by which a weaker ridge must be better to be taken."""
FOLDS = 5
STEPS = 12
ENOUGH = 1e-4
SPARED_RIDGE = 1.0
Row = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Logistic:
    """The probability of an outcome from named numbers; a name that is missing counts as its mean."""

    weights: Mapping[str, float]
    means: Mapping[str, float] = field(repr=False)
    bias: float = 0.0

    def __call__(self, row: Row) -> float:
        parts = [w * (row[name] - self.means[name]) for name, w in self.weights.items() if name in row]
        return _logistic(self.bias + math.fsum(parts))

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"weights": dict(self.weights), "means": dict(self.means), "bias": self.bias}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """The one that `plain` was made of."""
        return cls(plain["weights"], plain["means"], plain["bias"])


class _Table:
    """Rows as columns around their means, on one scale, with a last column of ones."""

    def __init__(self, rows: Sequence[Row], outcomes: Sequence[float], spared: Sequence[str]) -> None:
        self.names = list(rows[0])
        self.outcomes = outcomes
        self.spared = [name in spared for name in self.names]
        self.means: dict[str, float] = {}
        self.scales: list[float] = []
        self.columns: list[list[float]] = []
        for name in self.names:
            column = [row[name] for row in rows]
            mean = self.means[name] = math.fsum(column) / len(column)
            spread = math.sqrt(math.fsum((value - mean) ** 2 for value in column) / len(column))
            self.scales.append(max(spread, LEAST_SCALE))
            self.columns.append([(value - mean) / self.scales[-1] for value in column])
        self.columns.append([1.0] * len(rows))
        self.weights = [0.0] * len(self.columns)

    def fit(self, ridge: float) -> Logistic:
        """The most probable model under `ridge`, looked for from where the last one was found."""
        ridges = [*(SPARED_RIDGE if spared else ridge for spared in self.spared), 1e-9]
        for _ in range(STEPS):
            step = _newton(self.columns, self.outcomes, self.weights, ridges)
            self.weights = [weight - change for weight, change in zip(self.weights, step, strict=True)]
            if max(map(abs, step)) < ENOUGH:
                break
        scaled = [weight / scale for weight, scale in zip(self.weights, self.scales, strict=False)]
        return Logistic(dict(zip(self.names, scaled, strict=True)), self.means, self.weights[-1])


def chosen(rows: Sequence[Row], outcomes: Sequence[float], spared: Sequence[str] = ()) -> tuple[Logistic, list[float]]:
    """The model whose ridge does best on folds it was not fitted on, and what it said of each row before it knew it.

    Outcomes are in [0, 1]; the weights of `spared` names are hardly pulled at. Of ridges that are not told apart (by
    half a standard error of their difference) the strongest is taken.
    """
    said = [[0.0] * len(rows) for _ in RIDGES]
    for fold in range(FOLDS):
        rest = [n for n in range(len(rows)) if n % FOLDS != fold]
        table = _Table([rows[n] for n in rest], [outcomes[n] for n in rest], spared)
        for chances, ridge in zip(said, RIDGES, strict=True):
            model = table.fit(ridge)
            for n in range(fold, len(rows), FOLDS):
                chances[n] = model(rows[n])
    surprises = [[_surprise(p, y) for p, y in zip(chances, outcomes, strict=True)] for chances in said]
    best = min(surprises, key=math.fsum)
    for ridge, chances, surprise in zip(RIDGES, said, surprises, strict=True):
        worse = [mine - least for mine, least in zip(surprise, best, strict=True)]
        if math.fsum(worse) <= PATIENCE * _error(worse):
            return _Table(rows, outcomes, spared).fit(ridge), chances
    raise AssertionError


def _newton(
    columns: Sequence[Sequence[float]], outcomes: Sequence[float], weights: Sequence[float], ridges: Sequence[float]
) -> list[float]:
    sums = [0.0] * len(outcomes)
    for weight, column in zip(weights, columns, strict=True):
        sums = [total + weight * value for total, value in zip(sums, column, strict=True)]
    chances = [_logistic(total) for total in sums]
    misses = [p - y for p, y in zip(chances, outcomes, strict=True)]
    spreads = [max(p * (1 - p), 1e-6) for p in chances]
    matrix = []
    for n, column in enumerate(columns):
        spread = list(map(mul, column, spreads))
        row = [sum(map(mul, spread, other)) for other in columns[: n + 1]]
        row[n] += ridges[n]
        matrix.append(row)
    size = len(columns)
    full = [[matrix[max(i, j)][min(i, j)] for j in range(size)] for i in range(size)]
    slope = [
        sum(map(mul, column, misses)) + ridge * weight
        for column, ridge, weight in zip(columns, ridges, weights, strict=True)
    ]
    return _solved(full, slope)


def _solved(matrix: list[list[float]], values: list[float]) -> list[float]:
    """The x of matrix · x = values, for a matrix that is positive definite (Gauss)."""
    rows = [[*row, value] for row, value in zip(matrix, values, strict=True)]
    size = len(rows)
    for n in range(size):
        head = rows[n]
        for row in rows[n + 1 :]:
            factor = row[n] / head[n]
            if factor:
                row[n:] = [value - factor * other for value, other in zip(row[n:], head[n:], strict=True)]
    found = [0.0] * size
    for n in reversed(range(size)):
        found[n] = (rows[n][size] - sum(map(mul, rows[n][n + 1 : size], found[n + 1 :]))) / rows[n][n]
    return found


def _logistic(total: float) -> float:
    return 1 / (1 + math.exp(-min(max(total, -30.0), 30.0)))


def _surprise(chance: float, outcome: float) -> float:
    chance = min(max(chance, 1e-9), 1 - 1e-9)
    return -(outcome * math.log(chance) + (1 - outcome) * math.log(1 - chance))


def _error(values: Sequence[float]) -> float:
    """The standard error of their sum."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values))
