"""`orchestra log`: the calls that were made, and one of them in full."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestra.cli import books, options
from orchestra.cli.books import Books
from orchestra.cli.output import out, show_json, show_table, table

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from orchestra.ledger import Entry

SHOWN = 20
ID_SHOWN = 8
BACK_S = (86_400, 30 * 86_400, None)
"""How far is looked back, step by step, until there are rows enough."""


def log(
    id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A call or a request, by its id or how that begins.", show_default=False),
    ] = None,
    since: books.Since = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, metavar="N", help="So many; 0 is all.")] = SHOWN,
    model: Annotated[str | None, typer.Option("--model", "-m", metavar="NAME", help="Only this model's.")] = None,
    task: options.Task = None,
    tag: options.Tags = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only those that failed.")] = False,
    timezone: books.Timezone = None,
    config: options.Config = None,
    as_json: options.Json = False,
    as_csv: books.Csv = False,
) -> None:
    """List the calls that were made, newest first; with an ID, show one of them in full, and why it was made."""
    if as_csv and (as_json or id is not None):
        raise typer.BadParameter("--csv is for the list of calls, in place of --json")
    zone = books.zone_of(timezone)
    tags = options.tags_of(tag)
    with books.opened(config) as found:
        if id is not None:
            show_one(found, id, zone, as_json)
            return

        def wanted(row: Entry) -> bool:
            return (
                model in (None, row.model, row.name, row.served)
                and task in (None, row.task_type, row.task_guessed)
                and all(row.tags.get(name) == value for name, value in tags.items())
                and not (errors and row.success)
            )

        rows = newest(found, since, zone, limit, wanted)
    if as_csv:
        from orchestra.ledger.export import write_csv

        write_csv(rows, sys.stdout, zone)
    elif as_json:
        from orchestra.ledger.export import record

        show_json([record(row, zone) for row in rows])
    else:
        show(rows, zone)


def newest(found: Books, since: str | None, zone: ZoneInfo, limit: int, wanted: Callable[[Entry], bool]) -> list[Entry]:
    """The rows that are wanted, newest first."""
    now = found.now()
    asked = books.period_of(since, None, now, zone).since
    spans = [asked] if since is not None or not limit else [None if s is None else now - s for s in BACK_S]
    rows: list[Entry] = []
    for begin in spans:
        rows = [row for row in reversed(found.ledger.rows(begin)) if wanted(row)]
        if len(rows) >= limit:
            break
    return rows[: limit or None]


def show(rows: Sequence[Entry], zone: ZoneInfo) -> None:
    """Print the table."""
    from orchestra.cli.figures import moment, seconds
    from orchestra.cli.row import cost, outcome, tags
    from orchestra.ledger.usage import task_of

    if not rows:
        out().print("no calls")
        return
    whole = ("time", "id", "request", "cost", "latency")
    made = table(
        "time", "id", "request", "model", "task", "in", "out", "cost", "latency", "result", "tags", whole=whole
    )
    for column in made.columns[5:9]:
        column.justify = "right"
    for row in rows:
        made.add_row(
            moment(row.made, zone),
            row.id[:ID_SHOWN],
            row.request[:ID_SHOWN],
            row.name or row.model,
            task_of(row) or "",
            f"{row.input_tokens:,}",
            f"{row.output_tokens:,}",
            cost(row),
            seconds(row.latency_s),
            outcome(row),
            tags(row.tags),
            style=None if row.success else "dim",
        )
    show_table(made)


def show_one(found: Books, id: str, zone: ZoneInfo, as_json: bool) -> None:
    """Print a call in full, or all calls of a request."""
    from rich.text import Text

    from orchestra.cli.row import decided, drawn, request_drawn
    from orchestra.ledger.export import record
    from orchestra.ledger.report import totals_dict
    from orchestra.ledger.usage import totals
    from orchestra.routing.diary import DECISION

    call, request = looked_up(found, id)
    asked = request[0].request
    decisions = [event.payload for event in found.ledger.events(DECISION, asked)] if asked else []
    if as_json and call is not None:
        others = [record(row, zone) for row in request if row.id != call.id]
        show_json({**record(call, zone), "decisions": decisions, "same_request": others})
    elif as_json:
        calls = [record(row, zone) for row in request]
        show_json({"request": asked, **totals_dict(totals(request)), "decisions": decisions, "log": calls})
    else:
        drawing = request_drawn(request, zone) if call is None else drawn(call, request, zone)
        out().print(Text("\n").join([drawing, *map(decided, decisions)]))


def looked_up(found: Books, id: str) -> tuple[Entry | None, list[Entry]]:
    """A call and all calls of its request; no call where `id` is a request's. Raises `typer.BadParameter`."""
    from orchestra.ledger.reading import calls

    for row in calls(found.ledger.entries(id=id)):
        return row, found.ledger.rows(request=row.request) if row.request else [row]
    if request := found.ledger.rows(request=id):
        return None, request
    rows = found.ledger.rows()
    ids = {name for row in rows for name in (row.id, row.request) if name.startswith(id)}
    if len(ids) == 1:
        return looked_up(found, ids.pop())
    said = f"{len(ids)} ids begin with {id!r}" if ids else f"no call or request has the id {id!r}"
    raise typer.BadParameter(said, param_hint="ID")
