"""Invoices as providers write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orchestra.errors import ConfigError
from orchestra.ledger import nano
from orchestra.ledger.invoice import Invoice, read_invoice

ZONE = ZoneInfo("UTC")
NOON = datetime(2027, 1, 15, 12, tzinfo=UTC).timestamp()
MIDNIGHT = NOON - 12 * 3600


def _read(text: str, **columns: str) -> Invoice:
    return read_invoice(text, ZONE, columns)


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,model,input_tokens,output_tokens,cost_usd,request_id\n2027-01-15T12:00:00Z,gpt-4o,10,5,0.001,r1\n",
        "Created At;Model;Prompt Tokens;Completion Tokens;Cost;Generation ID\n"
        '2027-01-15 12:00:00 UTC;gpt-4o;"10";5;0,001;r1\n',
        "\ufeffid\tmodel_permaslug\ttokens_prompt\ttokens_completion\tcost_total\tcreated\n"
        "r1\tgpt-4o\t10\t5\t$0.001\t1800014400\n",
        "Request-ID,MODEL,context_tokens,generated_tokens,amount_cents,start_time\nr1,gpt-4o,10,5,0.1,1800014400000\n",
    ],
    ids=["ours", "semicolons", "tabs", "cents"],
)
def test_columns_are_found_by_their_names(text: str) -> None:
    """Whatever they are called, however they are separated: time, model, tokens, amount, id."""
    (line,) = _read(text).lines
    assert (line.at, line.model, line.id) == (NOON, "gpt-4o", "r1")
    assert (line.input_tokens, line.output_tokens, line.amount) == (10, 5, nano("0.001"))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234.50", "1234.5"),
        ("1.234,50", "1234.5"),
        ("0,123", "0.123"),
        ("1,234", "1234"),
        ("$ 3", "3"),
        ("1e-6", "0.000001"),
    ],
)
def test_how_amounts_are_written(text: str, amount: str) -> None:
    """With separators of thousands, a decimal comma, a sign, an exponent."""
    assert _read(f'date,cost\n2027-01-15,"{text}"\n').lines[0].amount == nano(amount)


def test_lines_of_days_are_sums() -> None:
    """Mere dates say that a line is of all calls of a day, in the zone of the file; a total has none."""
    text = "date,model,input_tokens,cost\n2027-01-15,gpt-4o,10,0.5\n2027-01-16,gpt-4o,10,0.5\nTotal,,20,1.0\n"
    invoice = _read(text)
    assert (invoice.summed, invoice.left_out) == (True, 1)
    assert [(line.at, line.ends) for line in invoice.lines] == [
        (MIDNIGHT, MIDNIGHT + 86_400),
        (MIDNIGHT + 86_400, MIDNIGHT + 2 * 86_400),
    ]
    berlin = read_invoice(text, ZoneInfo("Europe/Berlin"))
    assert berlin.lines[0].at == MIDNIGHT - 3600


def test_lines_that_count_requests_are_sums() -> None:
    """Buckets of an hour, with their ends."""
    text = "start_time,end_time,model,num_model_requests,cost\n1800014400,1800018000,gpt-4o,7,0.5\n"
    invoice = _read(text)
    assert invoice.summed
    assert (invoice.lines[0].at, invoice.lines[0].ends) == (NOON, NOON + 3600)


def test_lines_with_ids_are_calls() -> None:
    """Also where their time is a mere date."""
    assert not _read("date,id,cost\n2027-01-15,r1,0.5\n").summed


@pytest.mark.parametrize(
    ("costs", "grain"), [(("0.5", "0.25"), "0.01"), (("1", "2"), "1"), (("0.000001", "1"), "0.000001")]
)
def test_the_grain_is_the_smallest_step(costs: tuple[str, str], grain: str) -> None:
    """The most decimals of any amount tell how far they are rounded."""
    text = f"time,id,cost\n2027-01-15T01:00,a,{costs[0]}\n2027-01-15T02:00,b,{costs[1]}\n"
    assert _read(text).grain == nano(grain)


def test_a_column_can_be_named() -> None:
    """Where it is called something that we do not know."""
    invoice = _read("Wann,Preis\n2027-01-15 12:00,0.5\n", time="Wann", cost="Preis")
    assert (invoice.lines[0].at, invoice.lines[0].amount) == (NOON, nano("0.5"))


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("", {}, "the file has none"),
        ("a,b\n1,2\n", {}, "a time .* and none as an amount"),
        ("date,cost\n", {}, "no column|no line"),
        ("date,cost\nsoon 5,1\n", {}, "line 2: 'soon 5' is no time"),
        ("date,cost\n2027-01-15,one\n", {}, "line 2: 'one' is no amount"),
        ("date,cost\n2027-01-15,NaN\n", {}, "line 2: 'NaN' is no amount"),
        ("date,tokens,input_tokens\n2027-01-15,1,x\n", {}, "line 2: 'x' is no number"),
        ("date,cost,currency\n2027-01-15,1,EUR\n", {}, "line 2: 'EUR' is not USD"),
        ("date,cost\n2027-01-15,1\n", {"cost": "Price"}, "no column 'Price'; it has date, cost"),
        ("date,cost\n2027-01-15,1\n", {"price": "cost"}, "nothing is called 'price'"),
        ('date,cost\n2027-01-15,"' + "1" * 140_000 + '"\n', {}, "not CSV"),
    ],
    ids=["empty", "unknown", "bare", "time", "amount", "nan", "tokens", "currency", "column", "what", "csv"],
)
def test_what_is_no_invoice_is_an_error(text: str, columns: dict[str, str], said: str) -> None:
    """It says in which line, and what to do."""
    with pytest.raises(ConfigError, match=said):
        _read(text, **columns)


def test_all_mistakes_come_at_once() -> None:
    """One line for each."""
    with pytest.raises(ConfigError) as raised:
        _read("date,cost\n2027-01-15,one\n2027-01-16,two\n")
    assert len(raised.value.problems) == 2
