"""`orchestra budget`: limits, what is spent, held and free, when it will be used up, and when it starts again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from orchestra.cli import books, options
from orchestra.cli.output import out, show_json, show_table, table
from orchestra.errors import ConfigError

if TYPE_CHECKING:
    from orchestra.ledger.forecast import Outlook

CELLS = 10


def budget(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Only these.", show_default=False)] = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Show every budget: its limit, what is spent, held and free, when it is used up at this rate, when it resets."""
    with books.opened(config) as found:
        known = [one.name for one in found.budgets]
        for name in names or ():
            if name not in known:
                raise ConfigError(f"no budget is called {name!r}; there are: {', '.join(known) or 'none'}")
        outlooks = [one for one in found.outlooks() if not names or one.budget.name in names]
        now = found.now()
    if as_json:
        from orchestra.ledger.report import outlook_dict

        show_json([outlook_dict(outlook) for outlook in outlooks])
    elif outlooks:
        show(outlooks, now)
    elif known:
        out().print("nothing was spent in the open windows")
    else:
        out().print("no budget is set; daily_budget_usd: 20 in the policy file sets one")


def show(outlooks: Sequence[Outlook], now: float) -> None:
    """Print the table."""
    from rich.text import Text

    from orchestra.cli.dashboard import WINDOWS, at_this_rate, title
    from orchestra.cli.figures import clock, gauge, money, span

    hard = any(outlook.budget.hard_limit_nano is not None for outlook in outlooks)
    columns = ["budget", "window", "limit", *(["hard limit"] if hard else []), "spent", "held", "free"]
    made = table(*columns, "used", "at this rate", "resets", "alert", whole=("limit", "spent", "held", "free", "used"))
    for column in made.columns[2 : len(columns)]:
        column.justify = "right"
    for outlook in outlooks:
        one, standing = outlook.budget, outlook.standing
        zone = ZoneInfo(one.timezone)
        over = standing.spent >= standing.limit
        ceiling = "" if one.hard_limit_nano is None else money(one.hard_limit_nano)
        ends = standing.ends
        gauge_text = f"{gauge(standing.spent, standing.held, standing.limit, CELLS)} {outlook.percent}%"
        told = outlook.alerted_at
        threshold = "off" if one.alert_at is None else f"{one.alert_at * 100:g}%"
        made.add_row(
            Text(title(outlook)),
            f"{WINDOWS[one.per]}{'' if ends is None else f' in {one.timezone}'}",
            money(standing.limit),
            *([ceiling] if hard else []),
            money(standing.spent),
            money(standing.held),
            money(standing.free),
            Text(gauge_text, style="red" if over else ""),
            at_this_rate(outlook, now) or "lasts",
            "never" if ends is None else f"{clock(ends, now, zone)} (in {span(ends - now)})",
            threshold if told is None else f"{threshold}, reached {clock(told, now, zone)}",
        )
    show_table(made)
