"""What learned routing is worth on recorded answers, how long a decision takes, how fast a log is replayed.

Recorded: for cheap and strong models on GSM8K and CRUXEval, and on both mixed, a policy is trained on one half of the
questions and judged on the other, for several seeds: the area of the gap recovered (APGR) and the share of strong calls
that recovers half and four fifths of it (CPT50, CPT80; RouteLLM, §3.1), beside chance, the prompt's length alone and an
oracle that knows the answers. Drift: regret of the adaptive strategy when the best model changes, with and without
discounting. Time: p50 and p99 of one decision, and of a replay of many rows.

    python benchmarks/routing.py [--recorded DIR] [--seeds 5] [--rows 100000] [--only recorded drift time] [--json]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from orchestra import APISettings, MultiModelAPI
from orchestra.ledger import Entry
from orchestra.replay import replay
from orchestra.routing import Facts, route_of
from orchestra.routing.adaptive import Adaptive, Played, _count
from orchestra.routing.classify import builtin
from orchestra.routing.curve import Pair, apgr, cpt, ordered, recovered
from orchestra.routing.learn import Example, Target, learned
from orchestra.routing.measured import Measured
from orchestra.routing.traits import traits
from orchestra.types import Request

PAIRS = (
    ("gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"),
    ("claude-3-haiku-20240307", "claude-3-5-sonnet-20240620"),
    ("groq/llama-3.1-8b-instant", "groq/llama-3.1-70b-versatile"),
)
TASKS = {"crux + gsm": ("crux", "gsm"), "crux": ("crux",), "gsm": ("gsm",)}
ROUTERS = ("learned", "length", "oracle")
HEIGHT, STEPS = 11, 61

Row = dict[str, Any]


def recorded(folder: Path, seeds: int) -> dict[str, Any]:
    """APGR, CPT50 and CPT80 of each router, by task and pair; and the mean curve of the first pair on both tasks."""
    data: dict[str, list[Row]] = {}
    for name in ("crux", "gsm"):
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            data[name] = [json.loads(line) for line in file]
    known = {id(row): traits(row["prompt"], builtin()) for rows in data.values() for row in rows}
    results: list[Row] = []
    curves: dict[str, list[list[float]]] = {name: [] for name in ROUTERS}
    for task, parts in TASKS.items():
        rows = [row for part in parts for row in data[part]]
        for cheap, strong in PAIRS:
            found: dict[str, list[list[float]]] = {name: [] for name in ROUTERS}
            for seed in range(seeds):
                for name, curve in _curves(rows, known, cheap, strong, seed).items():
                    found[name].append(curve)
            if task == "crux + gsm" and cheap == PAIRS[0][0]:
                curves = found
            scores = {name: [fmean(f(c) for c in some) for f in FIGURES] for name, some in found.items()}
            spread = [apgr(a) - apgr(b) for a, b in zip(found["learned"], found["length"], strict=True)]
            results.append({"task": task, "cheap": cheap, "strong": strong, **scores, "ahead": fmean(spread)})
    plot = {name: [fmean(_at(c, n / (STEPS - 1)) for c in some) for n in range(STEPS)] for name, some in curves.items()}
    return {"rows": results, "curve": plot}


FIGURES: tuple[Callable[[Sequence[float]], float], ...] = (apgr, lambda c: cpt(c, 0.5), lambda c: cpt(c, 0.8))


def _curves(rows: list[Row], known: Mapping[int, Mapping[str, float]], cheap: str, strong: str, seed: int) -> Any:
    shuffled = random.Random(seed).sample(rows, len(rows))
    train, test = shuffled[: len(rows) // 2], shuffled[len(rows) // 2 :]
    examples = [Example(known[id(r)], {m: float(r["correct"][m]) for m in (cheap, strong)}) for r in train]
    trained = learned(examples, [cheap, strong], {cheap: 0.0, strong: 1.0}, Target(strong_share=0.3), seed)
    pairs: list[Pair] = [(float(r["correct"][cheap]), float(r["correct"][strong])) for r in test]
    expected = [trained.qualities(known[id(r)]) for r in test]
    scores = {
        "learned": [row[strong] - row[cheap] for row in expected],
        "length": [known[id(r)]["length"] for r in test],
        "oracle": [b - a for a, b in pairs],
    }
    return {name: recovered(ordered(pairs, found)) for name, found in scores.items()}


def _at(curve: Sequence[float], share: float) -> float:
    return curve[round((len(curve) - 1) * share)]


def drift(seeds: int, requests: int = 4_000, fold_every: int = 20) -> dict[str, float]:
    """Regret in answers against the model that is best at the time, when the best one changes halfway."""
    qualities = ({"a": 0.9, "b": 0.75, "c": 0.7}, {"a": 0.6, "b": 0.75, "c": 0.85})
    arms = [MultiModelAPI(APISettings()).tree.find(name) for name in ("gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet")]
    names = dict(zip((arm.name for arm in arms), "abc", strict=True))
    fixed = max("abc", key=lambda arm: sum(q[arm] for q in qualities))
    policies = {"discounted (half-life 200)": 200, "not discounted": 10**9}
    lost = dict.fromkeys((*policies, f"best fixed ({fixed})", "at random"), 0.0)
    for seed in range(seeds):
        for policy, half_life in policies.items():
            chance, counts, waiting = random.Random(seed), {}, []
            for n in range(requests):
                quality = qualities[2 * n // requests]
                played = Played("p", half_life, counts)
                strategy = Adaptive(lambda played=played: played, lambda: 0.0)
                places = strategy.rank(strategy.measure(arms, Facts(request=f"{seed}/{n}")), Facts())
                arm = names[min(places, key=lambda name: places[name].key)]
                lost[policy] += (max(quality.values()) - quality[arm]) / seeds
                waiting.append((arm, float(chance.random() < quality[arm])))
                if n % fold_every == 0:
                    back = {short: name for name, short in names.items()}
                    for short, value in waiting:
                        _count(counts, None, back[short], value, 0.5 ** (1 / half_life))
                    counts, waiting = dict(counts), []
    for quality in qualities:
        lost[f"best fixed ({fixed})"] += requests / 2 * (max(quality.values()) - quality[fixed])
        lost["at random"] += requests / 2 * (max(quality.values()) - fmean(quality.values()))
    return lost


def times(repeats: int = 2_000) -> dict[str, tuple[float, float]]:
    """p50 and p99, in microseconds of the processor: by rules, with the task told first, and as learned."""
    text = "A farmer has 17 sheep and buys 5 more each year for 4 years. How many has he then? Explain step by step."
    rules = route_of(MultiModelAPI(APISettings()).tree.find("default"))
    examples = [Example(traits(f"{text} {'x' * n}", builtin()), {"a": n % 2, "b": 1.0}) for n in range(80)]
    trained = learned(examples, ["a", "b"], {"a": 0.1, "b": 1.0}, Target(strong_share=0.5))
    asked = Request(messages=({"role": "user", "content": text},))
    given = Request(messages=asked.messages, task_type="reasoning")
    kinds: dict[str, Callable[[], object]] = {
        "by rules (13 of them), task given": lambda: rules.explain(given),  # type: ignore[union-attr]
        "by rules, task told from the text": lambda: rules.explain(asked),  # type: ignore[union-attr]
        "learned: traits and qualities": lambda: trained.qualities(traits(text, builtin())),
    }
    found = {}
    for name, decide in kinds.items():
        taken = []
        for _ in range(repeats):
            begun = time.thread_time()
            decide()
            taken.append(1e6 * (time.thread_time() - begun))
        taken.sort()
        found[name] = (taken[repeats // 2], taken[repeats * 99 // 100])
    return found


def replayed(rows: int) -> tuple[float, float]:
    """Seconds to replay so many rows of a log, once they are read: on the clock, and of the processor."""
    chance, tree = random.Random(0), MultiModelAPI(APISettings()).tree
    models = [("gpt-4o", "openai/gpt-4o"), ("gpt-4o-mini", "openai/gpt-4o-mini")]
    entries = []
    for n in range(rows):
        name, model = chance.choice(models)
        task = chance.choice(("extraction", "reasoning", "chat"))
        tokens = (chance.randrange(50, 4_000), chance.randrange(20, 600))
        row = Entry(
            id=f"a{n}", kind="post", amount=1_000, basis="usage", request=f"r{n}", call="chat", name=name, model=model,
            task_type=task, input_tokens=tokens[0], output_tokens=tokens[1], latency_s=1.0, started_at=0, made=0, at=0,
        )  # fmt: skip
        entries.append(row)
    begun, worked = time.perf_counter(), time.process_time()
    assert replay(tree, "default", entries, [], Measured()).requests == rows
    return time.perf_counter() - begun, time.process_time() - worked


def plotted(curves: Mapping[str, Sequence[float]]) -> str:
    """The gap recovered against the share of strong calls; a letter a router, `.` is chance."""
    marks = {"oracle": "o", "length": "-", "learned": "#"}
    grid = [[" "] * STEPS for _ in range(HEIGHT)]
    for n in range(STEPS):
        grid[round(n / (STEPS - 1) * (HEIGHT - 1))][n] = "."
        for name, mark in marks.items():
            grid[round(min(max(curves[name][n], 0.0), 1.0) * (HEIGHT - 1))][n] = mark
    lines = [f"{10 * n:>4}% |{''.join(row)}" for n, row in enumerate(grid)][::-1]
    return "\n".join([*lines, f"      +{'-' * STEPS}", "       0 %            share of strong calls            100 %"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recorded", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "recorded")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=100_000)
    parts = ("recorded", "drift", "time", "replay")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found: dict[str, Any] = {}
    if "recorded" in given.only and given.recorded.is_dir():
        found["recorded"] = recorded(given.recorded, given.seeds)
    if "drift" in given.only:
        found["drift"] = drift(given.seeds)
    if "time" in given.only:
        found["time"] = times()
    if "replay" in given.only:
        found["replay"] = {"rows": given.rows, "seconds": replayed(given.rows)}
    if given.json:
        print(json.dumps(found))
    else:
        shown(found, Console(width=120))


def shown(found: Mapping[str, Any], console: Console) -> None:
    """Print what was measured as tables and a plot."""
    if "recorded" in found:
        table = Table("questions", "cheap → strong", "router", "APGR", "CPT50", "CPT80", box=None)
        for row in found["recorded"]["rows"]:
            for n, router in enumerate(ROUTERS):
                a, half, most = row[router]
                pair = f"{row['cheap'].split('/')[-1]} → {row['strong'].split('/')[-1]}"
                head = (row["task"], pair) if n == 0 else ("", "")
                table.add_row(*head, router, f"{a:.3f}", f"{half:.0%}", f"{most:.0%}")
        console.print(table)
        console.print("chance is APGR 0.500, CPT50 50 %, CPT80 80 %; where learned is near it, ask a cascade instead")
        console.print("\ngpt-4o-mini → gpt-4o on crux + gsm: # learned, - length, o oracle, . chance", markup=False)
        console.print(plotted(found["recorded"]["curve"]), markup=False, highlight=False)
    if "drift" in found:
        table = Table("adaptive, when the best of three changes halfway", "answers lost in 4,000 requests", box=None)
        for name, lost in found["drift"].items():
            table.add_row(name, f"{lost:.0f}")
        console.print(table)
    if "time" in found:
        table = Table("one decision, of the processor's time", "p50", "p99", box=None)
        for name, (p50, p99) in found["time"].items():
            table.add_row(name, f"{p50:.0f} µs", f"{p99:.0f} µs")
        console.print(table)
    if "replay" in found:
        rows, (seconds, worked) = found["replay"]["rows"], found["replay"]["seconds"]
        console.print(f"{rows:,} rows replayed in {seconds:.1f} s ({worked:.1f} s of the processor)")


if __name__ == "__main__":
    main()
