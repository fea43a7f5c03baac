"""The books beside an invoice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from orchestra.ledger import Entry, nano, usd
from orchestra.ledger.invoice import Invoice, Line, read_invoice
from orchestra.ledger.reconcile import Reconciliation, reconcile

from .rows import patiently, row, rows
from .support import NOON

ZONE = ZoneInfo("UTC")
DAY_S = 86_400


def _invoice(*lines: Line, summed: bool = False, grain: str = "0.000000001") -> Invoice:
    numbered = tuple(replace(line, number=n) for n, line in enumerate(lines, 2))
    return Invoice(lines=numbered, columns={}, summed=summed, grain=nano(grain))


def _line(cost: str = "0.001", **about: object) -> Line:
    basic = Line(number=0, at=NOON, model="gpt", input_tokens=10, output_tokens=5, amount=nano(cost))
    return replace(basic, **about)  # type: ignore[arg-type]


def _kinds(result: Reconciliation) -> list[str]:
    return [found.kind for found in result.differences]


def _of(found: Sequence[Entry]) -> Invoice:
    """The invoice of a provider that counts as we do."""
    return _invoice(
        *(
            Line(
                number=0,
                at=row.started_at,
                model=row.model,
                input_tokens=row.input_tokens,
                output_tokens=row.output_tokens,
                amount=row.amount,
                id=row.id,
            )
            for row in found
        )
    )


def test_books_that_agree_have_no_difference() -> None:
    """By id, and without ids by model, tokens and time, in any order."""
    calls = [row(f"0.00{n}", input_tokens=n, started_at=NOON + n) for n in range(1, 9)]
    by_id = _of(calls[::-1])
    assert reconcile(by_id, calls).matched_by == "id"
    by_time = _invoice(*(replace(line, id=None) for line in by_id.lines))
    for invoice in (by_id, by_time):
        result = reconcile(invoice, calls)
        assert (result.differences, result.matched, result.here - result.there) == ((), 8, 0)


def test_a_line_that_we_lack_is_missing_here() -> None:
    """With what it costs."""
    result = reconcile(_invoice(_line(id="a"), _line("0.5", id="b")), [row(id="a")])
    assert _kinds(result) == ["missing here"]
    assert (result.differences[0].there, result.differences[0].here) == (nano("0.5"), None)


def test_a_call_that_the_invoice_lacks_is_missing_there() -> None:
    """Within its time, and of a provider that it bills; what nobody bills is not expected on it."""
    others = [
        row("0.2", started_at=NOON + 30, id="missing"),
        row("0.2", started_at=NOON - 7200, id="before"),
        row("0.2", started_at=NOON + 7200, id="after"),
        row("0.2", started_at=NOON + 30, provider="anthropic", model="anthropic/claude"),
        row("0", started_at=NOON + 30, basis="void", kind="void", error="RateLimited"),
        row("0", started_at=NOON + 30, saved=nano("0.2")),
        row("0", started_at=NOON + 30, input_tokens=0, output_tokens=0),
    ]
    invoice = _invoice(_line(id="a"), _line(id="b", at=NOON + 60))
    result = reconcile(invoice, [row(id="a"), row(id="b"), *others])
    assert _kinds(result) == ["missing there"]
    assert [found.rows[0].id for found in result.differences] == ["missing"]
    assert result.others == 1


def test_another_amount_is_a_difference() -> None:
    """What is at its upper bound says so."""
    calls = [row("0.002", id="a"), row("0.5", id="b", basis="reserved", input_tokens=0, output_tokens=0)]
    result = reconcile(_invoice(_line(id="a"), _line(id="b")), calls)
    assert _kinds(result) == ["amount", "amount"]
    assert [(found.here, found.there) for found in result.differences] == [
        (nano("0.002"), nano("0.001")),
        (nano("0.5"), nano("0.001")),
    ]
    assert [found.upper_bound for found in result.differences] == [0, nano("0.5")]


def test_a_price_that_we_do_not_know_is_a_difference() -> None:
    """The invoice knows it."""
    (found,) = reconcile(_invoice(_line(id="a")), [row(None, id="a")]).differences
    assert (found.kind, found.here, found.there) == ("amount", None, nano("0.001"))


def test_other_tokens_for_the_same_amount_are_a_difference() -> None:
    """As far as the invoice counts them."""
    calls = [row(id="a")]
    assert _kinds(reconcile(_invoice(_line(id="a", input_tokens=11)), calls)) == ["tokens"]
    assert _kinds(reconcile(_invoice(_line(id="a", input_tokens=None)), calls)) == []


def test_what_the_invoice_rounds_is_no_difference() -> None:
    """Amounts to the cent differ by less than one; what that adds up to is told."""
    calls = [row("0.0149", id="a"), row("0.0251", id="b")]
    result = reconcile(_invoice(_line("0.01", id="a"), _line("0.02", id="b"), grain="0.01"), calls)
    assert (result.differences, result.rounding) == ((), nano("0.01"))
    for other in ("0.03", "0.00"):
        assert _kinds(reconcile(_invoice(_line(other, id="a"), grain="0.01"), calls[:1])) == ["amount"]


def test_our_rounding_up_is_no_difference() -> None:
    """A sum of rows may be above an exact invoice by a nano-dollar a row, no more."""
    calls = [row("0.000000002") for _ in range(3)]
    line = Line(number=0, at=NOON - 1, ends=NOON + 1, model="gpt")
    kinds = [
        _kinds(reconcile(_invoice(replace(line, amount=amount), summed=True), calls)) for amount in (2, 3, 6, 9, 10)
    ]
    assert kinds == [["amount"], [], [], [], ["amount"]]


def test_a_call_that_was_not_settled_is_found_by_its_time() -> None:
    """It has no tokens here: the nearest line of its model is its own. Where tokens agree, clocks may differ."""
    calls = [
        row("0.5", started_at=NOON + 3, basis="reserved", input_tokens=0, output_tokens=0),
        row("0.001", started_at=NOON + 400),
        row("0.001", started_at=NOON + 1, model="openai/other", name="other"),
    ]
    result = reconcile(_invoice(_line(at=NOON), _line("0.0005", at=NOON + 1, input_tokens=77)), calls)
    assert _kinds(result) == ["amount", "missing there"]
    assert result.matched == 2


def test_models_go_by_all_their_names() -> None:
    """The id asked, the name served, a version of it; another model is another."""
    dated = row(model="openai/gpt-4o", name="fast", served="gpt-4o-2024-08-06")
    for name in ("gpt-4o", "openai/gpt-4o", "GPT-4o-2024-08-06", "gpt-4o-2024-11-20", "fast"):
        assert _kinds(reconcile(_invoice(_line(model=name)), [dated])) == []
    for name in ("gpt-4o-mini", "gpt-4"):
        assert _kinds(reconcile(_invoice(_line(model=name)), [dated])) == ["missing here", "missing there"]


def test_days_are_compared_by_their_sums() -> None:
    """Lines of one day and model are one; a model that the invoice lacks is missing as a whole."""
    text = (
        "date,model,input_tokens,output_tokens,cost\n"
        "2027-01-15,gpt,20,10,0.001\n2027-01-15,gpt,,,0.001\n2027-01-16,gpt,10,5,0.003\n"
    )
    calls = [row("0.001"), row("0.001"), row("0.002", started_at=NOON + DAY_S), row("1", model="openai/x", name="x")]
    result = reconcile(read_invoice(text, ZONE), calls)
    assert (result.matched_by, result.matched, result.lines) == ("sum", 2, 2)
    assert _kinds(result) == ["missing there", "amount"]
    assert result.here - result.there == nano("1") - nano("0.001")


def test_a_request_with_two_attempts_takes_the_one_that_was_billed() -> None:
    """Ids of requests stand for their calls; a failure that was proven free is not meant."""
    failed = row("0", request="r", basis="void", kind="void", error="RateLimited", input_tokens=0, output_tokens=0)
    assert _kinds(reconcile(_invoice(_line(id="r")), [failed, row(request="r")])) == []


def test_a_free_failure_that_was_billed_is_a_difference() -> None:
    """Void here, an amount there."""
    void = row("0", id="a", basis="void", kind="void", error="Unavailable", input_tokens=0, output_tokens=0)
    (found,) = reconcile(_invoice(_line(id="a")), [void]).differences
    assert (found.kind, found.here, found.there) == ("amount", 0, nano("0.001"))


def test_a_period_bounds_both_sides() -> None:
    """Lines and calls outside of it are not looked at."""
    invoice = _invoice(_line(), _line("5", at=NOON + DAY_S))
    calls = [row(), row("7", started_at=NOON - DAY_S)]
    result = reconcile(invoice, calls, since=NOON - 10, until=NOON + 10)
    assert (result.differences, result.lines, result.rows) == ((), 1, 1)
    assert _kinds(reconcile(invoice, calls, since=NOON - 2 * DAY_S)) == ["missing there", "missing here"]


def test_a_provider_can_be_named() -> None:
    """Then all of its calls are expected, and no other's."""
    calls = [row(), row("2", provider="anthropic", model="anthropic/claude", name="claude")]
    assert _kinds(reconcile(_invoice(_line()), calls, provider="openai")) == []
    assert _kinds(reconcile(_invoice(_line()), calls, provider="anthropic")) == ["missing here", "missing there"]


