"""Votes, weighted votes and cascades on recorded answers of real models, through the real nodes.

All questions are replayed in memory; a sample goes over the stand-in provider and LiteLLM's real HTTP path, and must
come to the same. Accuracy is judged by value, with the library's own normal forms; costs are at the list prices of
mid-2024, four characters a token, cancelled calls at their hold. Intervals are 95 % (Wilson); p is McNemar's exact
against the strongest single model named. What is chosen or fitted is so on one part of the questions and tested on
the others, for several seeds. Last come the aims, beside what was reached.

    python benchmarks/ensembles.py [--recorded FOLDER] [--seeds 5] [--panels 24] [--sample 12] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from recorded import KINDS, PRICES, RECORDED, Outcome, Question, answers, mcnemar, members, read, run, single

from orchestra import APISettings, MultiModelAPI, ProviderConfig
from orchestra.ensemble import Cascade, Vote
from orchestra.ensemble.answers import joined
from orchestra.ensemble.cascade import Agreement
from orchestra.ensemble.vote import Given, Weigh, equal
from orchestra.ensemble.weights import Fit, fitted, learned, winner
from orchestra.testing import Answer, Provider
from orchestra.testing.provider import Call
from orchestra.types import Model

MINI, DEEPSEEK, LLAMA = "gpt-4o-mini-2024-07-18", "deepseek/deepseek-chat", "groq/llama-3.1-70b-versatile"
FLASH, HAIKU, SONNET = "gemini/gemini-1.5-flash", "claude-3-haiku-20240307", "claude-3-5-sonnet-20240620"
OLD, NEW = "gpt-4o-2024-05-13", "gpt-4o-2024-08-06"
TRIO = (MINI, DEEPSEEK, LLAMA)
QUINTET = (MINI, DEEPSEEK, LLAMA, FLASH, HAIKU)
BEST = (NEW, SONNET, "claude-3-opus-20240229", "mistral/mistral-large-2407", OLD)
CHEAP = (MINI, DEEPSEEK, LLAMA, FLASH, HAIKU, "groq/llama-3.1-8b-instant", "groq/llama3-70b-8192")
LABELS = 400
UNEVEN = 0.15
"""A panel is uneven when its best member is this much more often right than its middle one."""


@dataclass(frozen=True)
class Row:
    """One line: a way to answer, and what it came to on some questions."""

    task: str
    way: str
    accuracy: float
    low: float
    high: float
    usd_per_1k: float
    calls: float
    against: str = ""
    gained: int = 0
    lost: int = 0
    p: float = 1.0


@dataclass(frozen=True)
class Aim:
    """What was to be reached, what was, and whether that is enough."""

    aim: str
    reached: str
    met: bool


def row(task: str, way: str, outcome: Outcome, strong: tuple[str, Outcome] | None = None) -> Row:
    low, high = outcome.interval()
    about = (outcome.accuracy, low, high, outcome.usd_per_1k, outcome.calls_each)
    return Row(task, way, *about, *(() if strong is None else (short(strong[0]), *mcnemar(outcome, strong[1]))))


def short(name: str) -> str:
    return name.rpartition("/")[2].replace("-versatile", "").removesuffix("-chat")


class Task:
    """The questions of a task, and what they are run with."""

    def __init__(self, name: str, questions: Sequence[Question]) -> None:
        self.name, self.questions = name, questions
        self.answers = answers(questions)
        self.models = [name for name in PRICES if all(name in question.outputs for question in questions)]

    def part(self, chosen: Sequence[int]) -> Task:
        return Task(self.name, [self.questions[n] for n in chosen])

    def halves(self, seed: int, first: int) -> tuple[Task, Task]:
        """`first` questions drawn at random, and the others."""
        order = random.Random(seed).sample(range(len(self.questions)), len(self.questions))
        return self.part(order[:first]), self.part(order[first:])

    def run(self, node: Model) -> Outcome:
        return run(node, self.questions, self.answers)

    def vote(self, names: Sequence[str], weigh: Weigh = equal, **options: Any) -> Vote:
        return Vote(members(names, self.questions), self.answers, weigh=weigh, **{"min_agreement": 0.0, **options})

    def cascade(self, cheap: Sequence[str], strong: str) -> Cascade:
        pair = self.vote(cheap, min_agreement=1.0, stop="decided")
        return Cascade((("cheap", pair), *members((strong,), self.questions)), Agreement(1.0))

    def groups(self, names: Sequence[str]) -> tuple[list[list[int | None]], list[int]]:
        both = [question.groups(names) for question in self.questions]
        return [groups for groups, _ in both], [right for _, right in both]


def fixed(task: Task) -> Iterator[tuple[str, Outcome, Outcome, Outcome]]:
    """The panels of the aims: all asked, staged, and launched together."""
    for name, panel in (("trio", TRIO), ("quintet", QUINTET), ("best five", BEST)):
        full = task.run(task.vote(panel))
        staged = task.run(task.vote(panel, stop="decided"))
        together = task.run(task.vote(panel, stop="decided", launch="all"))
        yield name, full, staged, together


def weighted(tasks: Sequence[Task], seeds: int, panels: int, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Random panels: weights from `LABELS` right answers, and from as many past votes without any, on the others."""
    found = []
    for seed in range(seeds):
        chance = random.Random(seed)
        for task in tasks:
            fitting, testing = task.halves(seed, LABELS)
            for n in range(panels):
                tell(f"weights: seed {seed + 1} of {seeds}, {task.name}, panel {n + 1} of {panels}")
                panel = chance.sample(task.models, chance.choice((3, 4, 5, 6, 7)))
                votes, right = fitting.groups(panel)
                plain = testing.run(testing.vote(panel)).accuracy
                line: dict[str, Any] = {"task": task.name, "members": len(panel), "plain": plain}
                fits = {"labels": fitted(votes, right), "no labels": learned(votes)}
                for way, fit in fits.items():
                    line[way] = testing.run(testing.vote(panel, given(panel, fit))).accuracy - plain
                single_ones = sorted(single(name, testing.questions).accuracy / 100 for name in panel)
                line["uneven"] = single_ones[-1] - single_ones[len(panel) // 2] >= UNEVEN
                line["best member"] = 100 * single_ones[-1] - plain
                found.append(line)
    return found


def alike(one: Outcome, other: Outcome) -> bool:
    """Both gave the same answer to every question."""
    return all(len(set(joined(pair))) == 1 for pair in zip(one.keys, other.keys, strict=True))


def given(panel: Sequence[str], fit: Fit) -> Given:
    return Given(dict(zip(panel, fit.weights, strict=True)))


def chosen(task: Task, seeds: int, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """A trio and a cheap pair chosen on one half of the questions, tested on the other."""
    found = []
    for seed in range(seeds):
        tell(f"chosen panels: {task.name}, seed {seed + 1} of {seeds}")
        dev, test = task.halves(seed, len(task.questions) // 2)
        best = max(combinations(CHEAP, 3), key=lambda trio: _share(dev, trio))
        voted = test.run(test.vote(best, stop="decided"))
        pair = max(combinations(CHEAP, 2), key=lambda pair: _worth(dev, pair))
        cascade, strong = test.run(test.cascade(pair, NEW)), single(NEW, test.questions)
        found.append(
            {
                "task": task.name,
                "trio": voted.accuracy,
                "best of it": max(single(name, test.questions).accuracy for name in best),
                "cascade": cascade.accuracy - strong.accuracy,
                "cascade cost": 100 * cascade.usd_per_1k / strong.usd_per_1k,
            }
        )
    return found


def _share(task: Task, panel: Sequence[str]) -> float:
    votes, right = task.groups(panel)
    return sum(winner(vote, [1] * len(panel)) == truth for vote, truth in zip(votes, right, strict=True))


def _worth(task: Task, pair: Sequence[str]) -> float:
    """How good a cascade of a pair is: right as often as its strong model first, then cheap."""
    outcome, strong = task.run(task.cascade(pair, NEW)), single(NEW, task.questions)
    return min(0.0, outcome.accuracy - strong.accuracy) - outcome.usd_per_1k / strong.usd_per_1k


def over_http(task: Task, sample: int) -> tuple[int, int, int]:
    """Questions of which the vote over HTTP says what the vote in memory does; of how many; the calls that came."""
    questions = random.Random(0).sample(task.questions, sample)
    of = {(question.prompt, name): question.outputs[name] for question in questions for name in TRIO}

    def recorded(call: Call) -> Answer:
        return Answer(of[call.question, next(name for name in TRIO if short(name) == call.model)])

    async def asked(api: MultiModelAPI) -> list[str]:
        return [(await api.generate(question.prompt, model="panel")).text for question in questions]

    with Provider() as provider, tempfile.TemporaryDirectory() as folder:
        provider.always(recorded)
        price = {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}
        settings = APISettings(
            providers={
                "stand_in": ProviderConfig(provider="openai", api_key="k", base_url=provider.api_base("openai"))
            },
            models={
                f"m{n}": {"litellm": f"openai/{short(name)}", "provider": "stand_in", **price}
                for n, name in enumerate(TRIO)
            },
            policies={
                "panel": {
                    "kind": "vote",
                    "models": ["m0", "m1", "m2"],
                    "answers": {"kind": KINDS[task.name].kind, "field": "answer"},
                    "stop": "decided",
                }
            },
            router=None,
            max_requests_per_minute=None,
            ledger={"path": f"{folder}/ledger.db"},
        )
        with MultiModelAPI(settings) as api:
            texts = asyncio.run(asked(api))
        calls = len(provider.calls)
    part = Task(task.name, questions)
    memory = part.run(part.vote(TRIO, stop="decided", min_agreement=0.67))
    same = [memory.keys[n] == questions[n].keys[_who(questions[n], text)] for n, text in enumerate(texts)]
    assert calls == sum(memory.calls), "over HTTP other calls were made than in memory"
    return sum(same), len(same), calls


def _who(question: Question, text: str) -> str:
    return next(name for name in TRIO if question.outputs[name] == text)


def measured(folder: Path, seeds: int, panels: int, sample: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Every table."""
    tell("reading")
    tasks = [Task(name, read(folder, name)) for name in KINDS]
    gsm, crux = tasks
    pooled = Task("gsm + crux", [*gsm.questions, *crux.questions])
    rows, aims = [], []
    strong = {task.name: (NEW, single(NEW, task.questions)) for task in (*tasks, pooled)}
    for task in tasks:
        rows += [row(task.name, short(name), single(name, task.questions)) for name in task.models]
    panels_of: dict[tuple[str, str], tuple[Outcome, Outcome, Outcome]] = {}
    for task in tasks:
        tell(f"votes: {task.name}")
        for name, full, staged, together in fixed(task):
            rows.append(row(task.name, f"{name}: all", full, strong[task.name]))
            rows.append(row(task.name, f"{name}: staged", staged, strong[task.name]))
            rows.append(row(task.name, f"{name}: early stop", together, strong[task.name]))
            panels_of[task.name, name] = full, staged, together
    aims += _votes(panels_of, strong)
    tell("cascades")
    for task, cheap, last, against in (
        (gsm, (MINI, DEEPSEEK), NEW, NEW),
        (crux, (MINI, DEEPSEEK), NEW, NEW),
        (pooled, (MINI, DEEPSEEK), OLD, OLD),
        (pooled, (MINI, DEEPSEEK), NEW, OLD),
        (pooled, (MINI, DEEPSEEK), SONNET, SONNET),
    ):
        reached, theirs = task.run(task.cascade(cheap, last)), single(against, task.questions)
        rows.append(row(task.name, f"two cheap, else {short(last)}", reached, (against, theirs)))
        aims += _cascades(task.name, last, against, reached, theirs)
    lines = weighted(tasks, seeds, panels, tell)
    aims += _weights(lines)
    split = [line for task in tasks for line in chosen(task, seeds, tell)]
    tell("over HTTP")
    wire = [over_http(task, sample) for task in tasks]
    return {"rows": rows, "weights": lines, "chosen": split, "http": wire, "aims": aims}


def _votes(found: dict[tuple[str, str], tuple[Outcome, Outcome, Outcome]], strong: Any) -> Iterator[Aim]:
    for task, least in (("gsm", 95.5), ("crux", 77.0)):
        full, staged, _ = found[task, "trio"]
        shares = [100 * one.usd_per_1k / strong[task][1].usd_per_1k for one in (full, staged)]
        said = f"{full.accuracy:.2f} at {shares[0]:.0f} % of {short(NEW)}'s cost, {shares[1]:.0f} % staged"
        yield Aim(
            f"{task}: vote of {', '.join(map(short, TRIO))} ≥ {least}, at about 14 %", said, full.accuracy >= least
        )
    same = all(alike(full, other) for full, *others in found.values() for other in others)
    yield Aim("early stop: the full vote's winner on every question", "every one" if same else "not every one", same)
    for task, panel, least in (
        ("gsm", "trio", 30),
        ("crux", "trio", 22),
        ("gsm", "quintet", 37),
        ("crux", "quintet", 26),
    ):
        full, staged, _ = found[task, panel]
        saved = 100 * (1 - staged.calls_each / full.calls_each)
        yield Aim(f"{task}: early stop saves ≥ {least} % of the {panel}'s calls", f"{saved:.1f} %", saved >= least)
    five = found["gsm", "best five"][0].accuracy
    yield Aim("gsm: best quality whatever the cost, five models ≥ 96.9", f"{five:.2f}", five >= 96.9)


def _cascades(task: str, last: str, against: str, reached: Outcome, theirs: Outcome) -> Iterator[Aim]:
    cost, gap = 100 * reached.usd_per_1k / theirs.usd_per_1k, reached.accuracy - theirs.accuracy
    said = f"{gap:+.2f} at {cost:.1f} %, else {short(last)}"
    if task == "gsm":
        yield Aim(f"gsm: cascade not below {short(NEW)} at ≤ 22 % of its cost", said, gap >= 0 and cost <= 22)
    elif against == SONNET:
        yield Aim(f"gsm + crux: not below {short(SONNET)} at ≤ 30 %", said, gap >= 0 and cost <= 30)
    elif against == OLD and last == OLD:
        yield Aim(f"gsm + crux: within 0.5 of {short(OLD)} at ≤ 33 %", said, gap >= -0.5 and cost <= 33)
    elif against == OLD:
        yield Aim(f"gsm + crux: not below {short(OLD)} at ≤ 45 %", said, gap >= 0 and cost <= 45)


def _weights(lines: Sequence[dict[str, Any]]) -> Iterator[Aim]:
    worst = min(line["labels"] for line in lines)
    yield Aim(f"weights from {LABELS} labels: never more than 0.6 below the plain vote", f"{worst:+.2f}", worst >= -0.6)
    uneven = [line["labels"] for line in lines if line["uneven"]]
    gain = statistics.mean(uneven) if uneven else 0.0
    yield Aim("weights from labels: + 5 on uneven panels", f"{gain:+.2f} over {len(uneven)} panels", gain >= 5)


def show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=150)
    table = Table("task", "way", "accuracy", "95 %", "$/1k", "calls", "against", "gained/lost", "p")
    for one in found["rows"]:
        versus = (one.against, f"{one.gained}/{one.lost}", f"{one.p:.3f}") if one.against else ("", "", "")
        low_high = f"{one.low:.1f} to {one.high:.1f}"
        table.add_row(
            one.task, one.way, f"{one.accuracy:.2f}", low_high, f"{one.usd_per_1k:.3f}", f"{one.calls:.2f}", *versus
        )
    console.print(table)
    table = Table("task", "weights", "panels", "mean gain", "worst", "best", "on uneven panels", "best member alone")
    for task in KINDS:
        lines = [line for line in found["weights"] if line["task"] == task]
        for way in ("labels", "no labels"):
            gains, uneven = [line[way] for line in lines], [line[way] for line in lines if line["uneven"]]
            table.add_row(
                task,
                way,
                str(len(lines)),
                f"{statistics.mean(gains):+.2f}",
                f"{min(gains):+.2f}",
                f"{max(gains):+.2f}",
                f"{statistics.mean(uneven):+.2f} ({len(uneven)})" if uneven else "-",
                f"{statistics.mean(line['best member'] for line in lines):+.2f}",
            )
    console.print(table)
    table = Table("task", "chosen on one half, tested on the other", "mean", "sd over seeds")
    for task in KINDS:
        lines = [line for line in found["chosen"] if line["task"] == task]
        for what in ("trio", "best of it", "cascade", "cascade cost"):
            values = [line[what] for line in lines]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            table.add_row(task, what, f"{statistics.mean(values):.2f}", f"{spread:.2f}")
    console.print(table)
    for task, (same, of, calls) in zip(KINDS, found["http"], strict=True):
        console.print(f"{task}, over LiteLLM's HTTP path: {same} of {of} answers as in memory, {calls} calls")
    for one in found["rows"]:
        if one.against and one.lost > one.gained and one.p < 0.05:
            console.print(f"does not help: {one.task}, {one.way}: {one.lost} lost, {one.gained} gained, p {one.p:.3f}")
    table = Table("aim", "reached", "")
    for aim in found["aims"]:
        table.add_row(aim.aim, aim.reached, "✓" if aim.met else "✗")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recorded", type=Path, default=RECORDED)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--panels", type=int, default=24, help="random panels for each seed and task")
    parser.add_argument("--sample", type=int, default=12, help="questions over HTTP for each task")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    tell = (lambda said: None) if given.json or not sys.stderr.isatty() else (lambda said: print(said, file=sys.stderr))
    found = measured(given.recorded, given.seeds, given.panels, given.sample, tell)
    if given.json:
        print(
            json.dumps(
                {**found, "rows": [asdict(r) for r in found["rows"]], "aims": [asdict(a) for a in found["aims"]]}
            )
        )
    else:
        show(found)


if __name__ == "__main__":
    main()
