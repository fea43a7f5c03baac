"""`orchestra usage`: what was spent, on what, and how the budgets stand."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from orchestra.cli import books, options
from orchestra.cli.books import Books
from orchestra.cli.output import out, show_json

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from orchestra.ledger.report import Report

EVERY_S = 2.0
SLEEP = time.sleep


def usage(
    since: Annotated[str, typer.Option(metavar="TIME", help="From then on: 24h, 7d or 2026-01-31.")] = "24h",
    by: Annotated[
        str,
        typer.Option(metavar="WHAT", help="model, task ('chat?' is a guess), prompt, provider, day or tag:NAME."),
    ] = "model",
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every two seconds, until Ctrl-C.")] = False,
    timezone: books.Timezone = None,
    config: options.Config = None,
    as_json: options.Json = False,
    as_csv: books.Csv = False,
) -> None:
    """Show tokens and cost of the last 24 hours, what they were spent on, and how the budgets stand."""
    if watch + as_json + as_csv > 1:
        raise typer.BadParameter("--watch, --json and --csv are three ways to show it; choose one")
    zone = books.zone_of(timezone)
    with books.opened(config) as found:
        if watch:
            watched(lambda: reported(found, since, by, zone))
            return
        report = reported(found, since, by, zone)
    if as_json:
        from orchestra.ledger.report import report_dict

        show_json(report_dict(report))
    elif as_csv:
        write_csv(report)
    else:
        from orchestra.cli.dashboard import dashboard

        console = out()
        console.print(dashboard(report, console.width))


def reported(found: Books, since: str, by: str, zone: ZoneInfo) -> Report:
    """The report of now; raises `typer.BadParameter`."""
    from orchestra.ledger.report import report
    from orchestra.ledger.usage import key_of

    try:
        key_of(by)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--by") from None
    now = found.now()
    period = books.period_of(since, None, now, zone)
    return report(found.ledger.rows(period.since), period, by, zone, now, found.outlooks())


def watched(look: Callable[[], Report]) -> None:
    """Show the report again and again, until it is interrupted."""
    from rich.live import Live

    from orchestra.cli.dashboard import dashboard

    console = out()
    with Live(console=console, auto_refresh=False) as live:
        try:
            while True:
                live.update(dashboard(look(), console.width), refresh=True)
                SLEEP(EVERY_S)
        except KeyboardInterrupt:
            return


def write_csv(report: Report) -> None:
    """Print the groups, a line each."""
    from orchestra.ledger.export import cell
    from orchestra.ledger.report import totals_dict
    from orchestra.ledger.usage import TAG

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([report.by.removeprefix(TAG), *totals_dict(report.totals), "percent"])
    for group in report.groups:
        values = [group.key, *totals_dict(group.totals).values(), group.percent]
        writer.writerow([cell(value) for value in values])