@patiently
@given(rows(NOON, NOON + DAY_S), st.lists(st.booleans(), min_size=12, max_size=12), st.integers(0, 10**10))
def test_differences_explain_the_whole_difference(found: list[Entry], kept: list[bool], more: int) -> None:
    """Whatever lines are dropped or changed, what the two sums differ by is what the differences differ by."""
    lines = [line for line, keep in zip(_of(found).lines, kept, strict=False) if keep]
    lines = [replace(line, amount=(line.amount or 0) + more) if n % 2 else line for n, line in enumerate(lines)]
    for id in (True, False):
        invoice = _invoice(*(line if id else replace(line, id=None) for line in lines))
        result = reconcile(invoice, found)
        assert abs(result.rounding) <= 2 * len(lines)
        rows_of = [row.id for difference in result.differences for row in difference.rows]
        assert len(rows_of) == len(set(rows_of))


def test_an_export_of_ours_reconciles_with_the_ledger() -> None:
    """The file that we write is an invoice that agrees."""
    calls = [row(f"0.00{n}", started_at=NOON + n, made=NOON + n) for n in range(1, 5)]
    text = "timestamp,model,input_tokens,output_tokens,cost_usd,id\n" + "".join(
        f"{datetime.fromtimestamp(call.made, UTC).isoformat()},{call.model},10,5,{usd(call.amount):f},{call.id}\n"
        for call in calls
    )
    assert reconcile(read_invoice(text, ZONE), calls).differences == ()
