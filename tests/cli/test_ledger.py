"""`orchestra ledger`: proven, compared, exported, put away."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from orchestra.ledger.export import COLUMNS

from .booked import DAILY, DAY_S, NOON, booked, call


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def _file() -> Path:
    return Path(os.environ["ORCHESTRA_HOME"]) / "ledger.db"


def test_an_audit_that_finds_nothing_says_what_it_looked_at(run) -> None:
    """How much, and where."""
    booked(call("1"), call("2"), budgets=[DAILY])
    said = run("ledger", "audit")
    assert said.code == 0
    assert said.out == f"the books add up: 2 lines, 1 window, 0 calls in flight ({_file()})\n"
    assert run("ledger", "audit", "--json").json["ok"] is True


def test_books_that_do_not_add_up_are_a_failure(run) -> None:
    """A line for each fault, and 1."""
    booked(call("1"), budgets=[DAILY])
    with sqlite3.connect(_file()) as connection:
        connection.execute("UPDATE budget_window SET spent = spent + 5")
    connection.close()
    said = run("ledger", "audit")
    assert said.code == 1
    assert "window daily from" in said.out
    data = run("ledger", "audit", "--json")
    assert (data.code, data.json["ok"], len(data.json["faults"])) == (1, False, 1)


INVOICE = """\
Timestamp,Model,Input Tokens,Output Tokens,Cost (USD)
2027-01-15T12:00:00Z,llama,10,5,0.50
2027-01-15T12:00:10Z,llama,10,5,0.25
2027-01-15T12:10:00Z,llama,99,5,0.75
"""


@pytest.fixture
def invoice(tmp_path: Path) -> Path:
    path = tmp_path / "invoice.csv"
    path.write_text(INVOICE)
    return path


def test_an_invoice_is_compared_line_by_line(run, invoice: Path) -> None:
    """What is missing here, missing there, and what differs; the sums; and 1."""
    booked(
        call("0.50", started_at=NOON),
        call("0.30", id="dear", started_at=NOON + 10, basis="reserved", tokens=(0, 0, 0, 0)),
        call("0.10", id="extra", started_at=NOON + 300),
        call("9", started_at=NOON + 20, model="openai/gpt", name="gpt", provider="openai"),
    )
    said = run("ledger", "reconcile", "invoice.csv")
    assert said.code == 1
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[0] == (
        "read: time in 'Timestamp', model in 'Model', input_tokens in 'Input Tokens', "
        "output_tokens in 'Output Tokens', cost in 'Cost (USD)'"
    )
    assert lines[1:3] == [
        "left out: 1 call of providers that the invoice has no line of",
        "2 of 3 lines matched by model and time with 3 calls of the ledger",
    ]
    assert lines[4:7] == [
        "3 2027-01-15 12:00:10 llama dear ≤$0.30 $0.25 +$0.05 amount: 0+0 tokens here, 10+5 there",
        "2027-01-15 12:05:00 groq/llama extra $0.10 +$0.10 missing there",
        "4 2027-01-15 12:10:00 llama $0.75 -$0.75 missing here",
    ]
    assert lines[-1] == "here $0.90, there $1.50: -$0.60 (3 differences; $0.30 of ours is an upper bound)"


def test_a_comparison_as_json(run, invoice: Path) -> None:
    """Each difference with its rows."""
    booked(call("0.50", started_at=NOON), call("0.25", started_at=NOON + 10))
    said = run("ledger", "reconcile", str(invoice), "--json")
    assert (said.code, said.json["ok"], said.json["difference_usd"]) == (1, False, "-0.75")
    (found,) = said.json["differences"]
    assert (found["kind"], found["line"], found["there_usd"], found["here_usd"]) == ("missing here", 4, "0.75", None)


def test_books_that_agree_with_the_invoice_are_no_failure(run, invoice: Path) -> None:
    """0, and the sums."""
    booked(
        *(call(cost, started_at=NOON + s, tokens=(n, 5, 0, 0)) for cost, s, n in (("0.50", 0, 10), ("0.25", 10, 10)))
    )
    booked(call("0.75", started_at=NOON + 600, tokens=(99, 5, 0, 0)))
    said = run("ledger", "reconcile", str(invoice))
    assert said.code == 0
    assert said.out.endswith("here $1.50, there $1.50: +$0.00 (no difference)\n")


def test_columns_can_be_named(run, tmp_path: Path) -> None:
    """And a file that can't be read says what it has."""
    path = tmp_path / "invoice.csv"
    path.write_text("Wann,Preis\n2027-01-15 12:00,0.5\n")
    booked(call("0.5"))
    said = run("ledger", "reconcile", str(path))
    assert said.code == 1
    assert "the file has Wann, Preis" in said.err
    assert run("ledger", "reconcile", str(path), "--column", "time=Wann", "--column", "cost=Preis").code == 0
    path.write_bytes(b"\xff\xfe")
    assert "can't be read" in run("ledger", "reconcile", str(path)).err


