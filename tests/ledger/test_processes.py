"""Several processes at one ledger, and what is left when one of them dies or forks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import time as wall
from typing import Any

import pytest

from orchestra.errors import BudgetBusy, BudgetExceeded
from orchestra.ledger import Ledger, Ledgered, nano

from .support import Time, call
from .worker import DAILY, EACH, USERS

ROOT = Path(__file__).parents[2]


def _started(place: str, job: str, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.ledger.worker", place, job, str(number)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _said(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return dict(json.loads(out)) if out else {}


def _all(place: str, job: str, number: int, processes: int = 4) -> list[dict[str, Any]]:
    return [_said(process) for process in [_started(place, job, number) for _ in range(processes)]]


@pytest.mark.parametrize("job", ["burst", "turns"])
def test_four_processes_spend_the_limit_together_and_not_more(place: str, job: str, ledger: Ledger) -> None:
    """Neither one call too many, nor one that would have fitted refused (B1)."""
    assert sum(said["sent"] for said in _all(place, job, 25)) == 10
    (window,) = ledger.windows()
    assert (window.spent, window.held, window.overrun) == (nano("0.01"), 0, 0)
    assert ledger.audit() == []


def test_exactly_one_process_is_told_of_each_window_and_threshold(place: str, ledger: Ledger) -> None:
    """Four processes cross together, in many windows at once (I9, T10)."""
    told = Counter((scope, threshold) for said in _all(place, "alerts", 5) for scope, threshold in said["told"])
    scopes = [f"user={user}" for user in range(USERS)]
    assert told == {(scope, threshold): 1 for scope in scopes for threshold in (EACH.alert_nano, EACH.limit_nano)}
    assert ledger.audit() == []


async def test_what_a_killed_process_held_is_kept_and_then_charged(place: str, opened: Callable[..., Ledger]) -> None:
    """kill -9 with a call in flight: nothing is forgotten, nothing is refunded (I5, I6)."""
    process = _started(place, "killed", 8)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time = Time(wall())
    after = opened(wall=time)
    budgets = Ledgered(ledger=after, budgets=(DAILY,), patience_s=0)
    await call(budgets)
    with pytest.raises(BudgetBusy):
        await call(budgets)
    time.pass_(61)
    again = opened(wall=time)
    with pytest.raises(BudgetExceeded) as refused:
        await call(Ledgered(ledger=again, budgets=(DAILY,), patience_s=0))
    assert not isinstance(refused.value, BudgetBusy)
    assert {row.id: row.basis for row in again.rows()}["in flight"] == "reserved"
    (window,) = again.windows()
    assert (window.spent, window.held) == (nano("0.01"), 0)
    assert again.audit() == []


def test_a_process_that_ends_without_closing_writes_what_it_queued(place: str, ledger: Ledger) -> None:
    """The end of the interpreter drains the queue."""
    _said(_started(place, "unclosed", 5))
    assert len(ledger.rows()) == 5
    assert ledger.holds() == []


def test_a_forked_child_has_a_ledger_of_its_own_and_not_its_parents_holds(place: str) -> None:
    """Both go on after the fork; only the parent settles what it held."""
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    said = _said(_started(place, "forked", 0))
    assert said["rows"] == {"parent's": 500_000, "child's": 10**6, "parent's second": 10**6}
    assert (said["status"], said["same"], said["faults"], said["held"]) == (0, True, [], 0)
