"""How the command speaks: tables and trees that stay whole in a pipe, JSON, and errors of one line each."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestra.errors import AllFailed, ConfigError, OrchestraError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

UNBOUNDED = 10_000
"""Columns of a pipe: nothing is wrapped or cut there."""
LEGIBLE = 120
"""Columns that a table needs to be read: a narrower terminal wraps its lines itself."""


def out() -> Console:
    """Standard output as it is now."""
    return _console(sys.stdout)


def err() -> Console:
    """Standard error as it is now."""
    return _console(sys.stderr)


def table(*columns: str, whole: Sequence[str] = ()) -> Table:
    """An empty table; the columns in `whole` are never wrapped or cut."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for column in columns:
        made.add_column(column, no_wrap=column in whole, overflow="ignore" if column in whole else "fold")
    return made


def show_table(made: Table) -> None:
    """Print a table: fitted to a terminal, and in a pipe as plain lines of whole cells."""
    console = out()
    if console.width < UNBOUNDED:
        console.width = max(console.width, LEGIBLE)
        console.print(made)
        return
    columns = [[str(cell) for cell in (column.header, *column.cells)] for column in made.columns]
    widths = [max(map(len, cells)) for cells in columns]
    right = [column.justify == "right" for column in made.columns]
    for row in zip(*columns, strict=True):
        cells = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        console.file.write("  ".join(cells).rstrip() + "\n")


def show_json(data: Any) -> None:
    """Print `data` as JSON."""
    out().file.write(json.dumps(data, default=str, ensure_ascii=False, indent=2) + "\n")


def warn(text: str) -> None:
    """Print a warning on standard error."""
    _say("warning", "yellow", text)


def complain(error: OrchestraError) -> None:
    """Print an error on standard error: one line for each thing that is wrong."""
    match error:
        case ConfigError():
            lines = error.problems
        case AllFailed():
            lines = (error.message, *(str(one) for one in error.exceptions))
        case _:
            lines = (str(error),)
    for line in lines:
        _say("error", "bold red", line)


def _say(word: str, style: str, text: str) -> None:
    from rich.text import Text

    err().print(Text.assemble((f"{word}: ", style), text), soft_wrap=True)


def _console(file: Any) -> Console:
    from rich.console import Console

    width = None if file.isatty() else UNBOUNDED
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)
