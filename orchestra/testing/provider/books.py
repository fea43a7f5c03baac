"""The stand-in's own books: one record for every request that reached it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Record:
    """A request and what was billed for it.

    Of a stream only the tokens are billed that were generated before it ended or the client left. A plain answer is
    billed whole even if the client did not wait for it, and so is one that a fault kept back. An error is not billed.
    """

    number: int
    provider: str
    operation: str
    """`chat`, `embedding`, `rerank`, or empty where the path is none of the provider's."""
    model: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: Any = field(repr=False)
    """The JSON of the request; None where it was not JSON."""
    stream: bool = False
    input_tokens: int = 0
    """Includes `cached_tokens`."""
    output_tokens: int = 0
    """Includes `reasoning_tokens`."""
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    chunks: int = 0
    """Chunks of content that were sent."""
    status: int | None = None
    """None where no headers were sent."""
    closed_early: bool = False
    """Whether the client left before the end."""
    ended: bool = False


class Books:
    """The records, by number. Safe across threads."""

    def __init__(self) -> None:
        self._records: dict[int, Record] = {}
        self._changed = threading.Condition()

    def open(self, record: Record) -> None:
        """Enter a request."""
        with self._changed:
            self._records[record.number] = record
            self._changed.notify_all()

    def amend(self, number: int, **changes: Any) -> None:
        """Write down what became of a request that has not ended."""
        with self._changed:
            record = self._records[number]
            if not record.ended:
                self._records[number] = replace(record, **changes)
                self._changed.notify_all()

    def close(self) -> None:
        """End all records as they are."""
        for record in self.records():
            self.amend(record.number, ended=True)

    def records(self) -> tuple[Record, ...]:
        """All records so far, oldest first."""
        with self._changed:
            return tuple(self._records.values())

    def wait(self, enough: Callable[[tuple[Record, ...]], bool], timeout_s: float) -> tuple[Record, ...]:
        """Block until the records are enough; raises TimeoutError with the records that there are."""
        with self._changed:
            if not self._changed.wait_for(lambda: enough(tuple(self._records.values())), timeout_s):
                raise TimeoutError(f"still waiting after {timeout_s:g} s; the books show {[*self._records.values()]!r}")
            return tuple(self._records.values())
