"""Yesterday's requests through another policy, without a call: what would have gone where, for how much, how well."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra.errors import NoModelAvailable
from orchestra.ledger import Entry, Event, nano
from orchestra.model_config import ModelConfig
from orchestra.routing import Arm, Facts, Route, route_of
from orchestra.routing.diary import DECISION
from orchestra.routing.measured import NO_SCORE, Measured, Score
from orchestra.routing.route import Deciding
from orchestra.tree import Tree
from orchestra.types import Choice, Request

FEWEST_SCORES = 10
"""Scores of a model at a kind of task, below which nothing is said of it."""
NOBODY = "no model"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the log: its facts, which model answered, and what it came to; amounts in nano-USD."""

    facts: Facts
    whole: bool
    """The facts are those of its decision; else only what its row says."""
    answered: Entry
    amount: int


@dataclass(frozen=True, slots=True)
class Move:
    """Requests that a rule of the new policy sends from one model to another; `saved` in nano-USD."""

    rule: str
    before: str
    after: str
    requests: int
    saved: int


@dataclass(frozen=True, slots=True)
class Side:
    """What the requests come to under one policy; amounts in nano-USD, `unpriced` requests are not in them.

    `quality` is the mean score that is expected, `error` its standard error, over the share `covered` of requests whose
    model was scored often enough at their task; `None` where that is nothing.
    """

    models: Mapping[str, int]
    amounts: Mapping[str, int]
    unpriced: int
    latency_s: float
    quality: float | None
    error: float | None
    covered: float

    @property
    def amount(self) -> int:
        return sum(self.amounts.values())


@dataclass(frozen=True, slots=True)
class Replay:
    """Both sides, what moves, and how many of the requests could be judged by all of their facts."""

    requests: int
    whole: int
    before: Side
    after: Side
    moves: tuple[Move, ...]

    @property
    def moved(self) -> int:
        return sum(move.requests for move in self.moves)


@dataclass(slots=True)
class _Tally:
    models: Counter[str] = field(default_factory=Counter)
    amounts: Counter[str] = field(default_factory=Counter)
    cells: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    unpriced: int = 0
    latency_s: float = 0.0

    def add(self, name: str, model: str, amount: int | None, latency_s: float, task: str | None) -> None:
        self.models[name] += 1
        self.cells[task, model] += 1
        self.latency_s += latency_s
        if amount is None:
            self.unpriced += 1
        else:
            self.amounts[name] += amount

    def side(self, measured: Measured) -> Side:
        requests = max(1, self.models.total())
        quality, error, covered = _quality(self.cells, measured.scores)
        return Side(
            self.models, self.amounts, self.unpriced, self.latency_s / requests, quality, error, covered / requests
        )


def replay(tree: Tree, policy: str, rows: Sequence[Entry], events: Sequence[Event], measured: Measured) -> Replay:
    """The requests of `rows` through a policy of `tree`, decided as if every key were there.

    What a request costs is its logged amount where the model stays, else its logged tokens at the new model's price.
    """
    before, after = _Tally(), _Tally()
    moves: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    root, whole, requests = tree.find(policy), 0, 0
    for asked in logged(rows, events):
        requests, whole = requests + 1, whole + asked.whole
        entry, task = asked.answered, asked.facts.task
        old = entry.name or entry.model
        before.add(old, entry.model, asked.amount if entry.priced else None, entry.latency_s, task)
        rule, arm = _decided(tree, root, asked.facts)
        model = arm.members[0] if arm is not None and len(arm.members) == 1 else None
        new = NOBODY if arm is None else arm.name
        if model is not None and model.model == entry.model:
            after.add(old, entry.model, asked.amount if entry.priced else None, entry.latency_s, task)
            continue
        amount = None if model is None else priced(model, entry)
        latency_s = measured.latency_s(model, entry.output_tokens) if model is not None else 0.0
        after.add(new, model.model if model is not None else new, amount, latency_s, task)
        move = moves[rule, old, new]
        move[0] += 1
        move[1] += (asked.amount - amount) if amount is not None else 0
    found = [Move(*key, *sums) for key, sums in moves.items()]
    found.sort(key=lambda move: (-move.requests, move.rule, move.before))
    return Replay(requests, whole, before.side(measured), after.side(measured), tuple(found))


def logged(rows: Iterable[Entry], events: Iterable[Event]) -> Iterable[Asked]:
    """The answered chat requests of the log, each with the facts of its first decision where one was noted."""
    noted: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event.kind == DECISION:
            noted.setdefault(event.payload["request"], event.payload.get("facts", {}))
    answered: dict[str, Entry] = {}
    amounts: Counter[str] = Counter()
    for row in rows:
        if row.call == "chat":
            amounts[row.request] += row.amount
            if row.success:
                answered[row.request] = row
    for request, entry in answered.items():
        facts = Facts.of(noted[request]) if request in noted else _facts_of(entry)
        yield Asked(replace(facts, preferred_model=None), request in noted, entry, amounts[request])


def priced(model: ModelConfig, entry: Entry) -> int | None:
    """What a call's tokens cost at a model's price, in nano-USD; `None` where that is not known."""
    card = model.card
    if card.free:
        return 0
    if card.input_usd_per_mtok is None or card.output_usd_per_mtok is None:
        return None
    usd = entry.input_tokens * card.input_usd_per_mtok + entry.output_tokens * card.output_usd_per_mtok
    return nano(usd / 1_000_000)


def _facts_of(entry: Entry) -> Facts:
    return Facts(
        task=entry.task_type or entry.task_guessed,
        input_tokens=entry.input_tokens,
        estimated=False,
        tags=entry.tags,
        request=entry.request,
    )


def _decided(tree: Tree, arm: Arm, facts: Facts) -> tuple[str, Arm | None]:
    """The rule of the policy, and the arm that is asked in the end; `None` where nothing can serve."""
    rule, seen = "asked for", set()
    while (route := route_of(arm)) is not None and arm.name not in seen:
        seen.add(arm.name)
        try:
            choice = _choice(route, facts)
        except NoModelAvailable:
            return rule, None
        rule = choice.rule or rule if len(seen) == 1 else rule
        arm = next((own for own in route.arms.values() if own.name == choice.arm), None) or tree.find(choice.arm)
    return rule, arm


def _choice(route: Deciding, facts: Facts) -> Choice:
    if isinstance(route, Route):
        return route.strategy.decide(facts)
    return route.explain(Request(id=facts.request, tags=facts.tags))


def _quality(
    cells: Mapping[tuple[str | None, str], int], scores: Mapping[tuple[str | None, str], Score]
) -> tuple[float | None, float | None, int]:
    """The mean score expected, its standard error, and over how many requests."""
    known = {cell: n for cell, n in cells.items() if scores.get(cell, NO_SCORE).count >= FEWEST_SCORES}
    covered = sum(known.values())
    if not covered:
        return None, None, 0
    mean = sum(n * scores[cell].mean for cell, n in known.items()) / covered
    variance = sum((n / covered * scores[cell].error()) ** 2 for cell, n in known.items())
    return mean, math.sqrt(variance), covered
