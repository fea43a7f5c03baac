"""What is over is put away."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestra.errors import ConfigError
from orchestra.ledger import Budget, Claim, Ledger, Ledgered, Standing, nano
from orchestra.ledger.archive import archive, closed_before
from orchestra.ledger.usage import totals

from .support import NOON, Time, attempt, call, want

UTC = ZoneInfo("UTC")
DAY_S = 86_400
MONTH = NOON - 14.5 * DAY_S  # 2027-01-01 00:00 UTC


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_calls_are_in_the_file_before_they_leave_the_ledger(
    ledger: Ledger, time: Time, tmp_path: Path, suffix: str
) -> None:
    """File and ledger together are what was there before; the file is its owner's alone."""
    path = tmp_path / f"old.{suffix}"
    for n in range(4):
        ledger.book(attempt(want(id=f"c{n}"), f"0.00{n + 1}"))
        ledger.flush()
        time.pass_(DAY_S)
    before = totals(ledger.rows())
    assert archive(ledger, path, NOON + 2 * DAY_S, UTC) == 2
    text = path.read_text()
    lines = json.loads(text) if suffix == "json" else list(csv.DictReader(text.splitlines()))
    assert [line["id"] for line in lines] == ["c0", "c1"]
    assert [row.id for row in ledger.rows()] == ["c2", "c3"]
    assert sum(nano(Decimal(line["cost_usd"])) for line in lines) + totals(ledger.rows()).amount == before.amount
    assert path.stat().st_mode & 0o777 == 0o600
    assert ledger.audit() == []


async def test_a_budget_without_end_keeps_its_sum(ledger: Ledger, time: Time, tmp_path: Path) -> None:
    """What was spent stays spent, though its rows are gone."""
    budgets = Ledgered(ledger=ledger, budgets=(Budget(name="all", limit_nano=nano(1), per="total"),))
    await call(budgets)
    time.pass_(40 * DAY_S)
    assert archive(ledger, tmp_path / "old.csv", NOON + DAY_S, UTC) == 1
    assert [standing.spent for standing in await budgets.standings()] == [nano("0.001")]
    assert ledger.audit() == []


def test_an_archive_is_never_written_over(ledger: Ledger, tmp_path: Path) -> None:
    """The file stays as it was, and so does the ledger."""
    path = tmp_path / "old.csv"
    path.write_text("mine")
    ledger.book(attempt(want(), "1"))
    with pytest.raises(ConfigError, match="already there"):
        archive(ledger, path, NOON + 1, UTC)
    assert path.read_text() == "mine"
    assert len(ledger.rows()) == 1


def test_a_file_that_cannot_be_written_keeps_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    """Nothing is removed."""
    (tmp_path / "file").touch()
    ledger.book(attempt(want(), "1"))
    with pytest.raises(ConfigError, match="can't be written"):
        archive(ledger, tmp_path / "file" / "old.csv", NOON + 1, UTC)
    assert len(ledger.rows()) == 1


async def test_a_call_in_flight_is_not_left_behind(ledger: Ledger, daily: Ledgered, tmp_path: Path) -> None:
    """It will be booked at the time of its hold, which is not over then."""
    await daily.reserve([want()])
    with pytest.raises(ConfigError, match="in flight"):
        archive(ledger, tmp_path / "old.csv", NOON + 1, UTC)
    assert closed_before(NOON + 40 * DAY_S, UTC, ledger.windows(), ledger.holds()) == NOON


def test_nothing_to_put_away_makes_no_file(ledger: Ledger, tmp_path: Path) -> None:
    """Zero calls, no file."""
    assert archive(ledger, tmp_path / "old.csv", NOON, UTC) == 0
    assert not (tmp_path / "old.csv").exists()


@pytest.mark.parametrize(
    ("starts", "ends", "before"),
    [
        (NOON, NOON + DAY_S, MONTH),
        (MONTH - 4 * DAY_S, NOON + DAY_S, MONTH - 4 * DAY_S),
        (0, None, MONTH),
        (MONTH - 4 * DAY_S, MONTH, MONTH),
    ],
    ids=["today", "a week over the month", "no end", "over"],
)
def test_all_before_is_over(starts: float, ends: float | None, before: float) -> None:
    """Before this month and every open window that ends."""
    standing = Standing(budget="b", rule="", scope="", starts=0, ends=None, limit=1, spent=0, held=0)
    window = replace(standing, starts=int(starts), ends=None if ends is None else int(ends))
    assert closed_before(NOON, UTC, [window]) == before


def test_a_window_that_was_counted_in_is_still_open(opened: Callable[..., Ledger]) -> None:
    """As the ledger has it."""
    ledger = opened()
    budget = Budget(name="weekly", limit_nano=nano(9), per="week")
    ledger.book(attempt(want(), "1"), claims=[Claim(budget, "", budget.limit_nano)])
    assert closed_before(NOON, UTC, ledger.windows(NOON)) == MONTH
    assert closed_before(NOON - 13 * DAY_S, UTC, ledger.windows(NOON)) == NOON - 45.5 * DAY_S + 31 * DAY_S
