"""Pairing two lists one to one so that the pairs are as alike as they can be."""

from __future__ import annotations

from collections.abc import Sequence

UNREACHED = float("inf")


def assignment(likeness: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """The (row, column) pairs with the greatest total likeness; every row or every column is paired.

    The Hungarian method (Kuhn 1955) with potentials, in rows² × columns steps.
    """
    rows, columns = len(likeness), len(likeness[0]) if likeness else 0
    if rows > columns:
        turned = [[likeness[row][column] for row in range(rows)] for column in range(columns)]
        return sorted((row, column) for column, row in assignment(turned))
    of_row, of_column = [0.0] * (rows + 1), [0.0] * (columns + 1)
    row_of = [0] * (columns + 1)  # 1-based; column 0 is where the row to be placed stands
    for row in range(1, rows + 1):
        row_of[0] = row
        for column, before in _shortest_path(likeness, row_of, of_row, of_column):
            row_of[column] = row_of[before]
    return sorted((row_of[column] - 1, column - 1) for column in range(1, columns + 1) if row_of[column])


def _shortest_path(
    likeness: Sequence[Sequence[float]], row_of: list[int], of_row: list[float], of_column: list[float]
) -> list[tuple[int, int]]:
    """The cheapest way from the row in column 0 to a free column, as (column, the one before), last to first."""
    columns = len(of_column) - 1
    cost, before, done = [UNREACHED] * (columns + 1), [0] * (columns + 1), [False] * (columns + 1)
    here = 0
    while row_of[here]:
        done[here] = True
        row = row_of[here]
        for column in range(1, columns + 1):
            if not done[column]:
                reduced = -likeness[row - 1][column - 1] - of_row[row] - of_column[column]
                if reduced < cost[column]:
                    cost[column], before[column] = reduced, here
        nearest = min((c for c in range(1, columns + 1) if not done[c]), key=lambda c: cost[c])
        step = cost[nearest]
        for column in range(columns + 1):
            if done[column]:
                of_row[row_of[column]] += step
                of_column[column] -= step
            elif column:
                cost[column] -= step
        here = nearest
    path = []
    while here:
        path.append((here, before[here]))
        here = before[here]
    return path
