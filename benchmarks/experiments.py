"""Experiments under people who look after every result: false winners, power, coverage, fairness of the assignment.

Simulated users look after every observation and stop as soon as they are told of a winner. `ours` is what
`Experiment.analysis` does (`orchestra.prompting.sequences`), `z-test` calls a winner at |z| > 1.96, `highest mean` is
the rule of the spec's own `get_winner`, asked at the end.

    python benchmarks/experiments.py [--quick] [--processes N] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from orchestra.prompting.analysis import AROUND, MISMATCH_ALPHA
from orchestra.prompting.sequences import (
    ENOUGH,
    ENOUGH_ALONE,
    Interval,
    Moments,
    betting_interval,
    difference_interval,
    mean_interval,
    more_wins,
    multinomial_evidence,
    rate_interval,
)
from orchestra.prompting.top_two import top_two

ALPHA = 0.05
Draw = Callable[[Random], float]


@dataclass(slots=True)
class Sums:
    """Values as they come, with the moments of those so far."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.n += 1
        self.total += value
        self.squares += value * value

    @property
    def variance(self) -> float:
        return max(0.0, (self.squares - self.total * self.total / self.n) / (self.n - 1)) if self.n > 1 else 0.0

    @property
    def moments(self) -> Moments:
        return Moments(self.n, self.total / max(1, self.n), self.variance)


def rate(p: float) -> Draw:
    return lambda chance: float(chance.random() < p)


def score(mean: float) -> Draw:
    """Scores between 0 and 1 around a mean."""
    return lambda chance: chance.betavariate(4 * mean, 4 * (1 - mean))


def cost(chance: Random) -> float:
    """Costs: most are small, a few are large."""
    return 0.01 * math.exp(chance.gauss(0.0, 1.0))


def grade(chance: Random) -> float:
    """What a judge gives: 0, ½ or 1."""
    return chance.choices((0.0, 0.5, 1.0), (0.2, 0.1, 0.7))[0]


DRAWS: dict[str, Draw] = {
    "rate 0.5": rate(0.5),
    "rate 0.7": rate(0.7),
    "rate 0.95": rate(0.95),
    "scores 0.7": score(0.7),
    "grades 0, ½, 1": grade,
    "costs, lognormal": cost,
    "rate 0.6": rate(0.6),
    "rate 0.75": rate(0.75),
    "scores 0.73": score(0.73),
}
ALIKE = ("rate 0.5", "rate 0.7", "rate 0.95", "scores 0.7", "grades 0, ½, 1", "costs, lognormal")
TRUTHS = {"rate 0.7": 0.7, "rate 0.95": 0.95, "scores 0.7": 0.7, "costs, lognormal": 0.01 * math.exp(0.5)}
COVERED = (
    "rate: rate 0.7",
    "rate: rate 0.95",
    "difference: rate 0.7",
    "difference: rate 0.95",
    "mean: scores 0.7",
    "mean: costs, lognormal",
    "difference: scores 0.7",
    "difference: costs, lognormal",
    "9 to 1: rate 0.95",
    "9 to 1: costs, lognormal",
)
FIVE = ((0.5, 0.55, 0.6, 0.65, 0.75), (0.5, 0.5, 0.5, 0.5, 0.57))
LEARNT_EVERY = 20
"""Results between two readings of the ledger by those who assign."""
WAYS = ("ours", "z-test", "highest mean")
Runs = Callable[..., list[Any]]
"""Simulates something so many times, each with a seed of its own."""


def standard_errors(sums: Sequence[Sums]) -> float:
    """How many of them lie between the two means; 0 below `ENOUGH` results, where a z-test says nothing."""
    if sums[0].n < ENOUGH or sums[1].n < ENOUGH:
        return 0.0
    one, two = sums
    error = math.sqrt(one.variance / one.n + two.variance / two.n)
    return (two.total / two.n - one.total / one.n) / error if error else 0.0


def ours(sums: Sequence[Sums], wins: Sequence[int], rates: bool, z: float) -> int | None:
    """The arm that the shipped analysis calls, as it compares two arms with equal shares.

    Where it can't call one, which is quickly seen, it is not asked.
    """
    if rates:
        ahead = int(wins[1] > wins[0])
        most = math.log(2) * (wins[1] - wins[0]) ** 2 / max(1, wins[0] + wins[1])
        enough = most >= math.log(2 / ALPHA) and more_wins(wins[ahead], wins[1 - ahead], ALPHA)
        return ahead if enough else None
    if abs(z) < 3:
        return None
    low, high = difference_interval(sums[0].moments, sums[1].moments, ALPHA)
    return 1 if low > 0 else 0 if high < 0 else None


