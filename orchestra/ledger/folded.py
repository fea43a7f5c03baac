"""A value that keeps up with the books: what nodes learn, without waiting for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from orchestra.errors import LedgerError
from orchestra.ledger.entry import Entry
from orchestra.ledger.ledger import Ledger
from orchestra.ledger.reading import Event, Place

T = TypeVar("T")

Fold = Callable[[T, Sequence[Event], Sequence[Entry]], T]
"""The value after some more events and entries, both oldest first; it changes nothing that it is given."""


class Folded(Generic[T]):
    """A value folded from the events of `kinds`, and from every entry where `entries` is set.

    All processes that share the ledger come to the same value. It is brought up to date on a thread of its own, at most
    every `every_s` seconds, while somebody asks for it; a ledger that can't be read leaves it as it was.
    """

    def __init__(
        self,
        ledger: Ledger,
        fold: Fold[T],
        start: T,
        *,
        kinds: Sequence[str] = (),
        entries: bool = False,
        every_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._fold, self._value = ledger, fold, start
        self._kinds, self._entries = tuple(kinds), entries
        self._every_s, self._clock = every_s, clock
        self._read_to = Place()
        self._read_at = float("-inf")
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None

    @property
    def value(self) -> T:
        """The value as it was last read; never waits, and starts a reading where that is too long ago."""
        value = self._value
        if self._clock() - self._read_at >= self._every_s and (self._reader is None or not self._reader.is_alive()):
            self._reader = threading.Thread(target=self._refresh, name="orchestra-fold", daemon=True)
            self._reader.start()
        return value

    def read(self) -> T:
        """The value up to the newest commit; waits for it. Raises `LedgerError`."""
        with self._lock:
            self._read_at = self._clock()
            events, entries, self._read_to = self._ledger.news(self._read_to, self._kinds, entries=self._entries)
            if events or entries:
                self._value = self._fold(self._value, events, entries)
            return self._value

    def _refresh(self) -> None:
        with suppress(LedgerError):
            self.read()
