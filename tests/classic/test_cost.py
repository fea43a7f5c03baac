"""The spec's cost tracker and budget enforcer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from litellm import ModelResponse

from orchestra import (
    APISettings,
    BudgetEnforcer,
    BudgetExceeded,
    CostTracker,
    ModelRequest,
    MultiModelAPI,
    ProviderConfig,
)
from orchestra.testing import Answer, Provider


@dataclass
class Called:
    """A call made elsewhere, in the spec's own words."""

    model: str = "gpt-4o-mini"
    task_type: str = "extraction"


@pytest.fixture
def tracker() -> Iterator[CostTracker]:
    tracker = CostTracker()
    yield tracker
    tracker.ledger.close()


def litellm_response(**more: Any) -> ModelResponse:
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}
    return ModelResponse(model="gpt-4o-mini", usage=usage, choices=[{"message": {"content": "x"}}], **more)


def test_a_cost_is_tokens_times_price_and_none_where_no_price_is_known() -> None:
    """Unknown is not zero."""
    tracker = CostTracker()
    assert tracker.calculate_cost("gpt-4o-mini", 1_000_000, 1_000_000) == pytest.approx(0.75)
    assert tracker.calculate_cost("no-such-model", 1, 1) is None


def test_the_prices_are_a_read_only_view_of_the_catalogue() -> None:
    """Per million tokens, by the names of the spec."""
    assert CostTracker.PRICING["claude-3-opus"] == {"input": 15.0, "output": 75.0}
    with pytest.raises(TypeError):
        CostTracker.PRICING["gpt-4o"] = {}  # type: ignore[index]


def test_a_call_made_elsewhere_is_booked_once(tracker: CostTracker) -> None:
    """Tracking the same response again changes nothing."""
    response = litellm_response(id="chatcmpl-1")
    tracker.track_request(Called(), response)
    tracker.track_request(Called(), response)
    assert tracker.get_today_cost() == pytest.approx(0.75)
    (row,) = tracker.ledger.rows()
    assert (row.task_type, row.input_tokens, row.output_tokens) == ("extraction", 1_000_000, 1_000_000)


async def test_the_async_twin_returns_when_it_is_durable(tracker: CostTracker) -> None:
    """The row can be read at once."""
    await tracker.track_request_durably(Called(), litellm_response(id="chatcmpl-2"))
    assert len(tracker.ledger.rows()) == 1


def test_the_specs_own_shape_of_a_response_is_taken(tracker: CostTracker) -> None:
    """`usage`, `latency_ms` and `success` as attributes."""

    @dataclass
    class Counted:
        prompt_tokens: int = 1000
        completion_tokens: int = 500
        total_tokens: int = 1500

    @dataclass
    class Answered:
        id: str = "mine-1"
        model: str = "gpt-4o-mini"
        usage: Counted = field(default_factory=Counted)
        latency_ms: float = 1200.0
        success: bool = False

    tracker.track_request(Called(), Answered())
    (row,) = tracker.ledger.rows()
    assert (row.latency_s, row.success, row.total_tokens) == (1.2, False, 1500)


async def test_the_enforcer_answers_within_the_budget_and_then_refuses() -> None:
    """What was spent shows in `check_budget`, and nothing is sent that does not fit."""
    with Provider() as provider:
        base = ProviderConfig(api_key="k", base_url=provider.api_base("openai"))
        settings = APISettings(
            providers={"openai": base}, daily_budget_usd=0.01, router=None, max_requests_per_minute=None, max_retries=0
        )
        enforcer = BudgetEnforcer(0.01, MultiModelAPI(settings))
        assert enforcer.check_budget()
        provider.reply(Answer(text="x", input_tokens=10, output_tokens=15_000))
        request = ModelRequest(
            model="gpt-4o-mini", messages=({"role": "user", "content": "hi"},), params={"max_tokens": 15_000}
        )
        response = await enforcer.call_with_budget(request)
        assert response.model == "openai/gpt-4o-mini"
        asked = len(provider.calls)
        with pytest.raises(BudgetExceeded):
            await enforcer.call_with_budget(request)
        assert len(provider.calls) == asked
        enforcer.api.close()
