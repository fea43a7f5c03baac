"""The rate limit: so many requests in any minute; the others wait, within their deadline."""

from __future__ import annotations

import pytest
import time_machine

from orchestra import Limited, RateLimited, Request
from orchestra.resilience import RateLimit
from orchestra.testing import FakeClock, Scripted


async def test_requests_within_the_limit_do_not_wait() -> None:
    """Three of three pass at once."""
    clock, model = FakeClock(), Scripted("ok")
    node = Limited(model, RateLimit(3), clock, clock.sleep)
    for _ in range(3):
        await node(Request())
    assert clock.slept == []


async def test_one_too_many_waits_for_a_place() -> None:
    """The fourth of three waits until the first is a minute old, then goes."""
    clock, model = FakeClock(), Scripted("ok")
    with time_machine.travel(1_000_000.0, tick=False) as wall:

        async def sleep(seconds: float) -> None:
            wall.shift(seconds)
            await clock.sleep(seconds)

        node = Limited(model, RateLimit(3), clock, sleep)
        for _ in range(4):
            await node(Request())
    assert len(model.requests) == 4
    assert 59 <= sum(clock.slept) <= 61


async def test_a_wait_past_the_deadline_is_refused_at_once() -> None:
    """Nothing is sent, and the error names the setting to change."""
    clock, model = FakeClock(), Scripted("ok")
    node = Limited(model, RateLimit(1), clock, clock.sleep)
    await node(Request())
    with pytest.raises(RateLimited, match="max_requests_per_minute"):
        await node(Request(deadline=clock() + 5))
    assert len(model.requests) == 1
    assert clock.slept == []


async def test_one_limit_counts_for_all_that_share_it() -> None:
    """Two nodes over one limit have its places between them."""
    clock, limit = FakeClock(), RateLimit(2)
    nodes = [Limited(Scripted("ok"), limit, clock, clock.sleep) for _ in range(2)]
    for node in nodes:
        await node(Request())
    with pytest.raises(RateLimited):
        await nodes[0](Request(deadline=clock() + 1))
