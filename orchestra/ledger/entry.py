"""One line of the books."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Literal

from orchestra.ledger.money import billed, usd
from orchestra.types import NOTHING, Attempt

Kind = Literal["post", "void", "expire", "correct"]
"""A call was settled; nothing was generated; its process died and its hold was charged; such a charge was corrected."""

COUNT_MOST = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call as it was booked; once written it never changes.

    `amount`, `held`, `overrun` and `saved` are in nano-USD; `priced` is False when the cost is not known and `amount`
    says nothing. `made` is the ledger's time when the money was held, and decides which window and which report the
    entry is in; `at` is its time when the entry was written. `price` is the fingerprint of the prices. `retry` counts
    from 0.
    """

    id: str
    kind: Kind
    amount: int
    held: int = 0
    overrun: int = 0
    saved: int = 0
    priced: bool = True
    basis: str
    request: str = ""
    retry: int = 0
    path: tuple[str, ...] = ()
    call: str = ""
    name: str = ""
    model: str = ""
    served: str | None = None
    provider: str = ""
    task_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    labels: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    latency_s: float = 0.0
    first_token_s: float | None = None
    error: str | None = None
    status: int | None = None
    price: str = ""
    started_at: float
    made: float
    at: float

    @property
    def cost_usd(self) -> Decimal | None:
        return usd(self.amount) if self.priced else None

    @property
    def saved_usd(self) -> Decimal:
        return usd(self.saved)

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def task_guessed(self) -> str | None:
        """The kind of task as a route told it; `None` where the caller said it, or nobody did."""
        return None if self.task_type else self.labels.get("task")

    @property
    def success(self) -> bool:
        return self.error is None

    @classmethod
    def read(cls, row: Sequence[Any]) -> Entry:
        """The entry of a stored row."""
        found = dict(zip(COLUMNS, row, strict=True))
        found["priced"] = bool(found["priced"])
        found["path"] = tuple(json.loads(found["path"]))
        found["tags"], found["labels"] = json.loads(found["tags"]), json.loads(found["labels"])
        return cls(**found)


COLUMNS = tuple(f.name for f in fields(Entry))


def line(
    attempt: Attempt,
    *,
    kind: Kind,
    amount: int,
    basis: str,
    priced: bool,
    made: float,
    at: float,
    held: int = 0,
    overrun: int = 0,
    price: str = "",
) -> tuple[Any, ...]:
    """The entry of an attempt as it is stored, in the order of `COLUMNS`; counts that can't be are cut to what can."""
    usage = attempt.usage
    return (
        attempt.id,
        kind,
        amount,
        held,
        overrun,
        billed(attempt.saved) or 0,
        int(priced),
        basis,
        clean(attempt.request),
        attempt.retry,
        json.dumps(attempt.path),
        attempt.call,
        clean(attempt.name),
        clean(attempt.model),
        attempt.served and clean(attempt.served),
        clean(attempt.provider),
        attempt.task_type and clean(attempt.task_type),
        packed(attempt.tags),
        packed(attempt.labels),
        _count(usage.input_tokens),
        _count(usage.output_tokens),
        _count(usage.cached_tokens),
        _count(usage.reasoning_tokens),
        attempt.latency_s,
        attempt.first_token_s,
        attempt.error and clean(attempt.error),
        attempt.status,
        clean(price),
        attempt.started_at,
        made,
        at,
    )


def packed(tags: Mapping[str, str]) -> str:
    """Tags as stored: the same tags are the same text."""
    return json.dumps({str(name): str(tags[name]) for name in sorted(tags)}) if tags else "{}"


def clean(text: str) -> str:
    """Text that every engine can store."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _count(tokens: int) -> int:
    return min(max(int(tokens), 0), COUNT_MOST)
