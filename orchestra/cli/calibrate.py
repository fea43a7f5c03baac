"""`orchestra calibrate`: where a cascade may stop, or that there should be none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestra.cli import options
from orchestra.cli.output import out, show_json, show_table, table, warn
from orchestra.cli.progress import Progress
from orchestra.cli.recordings import Field, Kind, listed, recorded
from orchestra.errors import ConfigError


def calibrate(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Recorded answers, JSON lines.")
    ],
    cheap: Annotated[
        str, typer.Option("--cheap", metavar="A,B", help="The cheap models, whose agreement is accepted.")
    ],
    strong: Annotated[str, typer.Option("--strong", metavar="NAME", help="The model that is asked where they differ.")],
    epsilon: Annotated[
        float, typer.Option(min=0, max=1, help="How much accuracy may be given away, as a share.")
    ] = 0.01,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="How sure that has to be.")] = 0.95,
    answers: Kind = "auto",
    field: Field = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Find the agreement of cheap models from which a cascade is as good as its strong one, from recorded answers.

    A line of FILE is {"prompt", "outputs": {model: text}} with "gold", "correct" or "scores"; "costs" where known.
    """
    from dataclasses import asdict

    from orchestra.ensemble.calibrate import calibrate as calibrated

    names = [*listed(cheap), strong]
    if len(names) < 3:
        raise ConfigError("--cheap takes two models or more, as A,B: what is accepted is their agreement")
    if len(set(names)) < len(names):
        raise ConfigError("--cheap and --strong name one model twice, and it would always agree with itself")
    with Progress() as progress:
        progress.say(f"reading {file.name}")
        read = recorded(file, answers, field, config, names)
        progress.say("trying thresholds")
        found = calibrated(read.cases, names[:-1], strong, epsilon, confidence)
    for note in read.notes:
        warn(note)
    if as_json:
        show_json({**asdict(found), "answers": {"kind": read.answers.kind, "field": read.answers.field}})
        return
    made = table("threshold", "stops there", "accuracy", "gained", "lost", f"at least ({confidence:.0%})", "cost", "")
    for one in found.thresholds:
        cost = "-" if one.cost_share is None else f"{one.cost_share:.0%}"
        chosen = "← " + ("this" if one == found.chosen else "holds") if one.holds else ""
        figures = (f"{one.accepted:.1%}", f"{one.accuracy:.2%}", f"{one.gained}", f"{one.lost}", f"{one.low:+.2%}")
        made.add_row(f"{one.threshold:.2f}", *figures, cost, chosen)
    show_table(made)
    console = out()
    console.print(f"\n{strong} alone: {found.strong_accuracy:.2%} of {found.cases} questions\n{found.why}")
    if found.chosen is not None:
        said = {"kind": read.answers.kind, "field": json.dumps(read.answers.field, ensure_ascii=False)}
        how = ", ".join(f"{name}: {value}" for name, value in said.items() if value not in ("auto", "null"))
        vote = f"kind: vote, models: [{', '.join(names[:-1])}]" + (f", answers: {{{how}}}" if how else "")
        console.print(
            "\n  kind: cascade\n  models:\n"
            f"    - {{{vote}, min_agreement: {found.chosen.threshold:g}, stop: decided}}\n"
            f"    - {strong}\n  threshold: {found.chosen.threshold:g}"
        )
