"""The rows as files."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.ledger import Entry, nano, usd
from orchestra.ledger.entry import COLUMNS as STORED
from orchestra.ledger.export import COLUMNS, cell, decimal, record, write_csv, write_json

from .rows import patiently, row, rows

UTC, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")
SPEC = (
    *("timestamp", "model", "input_tokens", "output_tokens", "total_tokens", "cost_usd", "latency_ms", "task_type"),
    "success",
)


def _csv(found: list[Entry]) -> list[dict[str, str]]:
    text = StringIO()
    write_csv(found, text, UTC)
    return list(csv.DictReader(StringIO(text.getvalue())))


def test_the_specs_columns_come_first() -> None:
    """In the order in which the spec's tracker stores them."""
    assert COLUMNS[:9] == SPEC
    assert tuple(record(row(), UTC)) == COLUMNS
    assert tuple(_csv([row()])[0]) == COLUMNS


def test_nothing_that_is_stored_is_left_out() -> None:
    """Every stored column has one in the export, under its own name or with its unit."""
    names = {"amount": "cost_usd", "made": "timestamp", "at": "booked_at", "latency_s": "latency_ms"}
    names |= {"first_token_s": "first_token_ms", **{name: f"{name}_usd" for name in ("held", "overrun", "saved")}}
    assert {names.get(name, name) for name in STORED} - {"priced"} <= set(COLUMNS)


def test_a_row_in_full() -> None:
    """Times in the zone, amounts exact, tags as a map."""
    found = record(row("0.00012345", tags={"team": "red"}, path=("default", "fast"), first_token_s=0.25), BERLIN)
    assert found["timestamp"] == "2027-01-15T13:00:00.000000+01:00"
    assert (found["cost_usd"], found["latency_ms"], found["first_token_ms"]) == ("0.00012345", 500.0, 250.0)
    assert (found["tags"], found["path"], found["success"]) == ({"team": "red"}, ["default", "fast"], True)


@patiently
@given(rows())
def test_an_export_has_the_sum_of_the_rows(found: list[Entry]) -> None:
    """CSV and JSON read back to the same calls and, to the nano-dollar, the same amounts; unknown is not zero."""
    costs = [row.cost_usd for row in found]
    read = _csv(found)
    assert [Decimal(line["cost_usd"]) if line["cost_usd"] else None for line in read] == costs
    text = StringIO()
    write_json(found, text, UTC)
    data = json.loads(text.getvalue())
    assert [line["cost_usd"] and Decimal(line["cost_usd"]) for line in data] == costs
    assert [line["id"] for line in data] == [line["id"] for line in read] == [row.id for row in found]


@given(st.integers(0, 10**18))
def test_amounts_are_exact(amount: int) -> None:
    """Decimal text without an exponent is the same nano-dollars again."""
    assert nano(decimal(amount)) == amount
    assert usd(amount) == Decimal(decimal(amount))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    """What a provider calls its model does not run in the reader's spreadsheet."""
    assert _csv([row(served=text)])[0]["served"] == f"'{text}"
    assert cell(-3) == -3


def test_text_with_commas_and_lines_stays_one_cell() -> None:
    """Tags may hold anything, and so may the name that a provider gives."""
    assert _csv([row(served="a\r\nb")])[0]["served"] == "a\n\nb"
    assert json.loads(_csv([row(tags={"note": 'a,"b"\nc'})])[0]["tags"]) == {"note": 'a,"b"\nc'}
