"""Budgets and the ledger, as they are written."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from orchestra.settings.base import Spec
from orchestra.settings.nodes import Words


def _exact(value: object) -> object:
    return repr(value) if isinstance(value, float) else value


Usd = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, allow_inf_nan=False)]
"""An amount in USD; `"20.00"` and `20` are exact."""


class BudgetSpec(Spec):
    """A limit for each window of time, over the calls that it matches; without `models`, `providers`, `tags`: all.

    `models` and `providers` are names that are known, in any spelling, or patterns (`gpt-*`). `by` splits it:
    `by: user` makes one window for each value of the tag `user`. `alert_at` and `downgrade_at` are shares of the limit.
    `hard_limit_usd` lets calls of the cheaper model go on above the limit, up to itself.
    """

    limit_usd: Usd
    hard_limit_usd: Usd | None = None
    per: Literal["minute", "hour", "day", "week", "month", "total"] = "day"
    timezone: str = "UTC"
    by: Words = ()
    models: Words = ()
    providers: Words = ()
    tags: dict[str, str] = Field(default_factory=dict)
    alert_at: float | None = Field(default=0.8, gt=0, le=1)
    on_exceeded: Literal["downgrade", "refuse"] = "refuse"
    downgrade_to: str | None = None
    """The cheaper model; unset: `groq/llama-3.1-8b-instant` where it has a key, else the cheapest that can."""
    downgrade_at: float | None = Field(default=None, gt=0, le=1)
    on_unknown_price: Literal["refuse", "assume", "allow"] = "refuse"
    assume_usd: Usd | None = None
    """What a call of unknown price holds under `on_unknown_price: assume`."""
    on_closed: Literal["reserved", "estimated"] = "reserved"
    """A call that we close is booked at its bound, or at an estimate of what came (then the limit is no promise)."""
    void_on_5xx: bool = False
    """A provider that fails at once with a 5xx is taken not to have billed the call."""

    @model_validator(mode="after")
    def _whole(self) -> BudgetSpec:
        if self.hard_limit_usd is not None and self.hard_limit_usd < self.limit_usd:
            raise ValueError(f"hard_limit_usd ({self.hard_limit_usd}) is below limit_usd ({self.limit_usd})")
        if self.on_unknown_price == "assume" and not self.assume_usd:
            raise ValueError("'on_unknown_price: assume' needs 'assume_usd': what such a call holds")
        if self.on_exceeded == "refuse" and (self.downgrade_to or self.downgrade_at):
            raise ValueError("'downgrade_to' and 'downgrade_at' go with 'on_exceeded: downgrade'")
        return self


class LedgerSpec(Spec):
    """Where calls are booked: a file (`path`), or a PostgreSQL server for several machines (`url`).

    `durability: power` survives a power cut, `process` the end of the process. `on_ledger_error: allow` lets calls go
    out uncounted while the ledger can't be used. `webhook` is where alerts are posted as JSON.
    """

    path: str | None = None
    url: str | None = Field(default=None, pattern=r"^(postgres(ql)?://|os\.environ/)", repr=False)
    durability: Literal["power", "process"] = "power"
    on_ledger_error: Literal["refuse", "allow"] = "refuse"
    webhook: str | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _one_place(self) -> LedgerSpec:
        if self.path and self.url:
            raise ValueError("a ledger is a file ('path') or a server ('url'); name one")
        return self
