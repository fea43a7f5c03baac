"""`orchestra experiment`: start one, see what it says so far, end it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from orchestra.cli import books, options
from orchestra.cli.output import out, show_json, warn
from orchestra.errors import ConfigError

if TYPE_CHECKING:
    from orchestra.ledger import Ledger
    from orchestra.prompting import Experiment
    from orchestra.prompting.observed import Observed
    from orchestra.settings.experiments import ExperimentSpec

NONE = (
    "no experiment is declared; 'experiments:' in the policy file declares one, as in "
    "experiments: {bigger: {arms: {small: gpt-4o-mini, large: gpt-4o}, by: user}}, "
    "and a policy {kind: split, experiment: bigger} uses it"
)
"""What to do where there are none."""

app = typer.Typer(help="A/B tests of prompts, models and policies that may be looked at at any time.")


def _declared(context: typer.Context, incomplete: str) -> list[str]:
    from orchestra.errors import OrchestraError
    from orchestra.settings import find, read

    try:
        names = read(find(context.params.get("config"))).settings.experiments
    except OrchestraError:
        return []
    return [name for name in names if name.startswith(incomplete)]


Name: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="As under 'experiments:' of the policy file.", autocompletion=_declared)
]


@dataclass(frozen=True, slots=True)
class Known:
    """The experiments of the policy file, and those of its ledger."""

    ledger: Ledger
    declared: Mapping[str, ExperimentSpec]
    seen: Mapping[str, Observed]

    def experiment(self, name: str) -> Experiment:
        """The experiment of that name; raises `ConfigError`, with a suggestion, when there is none."""
        from difflib import get_close_matches

        from orchestra.prompting import Experiment

        spec = self.declared.get(name) or self.of(name).spec
        if spec is None:
            names = list(dict.fromkeys([*self.declared, *self.seen]))
            close = get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}" if names else NONE
            raise ConfigError(f"no experiment is called {name!r}; {hint}")
        return Experiment(name, spec, self.ledger, wall=books.WALL)

    def of(self, name: str) -> Observed:
        """What was seen of an experiment."""
        from orchestra.prompting.observed import Observed

        return self.seen.get(name) or Observed()


@contextmanager
def known(config: Path | None) -> Iterator[Known]:
    """What the policy file and its ledger know of experiments."""
    from orchestra.accounts import ledger_of
    from orchestra.ledger.reading import Place
    from orchestra.prompting.observed import ALL, STARTED, fold
    from orchestra.settings import find, read

    settings = read(find(config)).settings
    ledger = ledger_of(settings.ledger)
    try:
        events, _, _ = ledger.news(Place(), ALL)
        starts = [event.at for event in events if event.kind == STARTED]
        entries = ledger.entries(min(starts)) if starts else []
        yield Known(ledger, settings.experiments, fold({}, events, entries))
    finally:
        ledger.close()


@app.command()
def start(name: Name, config: options.Config = None, as_json: options.Json = False) -> None:
    """Start an experiment of the policy file; from now on its arms get their shares of the units."""
    from orchestra.cli.experiment_screen import ago
    from orchestra.prompting.report import report

    with known(config) as found:
        experiment, seen = found.experiment(name), found.of(name)
        if seen.stopped is not None:
            raise ConfigError(f"experiment {name!r} is over: {seen.stopped.reason}; give a new test another name")
        experiment.start().result()
        now = experiment.read()
    if as_json:
        show_json(report(name, now, None))
    elif seen.started_at is not None:
        out().print(f"{name} has been running for {ago(seen.started_at, books.WALL())}")
    else:
        out().print(f"{name} runs: {', '.join(experiment.spec.arms)}; 'orchestra experiment status {name}' shows it")


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this one, in full.")] = None,
    timezone: books.Timezone = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Show what experiments say so far; looking at any time, and stopping at a winner, makes nothing wrong."""
    from orchestra.cli.experiment_screen import overview, screen
    from orchestra.prompting.analysis import analysed
    from orchestra.prompting.report import changed, report

    with known(config) as found:
        names = [name] if name else list(dict.fromkeys([*found.declared, *found.seen]))
        specs = {one: found.experiment(one).spec for one in names}
        at = max(books.WALL(), found.ledger.newest())
    ends = {one: seen.stopped.at if (seen := found.of(one)).stopped else at for one in names}
    analyses = {one: analysed(found.of(one), ends[one]) if found.of(one).spec else None for one in names}
    for one in names:
        started = found.of(one).spec
        if found.of(one).runs and started is not None and (keys := changed(specs[one], started)):
            warn(f"{one}: the policy file says otherwise than at its start, which counts: {', '.join(keys)}")
    if as_json:
        reports = [report(one, found.of(one), analyses[one]) for one in names]
        show_json(reports[0] if name else reports)
    elif name and (analysis := analyses[name]) is not None:
        screen(name, found.of(name), analysis, books.zone_of(timezone), at)
    elif names:
        overview({one: (specs[one], found.of(one), analyses[one]) for one in names}, at)
    else:
        out().print(NONE, soft_wrap=True)


@app.command()
def stop(
    name: Name,
    serve: Annotated[
        str | None, typer.Option(metavar="ARM", help="The arm that answers everybody from now on (default: the first).")
    ] = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """End an experiment for good; one of its arms, the first or the winner, answers everybody from now on."""
    from orchestra.prompting.report import report

    with known(config) as found:
        experiment, seen = found.experiment(name), found.of(name)
        if seen.started_at is None:
            raise ConfigError(f"experiment {name!r} was not started")
        if seen.stopped is not None:
            raise ConfigError(f"experiment {name!r} is over already: {seen.stopped.reason}")
        experiment.stop(serve).result()
        now = experiment.read()
    if as_json:
        show_json(report(name, now, experiment.analysed(now)))
    else:
        assert now.stopped is not None
        out().print(f"{name} is over; {now.stopped.serve} answers from now on")