def raced(one: str, other: str, most: int, seed: int) -> dict[str, tuple[int | None, int]]:
    """Two arms, a look after every result: which arm each way called, and at how many results of each.

    It ends when both have called one, or when `most` results of each are in.
    """
    chance, sums, wins, rates = Random(seed), (Sums(), Sums()), [0, 0], True
    found: dict[str, tuple[int | None, int]] = {}
    for n in range(1, most + 1):
        pair = DRAWS[one](chance), DRAWS[other](chance)
        rates = rates and {*pair} <= {0.0, 1.0}
        wins[0] += pair[0] > pair[1]
        wins[1] += pair[1] > pair[0]
        for arm in (0, 1):
            sums[arm].add(pair[arm])
            z = 0.0 if rates and "z-test" in found else standard_errors(sums)
            if "ours" not in found and (called := ours(sums, wins, rates, z)) is not None:
                found["ours"] = called, n
            if "z-test" not in found and abs(z) > 1.96:
                found["z-test"] = int(z > 0), n
        if len(found) == 2:
            break
    highest = int(sums[1].total > sums[0].total)
    return {"highest mean": (highest, most), "ours": (None, most), "z-test": (None, most), **found}


def covered(what: str, most: int, seed: int) -> bool:
    """An interval held the truth at every look, which is after every 25th result."""
    kind, _, draw = what.partition(": ")
    chance, sums, apart = Random(seed), (Sums(), Sums()), Counter[float]()
    truth = TRUTHS[draw] if kind in ("rate", "mean") else 0.0
    for n in range(1, most + 1):
        first, second = [DRAWS[draw](chance) for _ in range(9 if kind == "9 to 1" else 1)], DRAWS[draw](chance)
        for value in first:
            sums[0].add(value)
        sums[1].add(second)
        apart[second - sum(first) / len(first)] += 1
        if n % 25:
            continue
        low, high = interval(kind, draw, sums, apart)
        if not low <= truth <= high:
            return False
    return True


def interval(kind: str, draw: str, sums: Sequence[Sums], apart: Mapping[float, int]) -> Interval:
    """What the shipped analysis says of one arm, or of the difference of two."""
    one, two = sums[0].moments, sums[1].moments
    match kind:
        case "rate":
            return rate_interval(round(sums[0].total), one.n, ALPHA)
        case "mean":
            return mean_interval(one, ALPHA)
        case "difference" | "9 to 1" if draw.startswith("rate"):
            return betting_interval(apart, ALPHA)
        case "difference":
            return difference_interval(one, two, ALPHA)
        case _:
            return difference_interval(one, two, ALPHA, ENOUGH_ALONE)


def best_of(means: Sequence[float], adaptive: bool, most: int, seed: int) -> tuple[int | None, int]:
    """Several rates, a look after every result: which arm was called, and after how many results of all arms."""
    chance, sums = Random(seed), [Sums() for _ in means]
    for n in range(most):
        if not adaptive:
            arm = n % len(means)
        elif n % LEARNT_EVERY == 0 or not n:
            known = {str(i): one.moments for i, one in enumerate(sums)}
        if adaptive:
            arm = int(top_two(known, chance))
        sums[arm].add(float(chance.random() < means[arm]))
        best = max(range(len(means)), key=lambda i: sums[i].moments.mean)
        alpha = ALPHA / (len(means) - 1)
        others = (i for i in range(len(means)) if i != best)
        if all(difference_interval(sums[i].moments, sums[best].moments, alpha)[0] > 0 for i in others):
            return best, n + 1
    return None, most


def mismatched(share: float, most: int, seed: int) -> int | None:
    """After how many units an assignment of this share instead of a half was called unfair; `None`: never."""
    chance, counts = Random(seed), [0, 0]
    for n in range(most):
        counts[chance.random() < share] += 1
        if multinomial_evidence(counts, (0.5, 0.5), AROUND) >= 1 / MISMATCH_ALPHA:
            return n + 1
    return None


def paired(same: bool, most: int, seed: int) -> int | None:
    """Results of each arm until the better one of two is called; inputs differ in difficulty far more than arms do."""
    chance, apart, sums = Random(seed), Sums(), (Sums(), Sums())
    for n in range(most):
        hard = [chance.random()] * 2 if same else [chance.random(), chance.random()]
        pair = [0.8 * hard[arm] + 0.03 * arm + chance.gauss(0, 0.05) for arm in (0, 1)]
        apart.add(pair[1] - pair[0])
        for arm in (0, 1):
            sums[arm].add(pair[arm])
        alone = difference_interval(sums[0].moments, sums[1].moments, ALPHA)
        found = mean_interval(apart.moments, ALPHA, ENOUGH) if same else alone
        if found[0] > 0:
            return n + 1
    return None


Row = dict[str, Any]


