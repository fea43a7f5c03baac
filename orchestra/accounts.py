"""The books of a client: its ledger, opened where the settings say, and the budgets that it keeps."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

from orchestra.errors import ConfigError
from orchestra.ledger import Budget, Ledger, Ledgered
from orchestra.ledger.money import nano
from orchestra.settings import APISettings
from orchestra.settings.file import PolicyFile
from orchestra.settings.money import BudgetSpec, LedgerSpec
from orchestra.settings.secret import ENVIRONMENT

HOME = "ORCHESTRA_HOME"
DAILY = "daily"
FILE = "ledger.db"


def ledger_of(spec: LedgerSpec, wall: Callable[[], float] | None = None) -> Ledger:
    """The ledger that the settings name; nothing is opened before its first use."""
    return Ledger(place_of(spec), durability=spec.durability, wall=wall, webhook=spec.webhook)


def place_of(spec: LedgerSpec) -> str | Path:
    """Where the ledger is: `ledger.url` or `ledger.path`, else `$ORCHESTRA_HOME`, else the user's state folder."""
    if spec.url is not None:
        if not spec.url.startswith(ENVIRONMENT):
            return spec.url
        variable = spec.url.removeprefix(ENVIRONMENT)
        if not os.environ.get(variable):
            raise ConfigError(f"ledger.url: the environment variable {variable} is not set")
        return os.environ[variable]
    if spec.path is not None:
        return Path(spec.path).expanduser()
    if os.environ.get(HOME):
        return Path(os.environ[HOME]) / FILE
    from platformdirs import user_state_path

    return user_state_path("orchestra") / FILE


def specs_of(file: PolicyFile) -> dict[str, BudgetSpec]:
    """Every budget of a file; `daily_budget_usd` and `alert_threshold` stand for one called `daily`."""
    settings = file.settings
    specs = dict(settings.budgets)
    if settings.daily_budget_usd is not None:
        if DAILY in specs:
            here, there = file.place(("budgets", DAILY)), file.place(("daily_budget_usd",))
            raise ConfigError(f"{there}: says the same as {here}; keep one of them")
        limit = Decimal(repr(settings.daily_budget_usd))
        specs[DAILY] = BudgetSpec(limit_usd=limit, alert_at=settings.alert_threshold, on_exceeded="downgrade")
    return specs


def budgets_of(
    file: PolicyFile, specs: Mapping[str, BudgetSpec], model_of: Callable[[str], str] = str
) -> tuple[Budget, ...]:
    """The budgets as the ledger keeps them; `model_of` gives the LiteLLM id of a name."""
    return tuple(_budget(file, name, spec, model_of) for name, spec in specs.items())


def _budget(file: PolicyFile, name: str, spec: BudgetSpec, model_of: Callable[[str], str]) -> Budget:
    try:
        return Budget(
            name=name,
            limit_nano=nano(spec.limit_usd),
            hard_limit_nano=None if spec.hard_limit_usd is None else nano(spec.hard_limit_usd),
            per=spec.per,
            timezone=spec.timezone,
            by=spec.by,
            models=spec.models,
            providers=spec.providers,
            tags=spec.tags,
            alert_at=spec.alert_at,
            on_exceeded=spec.on_exceeded,
            downgrade_to=None if spec.downgrade_to is None else model_of(spec.downgrade_to),
            on_unknown_price=spec.on_unknown_price,
            assume_nano=nano(spec.assume_usd or 0),
            on_closed=spec.on_closed,
            void_on_5xx=spec.void_on_5xx,
        )
    except ValueError as error:
        raise ConfigError(f"{file.place(('budgets', name))}: {error}") from error


def request_cap(limit_usd: Decimal) -> Budget:
    """A budget for one request: `max_cost_usd=`."""
    return Budget(name="max_cost_usd", limit_nano=nano(limit_usd), per="request", alert_at=None)


def ledgered(settings: APISettings, ledger: Ledger) -> Ledgered:
    """What leaves ask for money, before it has budgets."""
    return Ledgered(ledger=ledger, on_ledger_error=settings.ledger.on_ledger_error)
