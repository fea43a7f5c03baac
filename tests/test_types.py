"""The words: usage adds up, unknown stays unknown, and a response knows what all of it cost."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from orchestra import Attempt, Request, Response, Usage

USAGES = st.builds(
    Usage,
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    cost=st.none() | st.decimals(0, 100, places=9),
)


@given(st.lists(USAGES, max_size=6))
def test_a_total_is_the_sum_of_its_parts_and_unknown_when_one_part_is(parts: list[Usage]) -> None:
    """Of nothing it is nothing, at a cost of zero."""
    total = Usage.total(parts)
    assert total.total_tokens == sum(part.total_tokens for part in parts)
    known = [part.cost for part in parts if part.cost is not None]
    assert total.cost == (sum(known, Decimal(0)) if len(known) == len(parts) else None)


def test_a_response_costs_what_all_its_attempts_cost() -> None:
    """Losers and failures included; its own usage is that of the answer."""
    tries = [
        Attempt(id=str(n), path=(), call="chat", name="m", model="m", provider="p", usage=Usage(1, 1, cost=Decimal(n)))
        for n in (1, 2)
    ]
    response = Response(text="x", model="m", usage=tries[1].usage, attempts=tuple(tries))
    assert (response.cost_usd, response.usage.cost) == (Decimal(3), Decimal(2))


def test_a_request_is_replaced_never_changed() -> None:
    """The way down is in the copy; the journal is shared."""
    request = Request()
    below = request.at("a").at("b")
    assert (request.path, below.path) == ((), ("a", "b"))
    assert below.journal is request.journal
    assert below.id == request.id
