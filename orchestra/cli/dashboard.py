"""The usage report as the spec draws it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from orchestra.cli.figures import bar, clock, counted, gauge, money, seconds, short, span
from orchestra.ledger.usage import TAG

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.panel import Panel
    from rich.table import Table

    from orchestra.ledger.forecast import Outlook
    from orchestra.ledger.report import Report
    from orchestra.ledger.windows import Per

BAR_CELLS, GAUGE_CELLS = 20, 27
WIDTH = 64
AROUND = 26
"""Columns beside the bar and the label: borders, amount, share."""
BUDGETS = 5
"""So many windows of budgets are shown, the fullest first."""

WINDOWS: Mapping[Per, str] = {
    "minute": "this minute",
    "hour": "this hour",
    "day": "today",
    "week": "this week",
    "month": "this month",
    "total": "in all",
    "request": "one request",
}


def dashboard(report: Report, width: int) -> Panel:
    """The screen, at most `width` columns wide."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    name = subject(report.by)
    longest = max((len(group.label) for group in report.groups), default=0)
    width = min(width, max(WIDTH, longest + AROUND + BAR_CELLS))
    inner: list[RenderableType] = []
    if report.groups:
        costs = _costs(report, max(1, min(BAR_CELLS, width - longest - AROUND)))
        for title, table in ((f"Cost by {name}", costs), (f"Token Usage by {name}", _tokens(report, name))):
            inner += ["", Panel(table, title=title, title_align="left")]
    else:
        inner += ["", Text("No calls.", style="dim")]
    body = Group(*cards(report), *inner, "", *budgets(report))
    title = f"Token Usage & Cost ({report.period.words})"
    return Panel(body, title=title, title_align="left", padding=(1, 1), width=width)


def subject(by: str) -> str:
    """What is grouped by, as a title has it."""
    return by.removeprefix(TAG) if by.startswith(TAG) else by.capitalize()


def cards(report: Report) -> Iterator[str]:
    """The sums, a line each."""
    sums = report.totals
    yield f"Total Tokens:   {sums.total_tokens:,}"
    yield f"Total Cost:     {money(sums.amount)}"
    yield f"Requests:       {sums.requests:,}"
    yield f"Avg Latency:    {seconds(sums.average_latency_s)}"
    if sums.calls != sums.requests or sums.errors:
        yield f"Calls:          {sums.calls:,}{f', {sums.errors:,} failed' if sums.errors else ''}"
    if sums.upper_bound:
        yield f"Upper bound:    {money(sums.upper_bound)} of the cost is the most that it can be"
    if sums.unpriced:
        yield f"Price unknown:  {counted(sums.unpriced, 'call')}, not in the cost"
    if sums.saved:
        yield f"Saved:          {money(sums.saved)} by cached answers"


def budgets(report: Report) -> Iterator[RenderableType]:
    """Every budget: what is spent of its window of now, and its alert."""
    from rich.text import Text

    if not report.outlooks:
        yield Text("Budget: none is set (daily_budget_usd sets one)")
        return
    several = len(report.outlooks) > 1
    seen: set[str] = set()
    for n, outlook in enumerate(sorted(report.outlooks, key=lambda found: -found.percent)[:BUDGETS]):
        yield from ([""] if n else [])
        yield from map(Text, budget_lines(outlook, report.at, named=several, again=outlook.budget.name in seen))
        seen.add(outlook.budget.name)
    if len(report.outlooks) > BUDGETS:
        yield Text(f"\nand {len(report.outlooks) - BUDGETS} more (orchestra budget)")


def budget_lines(outlook: Outlook, at: float, *, named: bool, again: bool = False) -> Iterator[str]:
    """One window of a budget: figures, bar, which window it is, alert; `again` without what the first one has said."""
    standing = outlook.standing
    whose = f" {title(outlook)}" if named else ""
    held = f", {money(standing.held)} held" if standing.held else ""
    yield f"Budget{whose}: {money(standing.spent)} / {money(standing.limit)} ({outlook.percent}% used{held})"
    yield f"[{gauge(standing.spent, standing.held, standing.limit, GAUGE_CELLS)}]"
    if not again:
        yield f"{title(outlook)}: {which(outlook, at)}"
    if rate := at_this_rate(outlook, at):
        yield f"at this rate used up {rate}" if outlook.standing.spent < outlook.standing.limit else rate
    if not again or outlook.alerted_at is not None:
        yield ""
        yield alert(outlook, at)


def title(outlook: Outlook) -> str:
    """A budget and whose window it is: `daily`, `each user=alice`, `each (no user)`."""
    absent = {f"{name}=": f"(no {name})" for name in outlook.budget.by}
    parts = re.split("(?<!,),(?!,)", outlook.standing.scope)
    return f"{outlook.standing.budget} {','.join(absent.get(part, part) for part in parts)}".strip()


def which(outlook: Outlook, at: float) -> str:
    """Which window it is, and when it ends."""
    words, zone, ends = WINDOWS[outlook.budget.per], outlook.budget.timezone, outlook.standing.ends
    if ends is None:
        return words
    return f"{words} in {zone}; resets {clock(ends, at, ZoneInfo(zone))} (in {span(ends - at)})"


def at_this_rate(outlook: Outlook, at: float) -> str:
    """When the limit will be reached, `used up` when it was; empty when it lasts."""
    if outlook.standing.spent >= outlook.standing.limit:
        return "used up"
    reached = outlook.exhausted_at
    return "" if reached is None else clock(reached, at, ZoneInfo(outlook.budget.timezone))


def alert(outlook: Outlook, at: float) -> str:
    """The alert of a budget."""
    share = outlook.budget.alert_at
    if share is None:
        return "Budget threshold: Alert disabled"
    told = outlook.alerted_at
    when = "" if told is None else f", reached {clock(told, at, ZoneInfo(outlook.budget.timezone))}"
    return f"⚠️ Budget {share * 100:g}% threshold: Alert enabled{when}"


def _costs(report: Report, cells: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    most = max((group.totals.amount for group in report.groups), default=0)
    for group in report.groups:
        share = f"{group.percent}%" if group.percent or not group.totals.amount else "<1%"
        filled = bar(group.totals.amount, most, cells)
        table.add_row(Text(filled, style="cyan"), Text(group.label), money(group.totals.amount), f"({share})")
    return table


def _tokens(report: Report, name: str) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold", expand=True)
    table.add_column(name, ratio=1, overflow="fold")
    for column in ("Input", "Output", "Total", "Cost"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = [(group.label, group.totals, "") for group in report.groups]
    if len(rows) > 1:
        rows.append(("Total", report.totals, "bold"))
    for label, sums, style in rows:
        cells = (short(sums.input_tokens), short(sums.output_tokens), short(sums.total_tokens), money(sums.amount))
        table.add_row(Text(label), *cells, style=style)
    return table
