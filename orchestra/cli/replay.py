"""`orchestra replay`: the requests of the log through another policy, without a call."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestra.cli import books, options
from orchestra.cli.output import out, show_json, show_table, table

if TYPE_CHECKING:
    from orchestra.replay import Replay, Side

CELLS = 40
MOVES = 15
ENOUGH = 0.5
"""The share of requests that must be covered by scores before a quality is told."""


def replay(
    policy: Annotated[
        Path, typer.Option("--policy", metavar="FILE", exists=True, dir_okay=False, help="The other policy file.")
    ],
    since: Annotated[str, typer.Option(metavar="TIME", help="From then on: 24h, 7d or 2026-01-31.")] = "7d",
    name: Annotated[str, typer.Option(metavar="NAME", help="The policy in it.")] = "default",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Show where the log's requests would have gone under another policy, for how much, and how well."""
    from orchestra.api import MultiModelAPI
    from orchestra.cli.progress import Progress
    from orchestra.ledger.reading import Place
    from orchestra.prompting.scores import SCORE
    from orchestra.replay import replay as replayed
    from orchestra.routing.diary import DECISION
    from orchestra.routing.measured import Measured, fold
    from orchestra.runtime import Runtime

    with books.opened(config) as found, Progress() as progress:
        progress.say("reading the log")
        begin = books.period_of(since, None, found.now(), books.zone_of(None)).since
        rows = found.ledger.rows(begin)
        noted, _, _ = found.ledger.news(Place(), [SCORE, DECISION])
        events = [event for event in noted if begin is None or event.at >= begin]
        progress.say(f"replaying {len(rows):,} calls")
        measured = fold(Measured(), events, rows)
        tree = MultiModelAPI(policy, runtime=Runtime(ledger=found.ledger, measured=measured)).tree
        options.check_policy(tree, name)
        result = replayed(tree, name, rows, events, measured)
    if as_json:
        show_json(as_data(result))
    else:
        show(result)


def as_data(result: Replay) -> dict[str, Any]:
    """The replay as plain data; amounts in USD as decimal text."""
    from orchestra.ledger import usd

    def side(one: Side) -> dict[str, Any]:
        amounts = {model: f"{usd(amount):f}" for model, amount in one.amounts.items()}
        return {**asdict(one), "amounts": amounts, "models": dict(one.models), "cost_usd": f"{usd(one.amount):f}"}

    return {
        "requests": result.requests,
        "whole": result.whole,
        "moved": result.moved,
        "before": side(result.before),
        "after": side(result.after),
        "moves": [{**asdict(move), "saved": f"{usd(move.saved):f}"} for move in result.moves],
    }


def show(result: Replay) -> None:
    """Print both sides, what moves by which rule, and the money by model as bars."""
    from orchestra.cli.figures import counted, money, seconds

    console = out()
    if not result.requests:
        console.print("no requests in the log since then")
        return
    console.print(f"{counted(result.requests, 'request')}, {result.moved:,} would have gone elsewhere")
    if partial := result.requests - result.whole:
        console.print(f"of {partial:,} only task, tags and length are known: they were not routed when they were made")
    made = table("", "before", "after", whole=("before", "after"))
    made.columns[1].justify = made.columns[2].justify = "right"
    sides = (result.before, result.after)
    made.add_row("cost", *(money(side.amount) for side in sides))
    if any(side.unpriced for side in sides):
        made.add_row("of unknown cost", *(f"{side.unpriced:,}" for side in sides))
    made.add_row("average latency", *(seconds(side.latency_s) for side in sides))
    made.add_row("quality", *(_scored(side) for side in sides))
    show_table(made)
    _show_moves(result)
    _show_bars(result)


def _scored(side: Side) -> str:
    if side.quality is None or side.error is None or side.covered < ENOUGH:
        return f"not enough data (scores cover {side.covered:.0%})"
    return f"{side.quality:.3f} ± {1.96 * side.error:.3f} (scores cover {side.covered:.0%})"


def _show_moves(result: Replay) -> None:
    from orchestra.cli.figures import money

    if not result.moves:
        return
    made = table("by rule", "from", "to", "requests", "saved", whole=("requests", "saved"))
    made.columns[3].justify = made.columns[4].justify = "right"
    for move in result.moves[:MOVES]:
        saved = f"-{money(-move.saved)}" if move.saved < 0 else money(move.saved)
        made.add_row(move.rule, move.before, move.after, f"{move.requests:,}", saved)
    show_table(made)
    if rest := result.moves[MOVES:]:
        out().print(f"and {sum(move.requests for move in rest):,} requests in {len(rest)} other moves (--json has all)")


def _show_bars(result: Replay) -> None:
    from orchestra.cli.figures import bar, money

    names = sorted({*result.before.amounts, *result.after.amounts})
    most = max([*result.before.amounts.values(), *result.after.amounts.values()], default=0)
    made = table("cost by model", "", "", whole=("",))
    for name in names:
        for what, side in (("before", result.before), ("after", result.after)):
            amount = side.amounts.get(name, 0)
            made.add_row(name if what == "before" else "", what, f"{bar(amount, most, CELLS):<{CELLS}} {money(amount)}")
    show_table(made)