def test_an_export_has_every_call(run, tmp_path: Path) -> None:
    """On standard output or in a file of one's own, as CSV or JSON, within the times asked for."""
    for days in (3, 2, 1):
        booked(call("0.5", id=f"day-{days}"), at=NOON - days * DAY_S)
    lines = list(csv.DictReader(run("ledger", "export").out.splitlines()))
    assert tuple(lines[0]) == COLUMNS
    assert [line["id"] for line in lines] == ["day-3", "day-2", "day-1"]
    assert len(run("ledger", "export", "--json", "--since", "3d", "--until", "2d").json) == 1
    said = run("ledger", "export", "-o", "calls.json")
    assert (said.out, said.err) == ("", "calls.json: 3 calls\n")
    assert len(json.loads((tmp_path / "calls.json").read_text())) == 3
    assert (tmp_path / "calls.json").stat().st_mode & 0o777 == 0o600


def test_an_archive_takes_what_is_over(run, tmp_path: Path) -> None:
    """Before this month unless told otherwise; the file has what the ledger no longer has."""
    for days in (40, 20, 3):
        booked(call("0.5", id=f"day-{days}"), at=NOON - days * DAY_S, budgets=[DAILY])
    said = run("ledger", "archive", "old.csv", "--yes", "--timezone", "UTC")
    assert said.out == "moved 2 calls made before 2027-01-01 00:00:00 UTC to old.csv\n"
    assert [line["id"] for line in csv.DictReader((tmp_path / "old.csv").read_text().splitlines())] == [
        "day-40",
        "day-20",
    ]
    assert [row["id"] for row in run("log", "--json").json] == ["day-3"]
    assert run("ledger", "audit").code == 0
    again = run("ledger", "archive", "older.csv", "--yes", "--timezone", "UTC", "--json").json
    assert again == {"path": None, "before": "2027-01-01 00:00:00 UTC", "calls": 0}
    data = run("ledger", "archive", "new.json", "--before", "1d", "--yes", "--json").json
    assert (data["path"], data["calls"]) == ("new.json", 1)


def test_a_purge_removes_for_good(run) -> None:
    """Only what is older, and only when it is confirmed."""
    for days in (40, 3):
        booked(call("0.5", id=f"day-{days}"), at=NOON - days * DAY_S)
    said = run("ledger", "purge", "--before", "30d")
    assert (said.code, "add --yes" in said.err) == (2, True)
    assert len(run("log", "--json").json) == 2
    assert run("ledger", "purge", "--before", "30d", "--yes", "--json").json["calls"] == 1
    assert [row["id"] for row in run("log", "--json").json] == ["day-3"]
    assert run("ledger", "purge", "--before", "30d", "--yes").out.startswith("no call was made before")


@pytest.mark.parametrize("before", ["soon", "2030-01-01"])
def test_what_is_not_over_is_not_removed(run, before: str) -> None:
    """A time that is none, or to come, is a usage error."""
    booked(call("1"))
    assert run("ledger", "purge", "--before", before, "--yes").code == 2
    assert run("ledger", "archive", "x.csv", "--before", before, "--yes").code == 2
    assert len(run("log", "--json").json) == 1


def test_a_clock_is_repaired(run) -> None:
    """Once the ledger was written under a wrong one; else there is nothing to do."""
    booked(call("1"), at=NOON + 3 * DAY_S)
    assert run("ledger", "repair-clock", "--json").json["repaired"] is True
    assert run("ledger", "repair-clock").out.startswith("there was nothing to repair")


def test_an_invoice_of_days_is_compared_by_sums(run, tmp_path: Path) -> None:
    """A line for each day and model; what was left out, what has no price here, and what rounding comes to are said."""
    path = tmp_path / "days.csv"
    path.write_text(
        "date,model,input_tokens,output_tokens,amount\n"
        "2027-01-15,llama,20,10,1.00\n2027-01-15,new,10,5,0.30\n2027-01-15,gone,1,1,0.10\nTotal,,,,1.40\n"
    )
    booked(
        call("0.5004"),
        call("0.5004"),
        call(None, id="new-1", model="groq/new", name="new"),
        call("2", model="groq/x", name="x"),
    )
    said = run("ledger", "reconcile", str(path))
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[1:3] == [
        "left out: 1 line without a time or an id",
        "2 of 3 lines matched by day and model with 4 calls of the ledger",
    ]
    assert [line.partition(" 2027-01-15 ")[2] for line in lines[4:6]] == [
        "new new-1 ? $0.30 -$0.30 amount",
        "gone $0.10 -$0.10 missing here",
    ]
    assert lines[6].endswith("$2.00 +$2.00 missing there")
    assert lines[-1] == "here $3.0008, there $1.40: +$1.6008 (3 differences; +$0.0008 is the invoice's rounding)"
    assert run("ledger", "reconcile", str(path), "--json").json["rounding_usd"] == "0.0008"


def test_lines_without_a_time_go_by_their_id(run, tmp_path: Path) -> None:
    """A line that no call has the id of is missing here, whenever it was."""
    path = tmp_path / "ids.csv"
    path.write_text("request_id,cost\nmine,0.5\nother,0.25\n")
    booked(call("0.5", id="mine"))
    (found,) = run("ledger", "reconcile", str(path), "--json").json["differences"]
    assert (found["id"], found["time"], found["there_usd"]) == ("other", "", "0.25")


def test_a_ledger_that_cannot_be_used_is_an_error(run) -> None:
    """One line that says what to do."""
    _file().parent.mkdir(exist_ok=True)
    _file().write_text("not a database, but long enough to be taken for one")
    for command in (("usage",), ("log",), ("ledger", "audit")):
        said = run(*command)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("error: ")
        assert "ledger" in said.err
