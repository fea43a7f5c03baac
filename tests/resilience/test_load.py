"""Calls in flight are counted while they fly, however they end."""

from __future__ import annotations

import asyncio

import pytest

from orchestra import Request, Response, Unavailable
from orchestra.resilience import Load, Loaded


async def test_a_call_is_counted_until_it_has_ended() -> None:
    """Answered, failed or cancelled: the count comes back to nothing."""
    load, gate = Load(), asyncio.Event()

    async def model(request: Request) -> Response:
        await gate.wait()
        if request.model == "bad":
            raise Unavailable("down")
        return Response(text="x", model="m")

    node = Loaded("m", model, load)
    good, bad, left = (asyncio.ensure_future(node(Request(model=name))) for name in ("good", "bad", "left"))
    await asyncio.sleep(0)
    assert (load("m"), load("other")) == (3, 0)
    left.cancel()
    await asyncio.wait([left])
    assert load("m") == 2
    gate.set()
    assert (await good).text == "x"
    with pytest.raises(Unavailable):
        await bad
    assert load("m") == 0
