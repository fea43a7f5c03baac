"""`orchestra ledger`: the books proven, compared with an invoice, put away, mended."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestra.cli import books, options
from orchestra.cli.output import err, out, show_json
from orchestra.errors import ConfigError

if TYPE_CHECKING:
    from orchestra.cli.books import Books

app = typer.Typer(help="The books: prove, compare, export, put away.", no_args_is_help=True)

Before = Annotated[str | None, typer.Option(metavar="TIME", help="Calls made before then: 90d or 2026-01-01.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
MARGIN_S = 86_400.0
"""Rows so far outside an invoice's time are looked at as well: the clocks of two machines differ."""


@app.command()
def audit(config: options.Config = None, as_json: options.Json = False) -> None:
    """Prove that the books add up; leave with 1 when they do not."""
    from orchestra.cli.figures import counted

    with books.opened(config) as found:
        faults = found.ledger.audit()
        place, windows = found.ledger.place, len(found.ledger.windows())
        entries, holds = len(found.ledger.entries()), len(found.ledger.holds())
    if as_json:
        show_json(
            {"ok": not faults, "place": place, "entries": entries, "windows": windows, "held": holds, "faults": faults}
        )
    else:
        for fault in faults:
            out().print(fault, style="red", soft_wrap=True)
        said = f"{counted(len(faults), 'fault')} in" if faults else "the books add up:"
        counts = f"{counted(entries, 'line')}, {counted(windows, 'window')}, {counted(holds, 'call')} in flight"
        out().print(f"{said} {counts} ({place})", soft_wrap=True)
    if faults:
        raise typer.Exit(1)


@app.command()
def reconcile(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False, help="What it billed.")],
    provider: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose invoice it is (default: as its models tell).")
    ] = None,
    since: books.Since = None,
    until: books.Until = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT=HEADER", help="Where a column is not found, such as cost=Price; may be repeated."),
    ] = None,
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Of the times in the file.")] = "UTC",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Compare the books with a provider's invoice export, line by line; leave with 1 when they differ."""
    from orchestra.cli import reconciled
    from orchestra.ledger.invoice import read_invoice
    from orchestra.ledger.matching import times
    from orchestra.ledger.reconcile import reconcile

    zone = books.zone_of(timezone)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: can't be read: {error}") from error
    try:
        invoice = read_invoice(text, zone, options.tags_of(column))
    except ConfigError as error:
        raise ConfigError(*(f"{file}: {problem}" for problem in error.problems)) from None
    with books.opened(config) as found:
        period = books.period_of(since, until, found.now(), zone)
        first, last = times(invoice.lines, period.since, period.until)
        rows = found.ledger.rows(None if first is None else first - MARGIN_S, None if last is None else last + MARGIN_S)
    result = reconcile(invoice, rows, since=period.since, until=period.until, provider=provider)
    if as_json:
        show_json(reconciled.as_data(invoice, result, zone))
    else:
        reconciled.show(invoice, result, zone)
    if result.differences:
        raise typer.Exit(1)


@app.command()
def export(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; .json is JSON (default: standard output)."),
    ] = None,
    since: books.Since = None,
    until: books.Until = None,
    timezone: books.Timezone = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Write every call as CSV or, with --json, JSON; the columns of the spec come first."""
    from orchestra.cli.figures import counted
    from orchestra.ledger.export import write_csv, write_json
    from orchestra.settings.atomic import write

    zone = books.zone_of(timezone)
    with books.opened(config) as found:
        period = books.period_of(since, until, found.now(), zone)
        rows = found.ledger.rows(period.since, period.until)
    written = write_json if as_json or (output and output.suffix == ".json") else write_csv
    if output is None:
        written(rows, sys.stdout, zone)
        return
    text = StringIO()
    written(rows, text, zone)
    write(output, text.getvalue(), private=True)
    err().print(f"{output}: {counted(len(rows), 'call')}", soft_wrap=True)


@app.command()
def archive(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; .json is JSON, else CSV.")],
    before: Before = None,
    timezone: books.Timezone = None,
    config: options.Config = None,
    yes: Yes = False,
    as_json: options.Json = False,
) -> None:
    """Write the calls of windows that are over to a file, then remove them; before this month, unless told otherwise.

    Budgets keep their sums.
    """
    from orchestra.cli.figures import counted
    from orchestra.ledger.archive import archive, closed_before

    zone = books.zone_of(timezone)
    with books.opened(config) as found:
        now = found.now()
        if before is None:
            at = closed_before(now, zone, found.ledger.windows(now), found.ledger.holds())
        else:
            at = _past(found, before, timezone)
        when = _day(at, timezone)
        confirm(yes, f"Write the calls made before {when} to {file} and remove them from the ledger?")
        calls = archive(found.ledger, file, at, zone)
    if as_json:
        show_json({"path": str(file) if calls else None, "before": when, "calls": calls})
    else:
        done = f"moved {counted(calls, 'call')} made before {when} to {file}"
        out().print(done if calls else f"no call was made before {when}", soft_wrap=True)


@app.command()
def purge(
    before: Annotated[str, typer.Option(metavar="TIME", help="Calls made before then: 90d or 2026-01-01.")],
    timezone: books.Timezone = None,
    config: options.Config = None,
    yes: Yes = False,
    as_json: options.Json = False,
) -> None:
    """Remove the calls made before a time for good (`archive` keeps them in a file). Budgets keep their sums."""
    from orchestra.cli.figures import counted

    with books.opened(config) as found:
        at = _past(found, before, timezone)
        calls = len(found.ledger.rows(until=at))
        when = _day(at, timezone)
        if calls:
            confirm(yes, f"Remove {counted(calls, 'call')} made before {when} for good?")
            found.ledger.purge(at)
    if as_json:
        show_json({"before": when, "calls": calls})
    else:
        done = f"removed {counted(calls, 'call')} made before {when}"
        out().print(done if calls else f"no call was made before {when}", soft_wrap=True)


@app.command(name="repair-clock")
def repair_clock(config: options.Config = None, as_json: options.Json = False) -> None:
    """Let the ledger's time go back to this machine's clock, after it was written under a wrong one."""
    with books.opened(config) as found:
        repaired = found.ledger.repair_clock()
        place = found.ledger.place
    if as_json:
        show_json({"repaired": repaired, "place": place})
    else:
        said = "the ledger's time is this machine's again" if repaired else "there was nothing to repair"
        out().print(f"{said} ({place})", soft_wrap=True)


def confirm(yes: bool, question: str) -> None:
    """Ask before something is removed; raises `typer.Abort`, or `typer.BadParameter` where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("this removes calls from the ledger; add --yes")
    typer.confirm(question, abort=True, err=True)


def _past(found: Books, before: str, timezone: str | None) -> float:
    now = found.now()
    at = books.moment_of(before, now, books.zone_of(timezone))
    if at > now:
        raise typer.BadParameter(f"{before!r} is in the future", param_hint="--before")
    return at


def _day(at: float, timezone: str | None) -> str:
    from orchestra.cli.figures import moment

    return f"{moment(at, books.zone_of(timezone))} {books.zone_of(timezone).key}"
