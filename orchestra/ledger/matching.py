"""Which rows of the ledger a line of an invoice is about: by id, by model and time, or by day and model."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence

from orchestra.ledger.entry import Entry
from orchestra.ledger.invoice import Line

SAME_S = 600.0
"""Calls with the same tokens may be so far apart by the two clocks and still be one."""
NEAR_S = 60.0
"""Calls with other tokens may be so far apart."""

Tokens = tuple[int | None, int | None]
Fits = Callable[[Line, Entry], bool]
Pair = tuple[Line, tuple[Entry, ...]]
"""A line and its rows; none where the ledger lacks it."""


def by_id(lines: Sequence[Line], rows: Iterable[Entry]) -> list[Pair]:
    """Each line's row by an id that both have: the call's, or the request's."""
    known: dict[str, list[Entry]] = {}
    for row in rows:
        for id in {row.id, row.request} - {""}:
            known.setdefault(id, []).append(row)
    found: dict[int, Entry] = {}
    taken: set[str] = set()
    for line in lines:
        some = [row for row in known.get(line.id or "", ()) if row.id not in taken]
        best = max(some, key=lambda row: (billed(row), fits(line, row), agree(line, row)), default=None)
        if best is not None:
            found[line.number] = best
            taken.add(best.id)
    return _paired(lines, found)


def by_time(lines: Sequence[Line], rows: Sequence[Entry], grain: int) -> list[Pair]:
    """Each line's row by model and time: first those with the same figures, then what is nearest.

    Amounts that differ by less than `grain`, in nano-USD, are the same.
    """
    expected = [row for row in rows if billed(row)]
    sorted_in: dict[Tokens, list[Entry]] = {}
    for row in expected:
        sorted_in.setdefault((row.input_tokens, row.output_tokens), []).append(row)
    alike = {tokens: _Timeline(some) for tokens, some in sorted_in.items()}
    ours, everything = _Timeline(expected), _Timeline(rows)

    def same_amount(line: Line, row: Entry) -> bool:
        return line.amount is None or (row.priced and abs(row.amount - line.amount) <= max(grain - 1, 1))

    def same_tokens(line: Line) -> _Timeline | None:
        tokens = (line.input_tokens, line.output_tokens)
        return ours if None in tokens else alike.get(tokens)

    def any_call(line: Line, row: Entry) -> bool:
        return True

    def same_figures(line: Line, row: Entry) -> bool:
        return agree(line, row) and same_amount(line, row)

    found: dict[int, Entry] = {}
    taken: set[str] = set()
    passes: list[tuple[Callable[[Line], _Timeline | None], float, Fits]] = [
        (same_tokens, SAME_S, same_figures),
        (lambda line: ours, NEAR_S, any_call),
        (same_tokens, SAME_S, agree),
        (lambda line: everything, NEAR_S, any_call),
    ]
    timed = sorted((line for line in lines if line.at is not None), key=lambda line: line.at or 0.0)
    for where, within_s, wanted in passes:
        for line in timed:
            timeline = where(line)
            if timeline is not None and line.number not in found:
                best = timeline.nearest(line, within_s, wanted, taken)
                if best is not None:
                    found[line.number] = best
                    taken.add(best.id)
    return _paired(lines, found)


def by_sum(lines: Sequence[Line], rows: Iterable[Entry]) -> list[Pair]:
    """The rows of each line's time and model; a row that fits two goes where its full name stands."""
    spans: dict[tuple[float, float], list[Line]] = {}
    for line in lines:
        if line.at is not None:
            spans.setdefault((line.at, line.at if line.ends is None else line.ends), []).append(line)
    sorted_in: dict[int, list[Entry]] = {line.number: [] for line in lines}
    for row in rows:
        at = time_of(row)
        here = [line for (begins, ends), some in spans.items() if begins <= at < ends for line in some]
        best = max(here, key=lambda line: fits(line, row), default=None)
        if best is not None and fits(best, row):
            sorted_in[best.number].append(row)
    return [(line, tuple(sorted_in[line.number])) for line in lines]


def time_of(row: Entry) -> float:
    """When a call was made, by the clock of the machine that made it."""
    return row.started_at or row.made


def times(
    lines: Sequence[Line], since: float | None = None, until: float | None = None
) -> tuple[float | None, float | None]:
    """When the calls of an invoice were made: as told, else from its first line to the end of its last."""
    first = min((line.at for line in lines if line.at is not None), default=None)
    last = max((line.ends or line.at + 1 for line in lines if line.at is not None), default=None)
    return first if since is None else since, last if until is None else until


def billed(row: Entry) -> bool:
    """A provider is expected to bill it: it was not proven to be free, and is no cached answer."""
    return row.basis != "void" and not row.saved and bool(row.amount or row.total_tokens or not row.priced)


def fits(line: Line, row: Entry) -> int:
    """2 when the line's model is the row's, 1 when it is but for its version, 0 when it is another."""
    if line.model is None:
        return 2
    named = _names(line.model)
    ours = {name for text in (row.model, row.served, row.name) if text for name in _names(text)}
    if named & ours:
        return 2
    return int(bool({_base(name) for name in named} & {_base(name) for name in ours}))


def agree(line: Line, *rows: Entry) -> bool:
    """The line counts the tokens of the rows, as far as it says."""
    here = (sum(row.input_tokens for row in rows), sum(row.output_tokens for row in rows))
    there = (line.input_tokens, line.output_tokens)
    return all(theirs in (None, ours) for ours, theirs in zip(here, there, strict=True))


class _Timeline:
    """Calls in their order."""

    def __init__(self, rows: Iterable[Entry]) -> None:
        self.rows = sorted(rows, key=time_of)
        self.times = [time_of(row) for row in self.rows]
        self.longest_s = max((row.latency_s for row in self.rows), default=0.0)

    def nearest(self, line: Line, within_s: float, wanted: Fits, taken: set[str]) -> Entry | None:
        """The wanted row, not taken yet, that fits the line best: by its model, its tokens, its time."""
        assert line.at is not None
        first = bisect_left(self.times, line.at - within_s - self.longest_s)
        last = bisect_left(self.times, line.at + within_s)
        best: tuple[tuple[int, bool, float], Entry] | None = None
        for row in self.rows[first:last]:
            apart_s = _apart_s(line.at, row)
            if row.id in taken or apart_s > within_s or not wanted(line, row):
                continue
            if fit := fits(line, row):
                key = (-fit, not agree(line, row), apart_s)
                if best is None or key < best[0]:
                    best = (key, row)
        return best[1] if best else None


def _paired(lines: Sequence[Line], found: Mapping[int, Entry]) -> list[Pair]:
    return [(line, (found[line.number],) if line.number in found else ()) for line in lines]


def _apart_s(at: float, row: Entry) -> float:
    """How far a time is from the call."""
    start = time_of(row)
    return max(start - at, at - start - row.latency_s, 0.0)


def _names(model: str) -> set[str]:
    """A model with and without its provider's prefix."""
    name = model.casefold()
    return {name, name.partition("/")[2] or name, name.rpartition("/")[2]}


def _base(name: str) -> str:
    """`gpt-4o-2024-08-06`, `gpt-4-0613` and `gpt-4o-latest` without their version."""
    return re.sub(r"([-@:](\d{4}-\d{2}-\d{2}|\d{8}|\d{3,4}|latest))+$", "", name)
