"""`orchestra panel`: which members of a panel help, which only cost, and who would do better."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestra.cli import options
from orchestra.cli.output import out, show_json, show_table, table, warn
from orchestra.cli.progress import Progress
from orchestra.cli.recordings import Field, Kind, listed, recorded

if TYPE_CHECKING:
    from orchestra.ensemble.doctor import Panel, Report, Votes
    from orchestra.ensemble.recorded import Case


def panel(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Recorded answers, JSON lines (default: the ledger's votes).",
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option("--models", metavar="A,B,C", help="The panel (default: all who answered every question of FILE)."),
    ] = None,
    max_usd: Annotated[
        float | None, typer.Option("--max-usd-per-1k", min=0, help="Look for the best panel under this price.")
    ] = None,
    answers: Kind = "auto",
    field: Field = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Examine panels: who helps, who only costs, whose errors go together, how to weigh them, and the best one.

    Without right answers, who is right is estimated from the votes. A staged vote asks its later members on the harder
    questions only, which lowers their figures.
    """
    with Progress() as progress:
        progress.say("reading")
        read = None if file is None else recorded(file, answers, field, config, listed(models))
        cases = None if read is None else read.cases
        found = _ledgered(config) if read is None else [("", _recorded(read.cases, read.names))]
        shown = [_examined(name, votes, max_usd, cases, progress) for name, votes in found]
    for note in read.notes if read else ():
        warn(note)
    if as_json:
        show_json([{name: _plain(value) for name, value in one.items()} for one in shown])
        return
    if not shown:
        out().print("no votes in the ledger yet; give a file of recorded answers, or let a policy of kind 'vote' run")
    for one in shown:
        _show(one)


def _ledgered(config: Path | None) -> list[tuple[str, Votes]]:
    from orchestra.build import build
    from orchestra.ensemble.doctor import Votes
    from orchestra.ensemble.learned import past_of, scores_of
    from orchestra.settings import find, read

    past = past_of(build(read(find(config))).money.ledger).read()
    found = []
    for (task, members), votes in past.votes.items():
        costs = tuple(_mean([vote.costs[n] for vote in votes]) for n in range(len(members)))
        groups = [vote.groups for vote in votes]
        found.append((task or "", Votes(members, groups, None, costs, scores_of(votes, past.scores))))
    return found


def _recorded(read: list[Case], names: list[str]) -> Votes:
    from orchestra.ensemble.doctor import Votes

    labelled = all(case.labelled(names) for case in read)
    costs = tuple(_mean([case.costs[name] for case in read]) for name in names)
    right = [case.truth(names) for case in read] if labelled else None
    return Votes(tuple(names), [case.groups(names) for case in read], right, costs)


def _mean(costs: list[Any]) -> float | None:
    known = [float(cost) for cost in costs if cost is not None]
    return sum(known) / len(known) if known else None


def _examined(
    task: str, votes: Votes, max_usd: float | None, read: list[Case] | None, progress: Progress
) -> dict[str, Any]:
    from orchestra.ensemble.doctor import best_panel, examine

    progress.say(f"examining {', '.join(votes.names)}")
    best = best_panel(votes, max_usd, progress.say) if max_usd is not None else None
    about = {"task": task, "names": votes.names, "votes": len(votes.groups), "max_usd_per_1k": max_usd}
    return {**about, "report": examine(votes), "samples": _samples(read, votes), "best": best}


def _samples(read: list[Case] | None, votes: Votes) -> list[Panel]:
    """The votes of as many samples of one model as the panel has members, where so many are recorded."""
    from orchestra.ensemble.doctor import panel_of

    found = []
    for name in votes.names if read else ():
        again = [name, *(f"{name}#{n}" for n in range(2, len(votes.names) + 1))]
        if all(sample in case.keys for case in read or () for sample in again):
            found.append(panel_of(_recorded(read or [], again)))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    return {**asdict(value), **({"advice": value.advice} if hasattr(value, "advice") else {})}


def _show(one: dict[str, Any]) -> None:
    console, report = out(), one["report"]
    task = f" · task {one['task']}" if one["task"] else ""
    console.print(f"{', '.join(one['names'])}{task} · {one['votes']} votes")
    if report is None:
        console.print("too few votes to say anything\n")
        return
    _members(report)
    said = [
        f"the vote {_figures(report.panel)}; {report.single.names[0]} alone {_figures(report.single)}",
        *report.advice,
    ]
    for samples in one["samples"]:
        same = "as well" if samples.accuracy >= report.panel.accuracy else "less well"
        said.append(f"{len(samples.names)} samples of {samples.names[0]} do {same}: {_figures(samples)}")
    if not one["samples"]:
        said.append("no further samples of one model are recorded, so whether those would do as well is not known")
    if one["max_usd_per_1k"] is not None:
        price = f"under ${one['max_usd_per_1k']:g} per 1,000"
        if one["best"] is None:
            said.append(f"no panel is {price}")
        else:
            chosen, tested = one["best"]
            said.append(
                f"the best panel {price}: {', '.join(chosen.names)}, {_figures(chosen)} where it was chosen, "
                f"{tested.accuracy:.1%} on the other half"
            )
    for line in said:
        console.print(f"- {line}")
    console.print("")


def _members(report: Report) -> None:
    made = table(
        "member", "right" if report.labelled else "right (estimated)", "weight", "$/1k", "the vote gains", "verdict"
    )
    for member in report.members:
        cost = "-" if member.usd_per_1k is None else f"{member.usd_per_1k:.3f}"
        gain = f"{member.gain:+.2%} ± {member.error:.2%}"
        made.add_row(
            member.name,
            "-" if member.accuracy is None else f"{member.accuracy:.1%}",
            str(member.weight),
            cost,
            gain,
            member.verdict,
        )
    show_table(made)
    out().print(f"weights: {report.fit.why}")


def _figures(panel: Panel) -> str:
    cost = "" if panel.usd_per_1k is None else f" at ${panel.usd_per_1k:.3f} per 1,000"
    return f"is right {panel.accuracy:.1%}{cost}"
