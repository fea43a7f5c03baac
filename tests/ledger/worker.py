"""What a test runs in a process of its own: `python -m tests.ledger.worker PLACE JOB [NUMBER]`."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import threading
import time
from typing import Any

from orchestra.errors import BudgetExceeded
from orchestra.ledger import Budget, Held, Ledger, Ledgered, nano

from .support import attempt, want

DAILY = Budget(name="daily", limit_nano=nano("0.01"), per="total")
EACH = Budget(name="each", limit_nano=nano("0.02"), per="total", by=("user",), alert_at=0.8)
USERS = 25


def say(**said: Any) -> None:
    print(json.dumps(said), flush=True)


async def _call(budgets: Ledgered, **about: Any) -> bool:
    """Hold a tenth of a cent, wait as for an answer, settle."""
    try:
        (held,) = await budgets.reserve([want(id=os.urandom(8).hex(), **about)])
    except BudgetExceeded:
        return False
    await asyncio.sleep(0.002)
    held.book(attempt(held.want))
    return True


async def burst(place: str, number: int) -> None:
    """All calls at once; says how many went out."""
    ledger = Ledger(place)
    budgets = Ledgered(ledger=ledger, budgets=(DAILY,))
    sent = await asyncio.gather(*(_call(budgets) for _ in range(number)))
    ledger.close()
    say(sent=sum(sent))


async def turns(place: str, number: int) -> None:
    """One call after the other."""
    ledger = Ledger(place)
    budgets = Ledgered(ledger=ledger, budgets=(DAILY,))
    sent = [await _call(budgets) for _ in range(number)]
    ledger.close()
    say(sent=sum(sent))


async def alerts(place: str, number: int) -> None:
    """Spend for many users in an order of its own; says which alerts it was given."""
    told: list[tuple[str, int]] = []
    ledger = Ledger(place, durability="process")
    ledger.on_alert(lambda alert: told.append((alert.standing.scope, alert.threshold)))
    budgets = Ledgered(ledger=ledger, budgets=(EACH,))
    users = [str(user) for user in range(USERS)] * number
    random.Random(os.getpid()).shuffle(users)
    await asyncio.gather(*(_call(budgets, tags={"user": user}) for user in users))
    ledger.close()
    say(told=told)


async def killed(place: str, number: int) -> None:
    """Settle `number` calls, hold one more, say so, and wait for the end."""
    ledger = Ledger(place)
    budgets = Ledgered(ledger=ledger, budgets=(DAILY,))
    for _ in range(number):
        await _call(budgets)
    await budgets.reserve([want(id="in flight")])
    say(ready=True)
    time.sleep(60)  # noqa: ASYNC251  # until it is killed


async def unclosed(place: str, number: int) -> None:
    """Settle calls and end without closing anything."""
    budgets = Ledgered(ledger=Ledger(place), budgets=(DAILY,))
    for _ in range(number):
        await _call(budgets)


async def forked(place: str, number: int) -> None:
    """Hold money, fork, and have both go on."""
    ledger = Ledger(place)
    budgets = Ledgered(ledger=ledger, budgets=(DAILY,))
    (held,) = await budgets.reserve([want(id="parent's")])
    owner = ledger.owner
    child = os.fork()
    if not child:
        thread = threading.Thread(target=_in_child, args=(ledger, budgets, held, owner))  # the loop is the parent's
        thread.start()
        thread.join()
        os._exit(0)
    _, status = os.waitpid(child, 0)  # noqa: ASYNC222  # the child is at work
    held.book(attempt(held.want, "0.0005"))
    (other,) = await budgets.reserve([want(id="parent's second")])
    other.book(attempt(other.want))
    rows = {row.id: row.amount for row in ledger.rows()}
    say(status=status, same=ledger.owner == owner, rows=rows, faults=ledger.audit(), held=len(ledger.holds()))
    ledger.close()


def _in_child(ledger: Ledger, budgets: Ledgered, held: Held, owner: str) -> None:
    async def go_on() -> None:
        held.book(attempt(held.want, "0.0009"))  # the parent's, and not ours to settle
        held.release()
        (own,) = await budgets.reserve([want(id="child's")])
        own.book(attempt(own.want))
        ledger.close()

    asyncio.run(go_on())
    if ledger.owner == owner:
        os._exit(1)


JOBS = {job.__name__: job for job in (burst, turns, alerts, killed, unclosed, forked)}

if __name__ == "__main__":
    asyncio.run(JOBS[sys.argv[2]](sys.argv[1], int(sys.argv[3])))
