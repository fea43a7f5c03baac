"""Recorded answers as members of real nodes: what each model said to each question, and what it would have cost."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from orchestra.ensemble.answers import Answers, joined
from orchestra.types import Attempt, Model, Request, Response, Usage, new_id

RECORDED = Path(__file__).parents[2] / "shared" / "data" / "recorded"
KINDS = {"gsm": Answers(kind="number", field="answer"), "crux": Answers(kind="code", field="answer")}
PRICES = {
    "gpt-4-turbo-2024-04-09": (10.0, 30.0),
    "gpt-4o-2024-05-13": (5.0, 15.0),
    "gpt-4o-2024-08-06": (2.5, 10.0),
    "gpt-4o-mini-2024-07-18": (0.15, 0.6),
    "gpt-3.5-turbo-0125": (0.5, 1.5),
    "claude-3-opus-20240229": (15.0, 75.0),
    "claude-3-5-sonnet-20240620": (3.0, 15.0),
    "claude-3-sonnet-20240229": (3.0, 15.0),
    "claude-3-haiku-20240307": (0.25, 1.25),
    "claude-3-5-haiku-20241022": (0.8, 4.0),
    "gemini/gemini-1.5-pro": (3.5, 10.5),
    "gemini/gemini-1.5-flash": (0.075, 0.3),
    "groq/llama-3.1-70b-versatile": (0.59, 0.79),
    "groq/llama-3.1-8b-instant": (0.05, 0.08),
    "groq/llama3-70b-8192": (0.59, 0.79),
    "groq/mixtral-8x7b-32768": (0.24, 0.24),
    "mistral/mistral-large-2407": (3.0, 9.0),
    "command-r-plus": (2.5, 10.0),
    "deepseek/deepseek-chat": (0.14, 0.28),
}
"""USD per million tokens in and out: list prices of mid-2024. A token is taken to be four characters."""


@dataclass(frozen=True)
class Question:
    """One question: the key of its gold answer; what each model said, raw and as compared, and its cost in USD."""

    task: str
    id: str
    prompt: str
    gold: Hashable
    outputs: dict[str, str]
    keys: dict[str, Hashable | None]
    costs: dict[str, float]

    def right(self, key: Hashable | None) -> bool:
        first, gold = joined([key, self.gold])
        return first is not None and first == gold

    def groups(self, names: Sequence[str]) -> tuple[list[int | None], int]:
        """Who of `names` said the same, and the number of the right answer, -1 where nobody gave it."""
        keys = joined([self.keys[name] for name in names])
        numbers: dict[Hashable, int] = {}
        groups = [None if key is None else numbers.setdefault(key, len(numbers)) for key in keys]
        right = next((group for group, key in zip(groups, keys, strict=True) if self.right(key)), None)
        return groups, -1 if right is None else right


def read(folder: Path, task: str) -> list[Question]:
    """The questions of a task."""
    answers, found = KINDS[task], []
    with gzip.open(folder / f"{task}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            said = {name: answers.read(Response(text=text, model=name)) for name, text in row["outputs"].items()}
            found.append(
                Question(
                    task,
                    row["id"],
                    row["prompt"],
                    answers.form(row["gold"]),
                    row["outputs"],
                    {name: None if answer is None else answer.key for name, answer in said.items()},
                    {name: cost(name, row["prompt"], text) for name, text in row["outputs"].items()},
                )
            )
    return found


def cost(name: str, prompt: str, output: str) -> float:
    """What a call would have cost, in USD."""
    into, out = PRICES[name]
    return (into * len(prompt) / 4 + out * len(output) / 4) / 1e6


class Member:
    """A model that gives its recorded answer to the question that the request's id names, and books what it cost."""

    def __init__(self, name: str, questions: Sequence[Question]) -> None:
        self.name = name
        self.of = {question.id: question for question in questions}

    async def __call__(self, request: Request) -> Response:
        question = self.of[request.id]
        usage = Usage(1, 1, cost=Decimal(repr(question.costs[self.name])))
        about: dict[str, Any] = {"call": request.call, "name": self.name, "model": self.name, "provider": "recorded"}
        request.journal.append(Attempt(id=new_id(), request=request.id, path=request.path, usage=usage, **about))
        text = question.outputs[self.name]
        return Response(text=text, model=self.name, name=self.name, usage=usage, result=text)


def members(names: Sequence[str], questions: Sequence[Question]) -> tuple[tuple[str, Model], ...]:
    return tuple((name, Member(name, questions)) for name in names)


def answers(questions: Sequence[Question]) -> Answers:
    """The answers of these questions, looked up: each text was read once, by the library's own rules."""
    known = {question.outputs[name]: key for question in questions for name, key in question.keys.items()}
    return Answers(key=known.get)


@dataclass(frozen=True)
class Outcome:
    """What became of each question, in order: right or not, what it cost in USD, how many calls it took."""

    right: tuple[bool, ...]
    costs: tuple[float, ...]
    calls: tuple[int, ...]
    keys: tuple[Hashable | None, ...] = ()

    @property
    def accuracy(self) -> float:
        """In percent."""
        return 100 * sum(self.right) / len(self.right)

    @property
    def usd_per_1k(self) -> float:
        return 1000 * sum(self.costs) / len(self.costs)

    @property
    def calls_each(self) -> float:
        return sum(self.calls) / len(self.calls)

    def interval(self) -> tuple[float, float]:
        """95 %, Wilson's, in percent."""
        n, p, z = len(self.right), self.accuracy / 100, 1.959964
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return 100 * (middle - half), 100 * (middle + half)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.right + other.right, self.costs + other.costs, self.calls + other.calls, self.keys + other.keys
        )


async def _run(node: Model, questions: Sequence[Question], known: Answers) -> Outcome:
    right, costs, calls, keys = [], [], [], []
    for question in questions:
        request = Request(id=question.id, messages=({"role": "user", "content": question.prompt},))
        response = await node(request)
        answer = known.read(response)
        keys.append(None if answer is None else answer.key)
        right.append(question.right(keys[-1]))
        costs.append(float(sum(attempt.usage.cost or 0 for attempt in request.journal)))
        calls.append(len(request.journal))
    return Outcome(tuple(right), tuple(costs), tuple(calls), tuple(keys))


def run(node: Model, questions: Sequence[Question], known: Answers) -> Outcome:
    """Every question through a node, in memory."""
    return asyncio.run(_run(node, questions, known))


def single(name: str, questions: Sequence[Question]) -> Outcome:
    """One model by itself."""
    return Outcome(
        tuple(question.right(question.keys[name]) for question in questions),
        tuple(question.costs[name] for question in questions),
        (1,) * len(questions),
        tuple(question.keys[name] for question in questions),
    )


def mcnemar(ours: Outcome, theirs: Outcome) -> tuple[int, int, float]:
    """Questions gained and lost against another, and the two-sided exact p of that."""
    gained = sum(a and not b for a, b in zip(ours.right, theirs.right, strict=True))
    lost = sum(b and not a for a, b in zip(ours.right, theirs.right, strict=True))
    n = gained + lost
    tail = sum(math.comb(n, k) for k in range(min(gained, lost) + 1)) / 2**n
    return gained, lost, min(1.0, 2 * tail)
