"""The command `orchestra`."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from orchestra.errors import OrchestraError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave: 0 when it did what was asked, 1 when it could not, 2 when it was asked wrongly."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    from orchestra.cli.app import app
    from orchestra.cli.output import complain
    from orchestra.cli.quiet import own_warnings

    try:
        with own_warnings():
            app(arguments, prog_name="orchestra")
    except OrchestraError as error:
        complain(error)
        sys.exit(1)
