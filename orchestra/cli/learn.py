"""`orchestra learn`: train a policy on scored requests, and show what it will cost and lose."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestra.cli import books, options
from orchestra.cli.output import out, show_json, show_table, table
from orchestra.errors import ConfigError

if TYPE_CHECKING:
    from orchestra.ledger import Ledger
    from orchestra.routing.learn import Example
    from orchestra.routing.trained import Trained
    from orchestra.settings.nodes import RouteSpec

TYPICAL_TOKENS = 500
"""Input at which the arms' costs are compared."""


def learn(
    policy: options.Policy = None,
    labelled: Annotated[
        Path | None,
        typer.Option(
            "--labelled",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help='Lines of {"prompt": "…", "scores": {"<model>": 0 to 1, …}} (default: the log).',
        ),
    ] = None,
    since: books.Since = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same examples, same result.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the report.")] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Train a policy of strategy 'learned' from the log, or from a labelled file; nothing is called."""
    from orchestra.build.routes import trained_path
    from orchestra.cli.progress import Progress
    from orchestra.routing.learn import Target, learned
    from orchestra.settings import find, read

    file = read(find(config))
    name, spec = route_named(file.settings.policies, policy)
    if spec.trained is None and not dry_run:
        raise ConfigError(f"policy {name!r} names no file for what is learned: add 'trained: learned.json' to it")
    with books.opened(config) as found, Progress() as progress:
        arms, costs = arms_of(file, spec)
        progress.say("reading examples")
        rows = labels(labelled, arms) if labelled is not None else logged(found.ledger, name, begin(found, since))
        examples = list(rows)
        progress.say(f"learning from {len(examples):,} examples")
        trained = learned(examples, arms, costs, Target(spec.strong_share, spec.quality), seed)
    place = None if dry_run or spec.trained is None else trained_path(file, spec.trained)
    if place is not None:
        trained.save(place)
    if as_json:
        show_json({"policy": name, "file": place, "target": trained.target, "dial": trained.dial, **trained.report})
    else:
        show(name, trained, place)


def route_named(policies: Mapping[str, Any], name: str | None) -> tuple[str, RouteSpec]:
    """The policy of strategy `learned` of that name, or the only one there is; raises `ConfigError`."""
    routes = {key: spec for key, spec in policies.items() if getattr(spec, "strategy", None) == "learned"}
    if name is None and len(routes) == 1:
        return next(iter(routes.items()))
    if name in routes:
        return name, routes[name]
    known = f"there are: {', '.join(routes)}" if routes else "there is none: write one with 'strategy: learned'"
    raise ConfigError(f"say which policy of strategy 'learned' with --policy; {known}")


def arms_of(file: Any, spec: RouteSpec) -> tuple[list[str], dict[str, float]]:
    """The names of a route's arms, and their costs relative to the last; by their order where a price is not known."""
    from dataclasses import replace

    from orchestra.build import build
    from orchestra.routing import Facts
    from orchestra.routing.arm import cheapest

    bare = {name: _untrained(one) for name, one in file.settings.policies.items()}
    tree = build(replace(file, settings=file.settings.model_copy(update={"policies": bare})))
    facts = Facts(input_tokens=TYPICAL_TOKENS)
    names = [getattr(model, "name", "") for model in spec.models]
    if "" in names:
        raise ConfigError("the models of a policy that learns have names; give the policy in it a name of its own")
    arms = [tree.find(name) for name in names]
    prices = [cheapest(arm.members, facts) for arm in arms]
    dearest = prices[-1]
    if None in prices or not dearest:
        return names, {name: (n + 1) / len(names) for n, name in enumerate(names)}
    return names, {name: float((price or 0) / dearest) for name, price in zip(names, prices, strict=True)}


def _untrained(spec: Any) -> Any:
    return spec.model_copy(update={"trained": None}) if getattr(spec, "trained", None) else spec


def begin(found: books.Books, since: str | None) -> float | None:
    """The time of `--since`; `None`: from the first."""
    return None if since is None else books.period_of(since, None, found.now(), books.zone_of(None)).since


def labels(path: Path, arms: list[str]) -> Iterator[Example]:
    """The examples of a labelled file; raises `ConfigError` with the line that is none."""
    from orchestra.routing.classify import builtin
    from orchestra.routing.learn import Example
    from orchestra.routing.traits import traits

    classifier = builtin()
    for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            scores = {arm: float(row["scores"][arm]) for arm in arms if arm in row["scores"]}
            if not scores or not all(0 <= value <= 1 for value in scores.values()):
                raise ValueError(f"'scores' has no score from 0 to 1 of any of {', '.join(arms)}")
            yield Example(traits(row["prompt"], classifier), scores)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}:{n}: not a labelled example: {error}") from None


def logged(ledger: Ledger, policy: str, since: float | None) -> list[Example]:
    """The scored requests of a policy in the log."""
    from orchestra.routing.learn import Example
    from orchestra.routing.scored import KINDS, scored

    events = [event for event in ledger.events() if event.kind in KINDS and (since is None or event.at >= since)]
    given = [one for one in scored(events, {}) if one.policy == policy and one.given and one.facts.get("traits")]
    return [Example(one.facts["traits"], {one.arm: one.value}) for one in given]


def show(name: str, trained: Trained, place: Path | None) -> None:
    """Print what the policy comes to."""
    report, strongest = trained.report, trained.arms[-1]
    console = out()
    console.print(f"policy {name!r}: {report['examples']:,} examples, target {trained.target}")
    made = table("model", "share", "quality alone", "cost", whole=("share",))
    for column in made.columns[1:]:
        column.justify = "right"
    for arm in trained.arms:
        quality, cost = report["quality_of"][arm], trained.costs[arm]
        made.add_row(arm, f"{report['shares'][arm]:.1%}", f"{quality:.1%}", f"{cost:.1%}")
    made.add_row("together", "", f"{report['quality']:.1%}", f"{report['cost']:.1%}")
    show_table(made)
    lost, error = 100 * report["lost"], 196 * report["lost_error"]
    said = f"{lost:+.1f} points lost, ±{error:.1f} (95 %), at {report['cost']:.0%} of its cost"
    console.print(f"against {strongest} always: {said}")
    if "apgr" in report:
        console.print(
            f"area of the gap recovered {report['apgr']:.2f} (chance 0.50, length alone {report['apgr_length']:.2f}); "
            f"80 % of it with {report['cpt80']:.0%} strong calls"
        )
        if not report["tells"]:
            console.print(
                "the text alone tells little here: a cascade that asks the strong model where cheap ones disagree "
                "is the better tool (kind: cascade)"
            )
    console.print(f"saved to {place}" if place else "not saved")
