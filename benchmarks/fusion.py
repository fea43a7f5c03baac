"""Fusion and judging on recorded answers: k answers of a model make one record of k fields, fused by the real nodes.

A record is right when all its fields are. Against field fusion stand the best single member, and a vote over whole
records (the one that most members gave, the first of equals). Members are ordered, and reliabilities fitted, by right
answers on one half of the questions; records are made of the other half, in several ways. Intervals are 95 %, over the
records of the first seed alone, because seeds share their questions; p is McNemar's against the best single member on
that seed.

The second table lets a check that needs no model judge the recorded reasoning: whether the equations that an answer
writes out hold. `rank` gives the first member's answer that passes, `verify` asks a cheap member and hands what fails
on to a strong one.

    python benchmarks/fusion.py [--recorded FOLDER] [--seeds 5] [--fields 2,4,8,16] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestra.ensemble import Fuse, Rank, Verify
from orchestra.ensemble.answers import Answers
from orchestra.ensemble.checks import Adds, Checked
from orchestra.ensemble.records import Records
from orchestra.ensemble.weights import NONE_RIGHT, fitted
from orchestra.prompting import Library
from orchestra.settings.nodes import FieldSpec
from orchestra.types import Model, Request, Response

RECORDED = Path(__file__).parents[2] / "shared" / "data" / "recorded"
KINDS = {"gsm": Answers(kind="number", field="answer"), "crux": Answers(kind="code", field="answer")}
PANELS = {
    "weak": ("gpt-3.5-turbo-0125", "claude-3-haiku-20240307", "groq/mixtral-8x7b-32768", "groq/llama-3.1-8b-instant"),
    "trio": ("gpt-4o-mini-2024-07-18", "deepseek/deepseek-chat", "groq/llama-3.1-70b-versatile"),
    "mixed": (
        *("claude-3-haiku-20240307", "gemini/gemini-1.5-flash", "groq/llama-3.1-8b-instant"),
        *("gpt-4o-mini-2024-07-18", "deepseek/deepseek-chat"),
    ),
    "one ahead": (
        "gpt-4o-mini-2024-07-18",
        "deepseek/deepseek-chat",
        "groq/llama-3.1-70b-versatile",
        "gpt-4o-2024-08-06",
    ),
}
CHEAP, STRONG = "groq/llama-3.1-8b-instant", "gpt-4o-mini-2024-07-18"
LIBRARY = Library()


@dataclass(frozen=True)
class Question:
    """One question of a task: the gold answer, and what each model said, raw and as it is compared."""

    gold: Any
    outputs: dict[str, str]
    said: dict[str, Any]
    keys: dict[str, Any]

    def right(self, model: str) -> bool:
        return bool(self.keys[model] == self.gold)


@dataclass
class Row:
    """One line of the first table: the share of records that are wholly right, in percent."""

    task: str
    panel: str
    fields: int
    records: int
    best_single: float
    record_vote: float
    fused: float
    weighted: float
    low: float
    high: float
    p: float
    distinct: float


@dataclass
class Judged:
    """One line of the second table."""

    task: str
    how: str
    questions: int
    first: float
    judged: float
    changed: float
    gained: int
    lost: int
    p: float


def read(folder: Path, task: str) -> list[Question]:
    answers = KINDS[task]
    found = []
    with gzip.open(folder / f"{task}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            read = {name: answers.read(Response(text=text, model=name)) for name, text in row["outputs"].items()}
            said = {name: None if answer is None else answer.said for name, answer in read.items()}
            keys = {name: None if answer is None else answer.key for name, answer in read.items()}
            found.append(Question(answers.form(row["gold"]), row["outputs"], said, keys))
    return found


def accuracy(questions: Sequence[Question], model: str) -> float:
    return sum(question.right(model) for question in questions) / len(questions)


def weights_of(questions: Sequence[Question], models: Sequence[str]) -> dict[str, int]:
    """Reliabilities fitted to right answers, equal where no others did better on votes that they were not fitted to."""
    votes, right = [], []
    for question in questions:
        numbers = {key: n for n, key in enumerate(dict.fromkeys(question.keys[model] for model in models))}
        votes.append([None if question.said[model] is None else numbers[question.keys[model]] for model in models])
        right.append(numbers.get(question.gold, NONE_RIGHT))
    return dict(zip(models, fitted(votes, right).weights, strict=True))


def replay(texts: dict[str, str], model: str) -> tuple[str, Model]:
    async def answer(request: Request) -> Response:
        return Response(text=texts[model], model=model, name=model)

    return model, answer


async def fused(task: str, models: Sequence[str], texts: dict[str, str], weights: dict[str, int]) -> dict[str, Any]:
    rules = {kind: FieldSpec(kind=KINDS[task].kind, merge="vote") for kind in ("string", "number", "boolean", "list")}
    node = Fuse(tuple(replay(texts, model) for model in models), Records(LIBRARY, weights=weights, rules=rules))
    result: dict[str, Any] = (await node(Request())).result
    return result


async def row(task: str, panel: str, questions: Sequence[Question], fields: int, seeds: int) -> Row:
    """The share of right records for one panel and size, the mean over the seeds."""
    runs = [await one_run(task, panel, questions, fields, seed) for seed in range(seeds)]
    single, vote, plain, weighted, distinct = (mean([mean(run[n]) for run in runs]) for n in range(5))
    first = runs[0]
    low, high = wilson(sum(first[2]), len(first[2]))
    gained = sum(b and not a for a, b in zip(first[0], first[2], strict=True))
    lost = sum(a and not b for a, b in zip(first[0], first[2], strict=True))
    shares = [round(100 * share, 1) for share in (single, vote, plain, weighted, low, high)]
    return Row(task, panel, fields, len(first[0]), *shares, round(mcnemar(gained, lost), 4), round(100 * distinct, 1))


async def one_run(task: str, panel: str, questions: Sequence[Question], fields: int, seed: int) -> list[list[bool]]:
    """For each record whether it is right by each way, and whether no two members gave the same."""
    shuffled = list(questions)
    random.Random(seed).shuffle(shuffled)
    half = len(shuffled) // 2
    known, asked = shuffled[:half], shuffled[half:]
    models = sorted(PANELS[panel], key=lambda model: -accuracy(known, model))
    weights = weights_of(known, models)
    answers = KINDS[task]
    found: list[list[bool]] = [[] for _ in range(5)]
    for begin in range(0, len(asked) - fields + 1, fields):
        part = asked[begin : begin + fields]
        names = [f"q{n}" for n in range(fields)]
        records = {model: {n: q.said[model] for n, q in zip(names, part, strict=True)} for model in models}
        texts = {model: json.dumps(record, default=float) for model, record in records.items()}
        keys = [tuple(q.keys[model] for q in part) for model in models]
        gold = tuple(q.gold for q in part)
        winner, votes = Counter(keys).most_common(1)[0]
        ways = []
        for own in ({}, weights):
            result = await fused(task, models, texts, own)
            ways.append(all(answers.form(result.get(n)) == q.gold for n, q in zip(names, part, strict=True)))
        for column, value in zip(found, (keys[0] == gold, winner == gold, *ways, votes == 1), strict=True):
            column.append(value)
    return found


async def judged(task: str, questions: Sequence[Question], how: str) -> Judged:
    """What a judge that only checks equations makes of the first member's answers."""
    answers, firsts, others = KINDS[task], [], []
    panel = (CHEAP, *(model for model in PANELS["weak"] if model != CHEAP)) if how == "rank" else (CHEAP, STRONG)
    changed = 0
    for question in questions:
        pairs = [replay(question.outputs, model) for model in panel]
        node: Callable[[Request], Awaitable[Response]]
        if how == "rank":
            node = Rank(tuple(pairs), Checked((Adds(),)))
        else:
            node = Verify(pairs[0], None, LIBRARY, (Adds(),), max_rounds=0, otherwise=pairs[1])
        response = await node(Request())
        answer = answers.read(response)
        firsts.append(question.right(panel[0]))
        others.append(answer is not None and answer.key == question.gold)
        changed += response.name != panel[0]
    gained = sum(b and not a for a, b in zip(firsts, others, strict=True))
    lost = sum(a and not b for a, b in zip(firsts, others, strict=True))
    shares = [round(100 * share, 1) for share in (mean(firsts), mean(others), changed / len(questions))]
    return Judged(task, how, len(questions), *shares, gained, lost, round(mcnemar(gained, lost), 4))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return middle - half, middle + half


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p of so uneven a split of what changed."""
    n = gained + lost
    tail = sum(math.comb(n, k) for k in range(min(gained, lost) + 1)) / 2**n if n else 1.0
    return min(1.0, 2 * tail)


async def measured(folder: Path, seeds: int, sizes: Sequence[int]) -> tuple[list[Row], list[Judged]]:
    rows, checks = [], []
    for task in KINDS:
        questions = read(folder, task)
        rows += [await row(task, panel, questions, fields, seeds) for panel in PANELS for fields in sizes]
        if task == "gsm":
            checks += [await judged(task, questions, how) for how in ("rank", "verify")]
    return rows, checks


def show(rows: Sequence[Row], checks: Sequence[Judged]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title="records that are wholly right, %", box=None)
    for column in (
        "task",
        "panel",
        "fields",
        "best single",
        "record vote",
        "fused",
        "95 %",
        "weighted",
        "p",
        "no two alike",
    ):
        table.add_column(column, justify="left" if column in ("task", "panel") else "right")
    for one in rows:
        interval = f"{one.low:.1f}-{one.high:.1f}"
        figures = (one.best_single, one.record_vote, one.fused, interval, one.weighted, one.p, one.distinct)
        table.add_row(one.task, one.panel, str(one.fields), *map(str, figures))
    console.print(table)
    second = Table(title="\nequations checked, %", box=None)
    for column in (
        "task",
        "node",
        "questions",
        "first member",
        "with the check",
        "not the first's",
        "gained",
        "lost",
        "p",
    ):
        second.add_column(column, justify="left" if column in ("task", "node") else "right")
    for check in checks:
        second.add_row(*(str(value) for value in asdict(check).values()))
    console.print(second)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recorded", type=Path, default=RECORDED, help="the folder of the recorded answers")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--fields", default="2,4,8,16", help="the sizes of the records")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    given = parser.parse_args()
    if not given.recorded.is_dir():
        parser.error(f"no recorded answers in {given.recorded}")
    rows, checks = asyncio.run(measured(given.recorded, given.seeds, [int(n) for n in given.fields.split(",")]))
    if given.json:
        print(
            json.dumps({"fusion": [asdict(one) for one in rows], "checks": [asdict(one) for one in checks]}, indent=2)
        )
    else:
        show(rows, checks)


if __name__ == "__main__":
    main()
