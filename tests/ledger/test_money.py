"""Money as integers."""

from decimal import ROUND_CEILING, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.ledger.money import MOST, billed, nano, shown, usd

amounts = st.decimals(min_value=0, max_value=10**8, allow_nan=False, places=15)


@given(amounts)
def test_an_amount_is_rounded_up_by_less_than_a_nano(amount: Decimal) -> None:
    """What is held or booked is never less than what was meant, and less than a nano-dollar more."""
    assert 0 <= usd(nano(amount)) - amount < Decimal("1e-9")


@given(st.integers(min_value=0, max_value=2**62))
def test_every_stored_amount_comes_back_exactly(stored: int) -> None:
    """Reading an amount and writing it again changes nothing."""
    assert nano(usd(stored)) == stored


@given(st.lists(amounts, max_size=30))
def test_a_sum_of_rounded_amounts_is_exact(parts: list[Decimal]) -> None:
    """Integers add up to the sum of what each was rounded to."""
    rounded = [part.quantize(Decimal("1e-9"), rounding=ROUND_CEILING) for part in parts]
    assert usd(sum(map(nano, parts))) == sum(rounded, Decimal(0))


@pytest.mark.parametrize(("text", "expected"), [("0.0000000001", 1), ("20.00", 20 * 10**9), (3, 3 * 10**9)])
def test_text_and_whole_dollars_are_amounts(text: str | int, expected: int) -> None:
    """Text and integers are taken as USD."""
    assert nano(text) == expected


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "much"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    """A limit of NaN would refuse nothing."""
    with pytest.raises(ValueError, match="is no amount in USD"):
        nano(text)


@pytest.mark.parametrize("cost", [None, Decimal("NaN"), Decimal("Infinity"), Decimal("-0.01"), Decimal("sNaN")])
def test_a_cost_that_cannot_be_is_not_known(cost: Decimal | None) -> None:
    """A provider's nonsense is an unknown cost, not a credit."""
    assert billed(cost) is None


def test_an_absurd_cost_is_cut_to_the_most_that_can_be_booked() -> None:
    """No answer makes the sums overflow."""
    assert billed(Decimal("1e30")) == MOST


@pytest.mark.parametrize(
    ("amount", "text"), [(20 * 10**9, "$20.00"), (350_000, "$0.00035"), (0, "$0.00"), (1, "$0.000000001")]
)
def test_amounts_are_shown_exactly_with_two_decimals_at_least(amount: int, text: str) -> None:
    """A message names the amount, not its rounding."""
    assert shown(amount) == text
