"""What the sandbox, the checks and the versions of prompts cost beside plain Jinja, and a library of 1,000 prompts.

Hot: the same template is rendered again and again; the three take turns, and the figures are medians over rounds of the
ratio in each round, to plain Jinja (an `Environment` with nothing switched on) and to Jinja's own sandbox. Cold: from
the text of the file to the first rendering. The library has `--prompts` prompts in a folder of its own.

    python benchmarks/prompts.py [--rounds 50] [--prompts 1000] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the benchmarks run from a checkout, installed or not

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from orchestra.prompting import Library
from orchestra.prompting.head import split
from orchestra.prompting.template import read
from orchestra.resources import shipped

CALLS = 200
"""Renderings in one round."""
SHOTS = [{"question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(20)]
CHAT = """---
description: Answers as the examples do.
variables: {question: str, shots: list}
---
{% system %}Answer with the number alone.{% endsystem %}
{% for shot in shots %}
{% user %}{{ shot.question }}{% enduser %}
{% assistant %}{{ shot.answer }}{% endassistant %}
{% endfor %}
{% user %}{{ question }}{% enduser %}
"""
PLAIN_CHAT = """System: Answer with the number alone.
{% for shot in shots %}
User: {{ shot.question }}
Assistant: {{ shot.answer }}
{% endfor %}
User: {{ question }}
"""
EXTRACTION = (shipped("prompts") / "extraction" / "v1.j2").read_text(encoding="utf-8")
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "extraction, 2 variables": (
        EXTRACTION,
        split(EXTRACTION)[1].strip(),
        {"target_fields": "price, name", "html_content": "<p>kettle</p>" * 1000},
    ),
    "20 examples as turns": (CHAT, PLAIN_CHAT, {"question": "What is 7 + 7?", "shots": SHOTS}),
}


def seconds(call: Callable[[], object], times: int = 1) -> float:
    begun = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - begun) / times


def rendering(text: str, plain: str, variables: dict[str, Any], rounds: int) -> dict[str, float]:
    """Microseconds of a rendering, hot and cold, ours and plain Jinja's; the ratio is of the hot ones."""
    ours, theirs = read("bench", 1, text), jinja2.Environment().from_string(plain)
    boxed = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined).from_string(plain)
    calls = (lambda: ours.messages(variables), lambda: theirs.render(variables), lambda: boxed.render(variables))
    hot = [tuple(seconds(call, CALLS) for call in calls) for _ in range(rounds)]
    cold = [
        (
            seconds(lambda: read("bench", 1, text).messages(variables)),
            seconds(lambda: jinja2.Environment().from_string(plain).render(variables)),
        )
        for _ in range(rounds)
    ]
    return {
        "hot_us": statistics.median(row[0] for row in hot) * 1e6,
        "plain_hot_us": statistics.median(row[1] for row in hot) * 1e6,
        "sandbox_hot_us": statistics.median(row[2] for row in hot) * 1e6,
        "ratio": statistics.median(row[0] / row[1] for row in hot),
        "sandbox_ratio": statistics.median(row[0] / row[2] for row in hot),
        "cold_us": statistics.median(a for a, _ in cold) * 1e6,
        "plain_cold_us": statistics.median(b for _, b in cold) * 1e6,
    }


def library(prompts: int) -> dict[str, float]:
    """Milliseconds of what is done with a library of so many prompts, in a process that has just begun to use it."""
    with tempfile.TemporaryDirectory() as folder:
        for n in range(prompts):
            place = Path(folder) / f"prompt{n}"
            place.mkdir()
            (place / "v1.j2").write_text(EXTRACTION, encoding="utf-8")
        opened: list[Library] = []
        times = {"open": seconds(lambda: opened.append(Library(folder)))}
        (made,) = opened
        variables = CASES["extraction, 2 variables"][2]
        times["first rendering"] = seconds(lambda: made.render("prompt7", variables, 1))
        times["again, by number"] = seconds(lambda: made.get("prompt7", 1), 1000)
        times["again, the one in production"] = seconds(lambda: made.get("prompt7"), 1000)
        times["all names"] = seconds(made.names)
        times["all descriptions"] = seconds(lambda: [made.description(name) for name in made.names()])
        times["all compiled"] = seconds(lambda: [made.get(name) for name in made.names()])
        command = [sys.executable, "-m", "orchestra", "prompts", "list", "--json"]
        (Path(folder) / "orchestra.yaml").write_text(f"prompt_folder: {folder}\n", encoding="utf-8")
        environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "ORCHESTRA_HOME": folder, "PATH": ""}
        times["orchestra prompts list"] = seconds(
            lambda: subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        )
    return {name: value * 1e3 for name, value in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rendered = {name: rendering(*case, given.rounds) for name, case in CASES.items()}
    kept = library(given.prompts)
    if given.json:
        print(json.dumps({"rendering": rendered, "library_ms": kept}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("rendering", "hot", "to plain Jinja", "to its sandbox", "cold", "plain Jinja cold", box=None)
    for name, row in rendered.items():
        ratios = (f"{row['ratio']:.2f}x", f"{row['sandbox_ratio']:.2f}x")
        cold = (f"{row['cold_us'] / 1e3:.2f} ms", f"{row['plain_cold_us'] / 1e3:.2f} ms")
        table.add_row(name, f"{row['hot_us']:.1f} µs", *ratios, *cold)
    Console().print(table)
    times = Table(f"{given.prompts:,} prompts", "ms", box=None)
    for name, value in kept.items():
        times.add_row(name, f"{value:.4f}" if value < 0.1 else f"{value:,.1f}")
    Console().print(times)


if __name__ == "__main__":
    main()
