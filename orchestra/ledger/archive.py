"""What is long over is put away in a file, and only then removed from the ledger."""

from __future__ import annotations

import os
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestra.errors import ConfigError
from orchestra.ledger.export import write_csv, write_json
from orchestra.ledger.ledger import Ledger
from orchestra.ledger.ops import Standing
from orchestra.ledger.reading import HeldRow
from orchestra.ledger.windows import window
from orchestra.settings.atomic import write


def closed_before(
    at: float, zone: ZoneInfo, standings: Iterable[Standing] = (), holds: Iterable[HeldRow] = ()
) -> float:
    """The time before which all is over at `at`: no month, no open window and no call in flight began earlier.

    A window without end does not count: it keeps its sum.
    """
    times = [float(window("month", zone, at).starts)]
    times += [float(standing.starts) for standing in standings if standing.ends is not None and standing.ends > at]
    times += [hold.made for hold in holds]
    return min(times)


def archive(ledger: Ledger, path: Path, before: float, zone: ZoneInfo) -> int:
    """Write the calls made before `before` to a new file, CSV or (`.json`) JSON, then purge them; how many they were.

    When this returns, file and purge are durable. Raises `ConfigError` when the file is there or can't be written, and
    for a call still in flight that is older; nothing is purged then.
    """
    if path.exists():
        raise ConfigError(f"{path} is already there: an archive is never written over")
    if any(hold.made < before for hold in ledger.holds()):
        raise ConfigError("a call that was made before that time is still in flight: name an earlier time, or wait")
    rows = ledger.rows(until=before)
    if not rows:
        return 0
    text = StringIO()
    (write_json if path.suffix == ".json" else write_csv)(rows, text, zone)
    write(path, text.getvalue(), private=True)
    _keep_name(path.parent)
    ledger.purge(before)
    return len(rows)


def _keep_name(folder: Path) -> None:
    """Make the name of the new file survive a power cut."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
