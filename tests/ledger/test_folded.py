"""A value that keeps up with the books, on both engines."""

from __future__ import annotations

import time as machine
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from orchestra.errors import LedgerError
from orchestra.ledger import Entry, Event, Folded, Ledger

from .support import attempt, want


def names(value: tuple[str, ...], events: Sequence[Event], entries: Sequence[Entry]) -> tuple[str, ...]:
    """Every key and id, in the order in which they came."""
    return (*value, *(event.key for event in events), *(entry.id for entry in entries))


def test_a_value_is_folded_from_what_is_new_only(ledger: Ledger) -> None:
    """Nothing counts twice, and other kinds do not count."""
    folded = Folded(ledger, names, (), kinds=["score"])
    ledger.event("score", "a", {})
    ledger.event("other", "b", {})
    assert folded.read() == ("a",)
    ledger.event("score", "c", {})
    assert folded.read() == ("a", "c")
    assert folded.read() == ("a", "c")


def test_entries_count_where_they_are_asked_for(ledger: Ledger) -> None:
    """Calls that were booked, too."""
    ledger.book(attempt(want(id="call"), "0.001"))
    ledger.event("score", "a", {})
    assert Folded(ledger, names, (), kinds=["score"], entries=True).read() == ("a", "call")
    assert Folded(ledger, names, (), entries=True).read() == ("call",)


def test_every_process_comes_to_the_same_value(opened: Callable[..., Ledger]) -> None:
    """What another process noted is read too."""
    here, there = opened(), opened()
    folded = Folded(here, names, (), kinds=["score"])
    there.event("score", "theirs", {}).result()
    here.event("score", "ours", {})
    assert folded.read() == Folded(there, names, (), kinds=["score"]).read() == ("theirs", "ours")


def test_asking_never_waits_and_the_next_reading_is_due_after_a_while(ledger: Ledger) -> None:
    """The first answer is the start; a reading follows by itself, and no sooner than it is due."""
    now = [0.0]
    folded = Folded(ledger, names, (), kinds=["score"], every_s=5, clock=lambda: now[0])
    ledger.event("score", "a", {}).result()
    assert folded.value == ()
    _until(lambda: folded.value == ("a",))
    ledger.event("score", "b", {}).result()
    now[0] = 4.9
    assert folded.value == ("a",)
    now[0] = 5
    _until(lambda: folded.value == ("a", "b"))


def test_a_ledger_that_cannot_be_read_leaves_the_value_as_it_was(tmp_path: Path) -> None:
    """Who waits for it is told."""
    (tmp_path / "ledger.db").write_bytes(b"not a database, by far " * 100)
    ledger = Ledger(tmp_path / "ledger.db", patience_s=1)
    folded = Folded(ledger, names, ("start",), kinds=["score"])
    with pytest.raises(LedgerError):
        folded.read()
    assert folded.value == ("start",)
    ledger.close()


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        machine.sleep(0.01)
    raise AssertionError("it never came")
