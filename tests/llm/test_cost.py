"""Costs by the catalogue's own rates, where LiteLLM's map has no row."""

from __future__ import annotations

from decimal import Decimal

from orchestra import Usage
from orchestra.llm.cost import by_rates

ROW = {
    "input_cost_per_token": 1e-6,
    "input_cost_per_token_above_128k_tokens": 2e-6,
    "output_cost_per_token": 3e-6,
    "output_cost_per_token_above_128k_tokens": 6e-6,
    "cache_read_input_token_cost": 1e-7,
}


def test_cached_input_has_its_own_rate() -> None:
    """Fresh and cached tokens are priced apart."""
    assert by_rates(ROW, Usage(1000, 100, cached_tokens=400)) == Decimal("0.00094")


def test_a_long_input_is_priced_at_its_tier() -> None:
    """Above the tier all tokens of the call cost its rate."""
    assert by_rates(ROW, Usage(128_000, 0)) == Decimal("0.128")
    assert by_rates(ROW, Usage(200_000, 1000)) == Decimal("0.406")


def test_without_a_rate_the_cost_is_not_known() -> None:
    """And a fee for each request counts."""
    assert by_rates({}, Usage(10, 10)) is None
    assert by_rates({**ROW, "input_cost_per_request": 0.005}, Usage(0, 0)) == Decimal("0.005")
