"""The ledger and the budgets of the settings, opened for a command, and the options that reports share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from orchestra.ledger import Budget, Ledger
    from orchestra.ledger.forecast import Outlook
    from orchestra.ledger.period import Period

WALL: Callable[[], float] = time.time  # noqa: TID251  # the clock of the commands

Since: TypeAlias = Annotated[str | None, typer.Option(metavar="TIME", help="From then on: 24h, 7d or 2026-01-31.")]
Until: TypeAlias = Annotated[str | None, typer.Option(metavar="TIME", help="Up to then, not including it.")]
Timezone: TypeAlias = Annotated[
    str | None, typer.Option("--timezone", metavar="ZONE", help="Such as Europe/Berlin (default: this machine's).")
]
Csv: TypeAlias = Annotated[bool, typer.Option("--csv", help="Print CSV.")]


@dataclass(frozen=True, slots=True)
class Books:
    """What a command reads."""

    ledger: Ledger
    budgets: tuple[Budget, ...]

    def now(self) -> float:
        """The ledger's time, in seconds since the epoch: it does not go back when the machine's does."""
        return max(WALL(), self.ledger.newest())

    def outlooks(self) -> list[Outlook]:
        """How every budget stands now."""
        import asyncio

        from orchestra.ledger import Ledgered
        from orchestra.ledger.books import ALERT
        from orchestra.ledger.forecast import RECENT_S, outlooks

        if not self.budgets:
            return []
        at = self.now()
        standings = asyncio.run(Ledgered(ledger=self.ledger, budgets=self.budgets).standings())
        endless = any(standing.ends is None for standing in standings)
        recent = self.ledger.rows(at - RECENT_S) if endless else []
        return outlooks(self.budgets, standings, at, recent, self.ledger.events(ALERT))


@contextmanager
def opened(config: Path | None) -> Iterator[Books]:
    """The ledger that the settings name, and their budgets."""
    from orchestra.accounts import budgets_of, ledger_of, specs_of
    from orchestra.catalog import Catalog
    from orchestra.counted import Counted
    from orchestra.local import LocalServer
    from orchestra.names import Names
    from orchestra.settings import find, read

    file = read(find(config))
    catalog = Catalog(file.settings.price_map)  # read only where a budget names a model or a provider
    counted = Counted(file.settings, catalog, Names(file.settings, catalog, LocalServer()))
    specs = {name: counted.spec(spec) for name, spec in specs_of(file).items()}
    ledger = ledger_of(file.settings.ledger)
    try:
        yield Books(ledger, budgets_of(file, specs))
    finally:
        ledger.close()


def zone_of(name: str | None) -> ZoneInfo:
    """The time zone to report in; raises `typer.BadParameter`."""
    from orchestra.ledger.period import machine_zone, zone_named

    try:
        return machine_zone() if name is None else zone_named(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--timezone") from None


def period_of(since: str | None, until: str | None, now: float, zone: ZoneInfo) -> Period:
    """The time to report on; raises `typer.BadParameter`."""
    from orchestra.ledger.period import period

    try:
        return period(since, until, now, zone)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since / --until") from None


def moment_of(text: str, now: float, zone: ZoneInfo) -> float:
    """The time of `--before`; raises `typer.BadParameter`."""
    from orchestra.ledger.period import moment

    try:
        return moment(text, now, zone)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--before") from None
