"""How well the task classifier tells the kind of task, on texts that it was not trained on, and how long that takes.

The held-out set is `config/classifier/held_out.jsonl`: written apart from the examples, in six languages, and never
trained on. Where the recorded answers are at hand (`--recorded`), their 1,319 questions of GSM8K (true task: reasoning)
and 800 of CRUXEval (true task: code) are a second one, written by others. Accuracy is over the texts about which it
speaks, coverage the share of those; calibration compares what it said with what came true.

    python benchmarks/classifier.py [--recorded DIR] [--json]
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from orchestra.resources import shipped
from orchestra.routing.classify import SURE, Classifier, builtin

BANDS = ((0.0, 0.4), (0.4, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 1.01))
RECORDED = {"gsm": "reasoning", "crux": "code"}
Text = tuple[str, str]
"""The true task, and the text."""


@dataclass(frozen=True)
class Result:
    texts: int
    accuracy_of_all: float
    coverage: float
    accuracy: float
    said: float
    """The mean of what it said of those about which it speaks: equal to the accuracy when it is calibrated."""
    expected_calibration_error: float


def judged(classifier: Classifier, texts: Sequence[Text]) -> list[tuple[str, str, float]]:
    """For each text the true task, the likeliest, and how likely it is said to be."""
    rows = []
    for task, text in texts:
        chances = classifier.probabilities(text)
        told = max(chances, key=chances.__getitem__)
        rows.append((task, told, chances[told]))
    return rows


def bands(rows: Sequence[tuple[str, str, float]]) -> list[dict[str, float]]:
    """What was said against what came true, by how sure it was."""
    found = []
    for low, high in BANDS:
        inside = [(task == told, said) for task, told, said in rows if low <= said < high]
        if inside:
            true, said = sum(right for right, _ in inside) / len(inside), sum(s for _, s in inside) / len(inside)
            found.append({"from": low, "texts": len(inside), "said": said, "true": true})
    return found


def result(rows: Sequence[tuple[str, str, float]]) -> Result:
    spoken = [row for row in rows if row[2] >= SURE]
    error = sum(band["texts"] * abs(band["said"] - band["true"]) for band in bands(rows)) / len(rows)
    return Result(
        len(rows),
        sum(task == told for task, told, _ in rows) / len(rows),
        len(spoken) / len(rows),
        sum(task == told for task, told, _ in spoken) / max(1, len(spoken)),
        sum(said for *_, said in spoken) / max(1, len(spoken)),
        error,
    )


def microseconds(tell: Callable[[str], object], texts: Sequence[str]) -> tuple[float, float]:
    """p50 and p99 of one decision, of the processor's time."""
    times = []
    for text in [*texts, *texts, *texts]:
        begun = time.thread_time()
        tell(text)
        times.append(1e6 * (time.thread_time() - begun))
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recorded", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "recorded")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    lines = (shipped("config") / "classifier" / "held_out.jsonl").read_text(encoding="utf-8").splitlines()
    sets: dict[str, list[Text]] = {"held out": [(row["task"], row["text"]) for row in map(json.loads, lines)]}
    for name, task in RECORDED.items():
        path = given.recorded / f"{name}.jsonl.gz"
        if path.is_file():
            with gzip.open(path, "rt", encoding="utf-8") as file:
                sets[name] = [(task, json.loads(line)["prompt"]) for line in file]
    classifier = builtin()
    rows = {name: judged(classifier, texts) for name, texts in sets.items()}
    results = {name: result(found) for name, found in rows.items()}
    times = {name: microseconds(classifier.probabilities, [t for _, t in texts[:300]]) for name, texts in sets.items()}
    if given.json:
        print(
            json.dumps(
                {name: {**asdict(results[name]), "us": times[name], "bands": bands(rows[name])} for name in sets}
            )
        )
        return
    console = Console(width=110)
    table = Table(
        "texts", "how many", "speaks about", "right there", "said there", "right of all", "p50", "p99", box=None
    )
    for name, one in results.items():
        p50, p99 = times[name]
        cells = (one.coverage, one.accuracy, one.said, one.accuracy_of_all)
        table.add_row(name, str(one.texts), *(f"{cell:.1%}" for cell in cells), f"{p50:.0f} µs", f"{p99:.0f} µs")
    console.print(table)
    table = Table("said", "texts", "came true", "", box=None, title="calibration on the held-out texts")
    for band in bands(rows["held out"]):
        bar = "█" * round(30 * band["true"])
        table.add_row(f"{band['said']:.2f}", f"{band['texts']:.0f}", f"{band['true']:.2f}", bar)
    console.print(table)
    console.print(f"expected calibration error {results['held out'].expected_calibration_error:.3f}")


if __name__ == "__main__":
    main()