def false_winners(run: Runs, runs: int, most: int) -> Iterator[Row]:
    for draw in ALIKE:
        ends = run(raced, runs, draw, draw, most)
        shares = {way: sum(end[way][0] is not None for end in ends) / runs for way in WAYS}
        yield {"arms": draw, "runs": runs, "results": most, **shares}


def power(run: Runs, runs: int, most: int) -> Iterator[Row]:
    for one, other in (("rate 0.6", "rate 0.7"), ("rate 0.7", "rate 0.75"), ("scores 0.7", "scores 0.73")):
        ends = run(raced, runs, one, other, most)
        for way in WAYS:
            at = sorted(end[way][1] for end in ends if end[way][0] == 1)
            wrong = sum(end[way][0] == 0 for end in ends) / runs
            median = statistics.median(at) if at else None
            yield {"arms": f"{one} / {other}", "way": way, "found": len(at) / runs, "wrong": wrong, "median": median}
        planned = {"way": "one planned look", "found": 0.8, "wrong": 0.0, "median": planned_size(one, other)}
        yield {"arms": f"{one} / {other}", **planned}


def planned_size(one: str, other: str) -> float:
    """Results of each arm that a test with a single look, at their end, needs to find the better arm in 80 %."""
    means = [float(name.split()[1]) for name in (one, other)]
    spread = 1.0 if one.startswith("rate") else 1 / 5  # of a beta distribution whose parameters add up to 4
    return (1.96 + 0.842) ** 2 * spread * sum(mean * (1 - mean) for mean in means) / (means[0] - means[1]) ** 2


def coverage(run: Runs, runs: int, most: int) -> Iterator[Row]:
    for what in COVERED:
        yield {"interval": what, "runs": runs, "results": most, "held": sum(run(covered, runs, what, most)) / runs}


def best_arm(run: Runs, runs: int, most: int) -> Iterator[Row]:
    for means in FIVE:
        best, used = means.index(max(means)), {}
        for way, adaptive in (("uniform", False), ("top-two", True)):
            ends = run(best_of, runs, means, adaptive, most)
            used[way] = statistics.mean(n for _, n in ends)
            row = {"rates": "/".join(map(str, means)), "way": way, "found": sum(arm == best for arm, _ in ends) / runs}
            wrong = sum(arm not in (best, None) for arm, _ in ends) / runs
            yield {**row, "wrong": wrong, "results": used[way], "saved": 1 - used[way] / used["uniform"]}


def none_is_best(run: Runs, runs: int, most: int) -> Iterator[Row]:
    for way, adaptive in (("uniform", False), ("top-two", True)):
        ends = run(best_of, runs, (0.6,) * 5, adaptive, most)
        yield {"way": way, "runs": runs, "results": most, "called": sum(arm is not None for arm, _ in ends) / runs}


def fairness(run: Runs, runs: int, most: int) -> Iterator[Row]:
    for share in (0.5, 0.52, 0.55):
        at = [n for n in run(mismatched, runs, share, most) if n is not None]
        median = statistics.median(at) if at else None
        yield {"share": share, "runs": runs, "units": most, "called unfair": len(at) / runs, "median": median}


def pairing(run: Runs, runs: int, most: int) -> Iterator[Row]:
    for way, same in (("other inputs", False), ("the same inputs", True)):
        at = [n for n in run(paired, runs, same, most) if n is not None]
        yield {"way": way, "found": len(at) / runs, "median": statistics.median(at) if at else None}


PARTS = {
    "False winners: both arms are the same, a look after every result": (false_winners, 2000, 1000),
    "Power: results of each arm until the better one is called": (power, 500, 3000),
    "Coverage: the truth was inside at every look": (coverage, 400, 1000),
    "The best of five: results of all arms until it is called": (best_arm, 100, 30_000),
    "False winners of five equal arms: a look after every result": (none_is_best, 400, 4000),
    "Sample ratio: the assignment is fair at 0.5": (fairness, 500, 5000),
    "Pairs: results of each arm until a difference of 0.03 is called": (pairing, 300, 5000),
}
"""What is simulated, how often, and over how many results at the most."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the runs")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    given = parser.parse_args()
    tables: dict[str, list[Row]] = {}
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:

        def run(simulate: Callable[..., Any], runs: int, *about: Any) -> list[Any]:
            return pool.starmap(simulate, [(*about, seed) for seed in range(runs)], chunksize=max(1, runs // 20))

        for title, (part, runs, most) in PARTS.items():
            begun = time.perf_counter()
            tables[title] = list(part(run, max(10, runs // 20) if given.quick else runs, most))
            if not given.json:
                show(title, tables[title], time.perf_counter() - begun)
    if given.json:
        print(json.dumps(tables, indent=2))


def show(title: str, rows: Sequence[Row], taken_s: float) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{title} ({taken_s:.0f} s)")
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*(cell(value) for value in row.values()))
    Console().print(table)


def cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if value > 10 else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
