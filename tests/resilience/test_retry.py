"""Retry: which failures are asked again, how long it waits, and when it gives up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra import Denied, RateLimited, Refused, Request, Retry, TimedOut, TooLong, Unavailable
from orchestra.testing import FakeClock, Scripted


def retry(model: Scripted, clock: FakeClock, max_retries: int = 3) -> Retry:
    return Retry(model, max_retries, 2.0, clock, clock.sleep, lambda low, high: high)


async def test_a_failure_that_may_pass_is_asked_again() -> None:
    """Two failures and an answer make an answer, after three calls."""
    clock = FakeClock()
    model = Scripted([Unavailable("down"), Unavailable("down"), "up"])
    response = await retry(model, clock)(Request())
    assert response.text == "up"
    assert [r.retry for r in model.requests] == [0, 1, 2]


async def test_the_wait_doubles_with_full_jitter_as_its_bound() -> None:
    """The upper end of the jitter is the delay, doubled with each retry."""
    clock = FakeClock()
    with pytest.raises(Unavailable):
        await retry(Scripted(Unavailable("down")), clock)(Request())
    assert clock.slept == [2.0, 4.0, 8.0]


async def test_retry_after_is_the_least_that_is_waited() -> None:
    """A provider that asks for ten seconds gets ten seconds."""
    clock = FakeClock()
    await retry(Scripted([RateLimited("slow down", retry_after_s=10.0), "ok"]), clock)(Request())
    assert clock.slept == [10.0]


async def test_a_wait_past_the_deadline_is_not_begun() -> None:
    """Where Retry-After ends after the deadline, the failure is raised at once."""
    clock = FakeClock()
    model = Scripted([RateLimited("slow down", retry_after_s=30.0), "ok"])
    with pytest.raises(RateLimited):
        await retry(model, clock)(Request(deadline=clock() + 20))
    assert clock.slept == []


@pytest.mark.parametrize(
    "error", [Refused("no"), Denied("no"), TooLong("no"), TimedOut("late")], ids=lambda e: type(e).__name__
)
async def test_what_cannot_change_is_not_asked_again(error: Exception) -> None:
    """A 4xx stays what it is, and a timeout may have been billed."""
    model = Scripted([error, "ok"])
    with pytest.raises(type(error)):
        await retry(model, FakeClock())(Request())
    assert len(model.requests) == 1


async def test_while_others_can_be_asked_a_model_gets_one_retry() -> None:
    """With an alternative left, a failing model is asked twice, and a rate-limited one once."""
    failing, limited = Scripted(Unavailable("down")), Scripted(RateLimited("slow down"))
    for model, calls in ((failing, 2), (limited, 1)):
        with pytest.raises((Unavailable, RateLimited)):
            await retry(model, FakeClock())(Request(alternatives=1))
        assert len(model.requests) == calls


async def test_retries_are_counted_over_all_models_of_a_request() -> None:
    """A second model finds the retries that the first one used up gone."""
    clock, request = FakeClock(), Request()
    for expected in (4, 1):
        model = Scripted(Unavailable("down"))
        with pytest.raises(Unavailable):
            await retry(model, clock, 3)(request)
        assert len(model.requests) == expected


async def test_the_caller_can_forbid_retries() -> None:
    """`max_retries=0` of one request beats the settings."""
    model = Scripted(Unavailable("down"))
    with pytest.raises(Unavailable):
        await retry(model, FakeClock())(Request(retries=0))
    assert len(model.requests) == 1


@given(max_retries=st.integers(0, 6), failures=st.integers(0, 8))
async def test_calls_never_exceed_the_retries_and_one(max_retries: int, failures: int) -> None:
    """Whatever fails, there are at most `max_retries + 1` calls, and never one more than was needed."""
    model = Scripted([*[Unavailable("down")] * failures, "ok"])
    request = Request()
    if failures > max_retries:
        with pytest.raises(Unavailable):
            await retry(model, FakeClock(), max_retries)(request)
    else:
        assert (await retry(model, FakeClock(), max_retries)(request)).text == "ok"
    assert len(model.requests) == min(failures, max_retries) + 1 == len(request.journal)
