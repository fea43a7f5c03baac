"""What a budget is: how much, for how long, and for which calls."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import blake2b
from typing import Literal
from zoneinfo import ZoneInfo

from orchestra.ledger.windows import Per, Window, window
from orchestra.types import NOTHING


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A limit in nano-USD for each window, over the calls that it matches.

    `by` names tags: each combination of their values has a window of its own. `models` and `providers` are globs (a
    model with or without its provider's prefix), `tags` must all be there; none of these means every call.
    `hard_limit_nano` is what calls of `downgrade_to`, a LiteLLM id, may go up to. `alert_at` is a share of the limit.
    `assume_nano` is what a call of unknown price holds under `on_unknown_price="assume"`.
    """

    name: str
    limit_nano: int
    hard_limit_nano: int | None = None
    per: Per = "day"
    timezone: str = "UTC"
    by: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=lambda: NOTHING, hash=False)
    alert_at: float | None = 0.8
    on_exceeded: Literal["downgrade", "refuse"] = "refuse"
    downgrade_to: str | None = None
    on_unknown_price: Literal["refuse", "assume", "allow"] = "refuse"
    assume_nano: int = 0
    on_closed: Literal["reserved", "estimated"] = "reserved"
    void_on_5xx: bool = False

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError) as error:
            raise ValueError(f"budget {self.name!r}: no time zone named {self.timezone!r}") from error
        if self.limit_nano < 0:
            raise ValueError(f"budget {self.name!r}: the limit is below zero")
        if self.hard_limit_nano is not None and self.hard_limit_nano < self.limit_nano:
            raise ValueError(f"budget {self.name!r}: the hard limit is below the limit")
        if self.alert_at is not None and not 0 < self.alert_at <= 1:
            raise ValueError(f"budget {self.name!r}: alert_at is a share of the limit, above 0 and up to 1")
        if self.on_unknown_price == "assume" and self.assume_nano <= 0:
            raise ValueError(f"budget {self.name!r}: on_unknown_price: assume needs the amount to assume")

    @cached_property
    def rule(self) -> str:
        """A fingerprint of what is counted, the limit aside: a budget that counts something else starts anew."""
        matched = [sorted(self.models), sorted(self.providers), sorted(self.tags.items())]
        counted = json.dumps([self.per, self.timezone, self.by, matched])
        return blake2b(counted.encode(), digest_size=6).hexdigest()

    @property
    def ceiling_nano(self) -> int:
        """The most that any call may take it to."""
        return self.limit_nano if self.hard_limit_nano is None else self.hard_limit_nano

    @cached_property
    def alert_nano(self) -> int | None:
        """Spent as much, there is an alert."""
        return None if self.alert_at is None else math.ceil(self.limit_nano * Decimal(repr(self.alert_at)))

    def ceiling_for(self, model: str) -> int:
        """What a call of `model`, a LiteLLM id, may take it to."""
        return self.ceiling_nano if model == self.downgrade_to else self.limit_nano

    def matches(self, model: str, provider: str, tags: Mapping[str, str]) -> bool:
        """A call of this kind counts."""
        if self.models and not _any(self.models, (model, model.partition("/")[2])):
            return False
        if self.providers and not _any(self.providers, (provider,)):
            return False
        return all(tags.get(name) == value for name, value in self.tags.items())

    def scope(self, tags: Mapping[str, str], request: str = "") -> str:
        """Whose window it is: `user=alice`, empty when there is one for all; no such tag is a value of its own."""
        if self.per == "request":
            return f"request={request}"
        return ",".join(f"{name}={tags.get(name, '').replace(',', ',,')}" for name in self.by)

    def window(self, at: float) -> Window:
        return window(self.per, ZoneInfo(self.timezone), at)


def _any(globs: Iterable[str], names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for name in names for glob in globs)
