"""Cool-downs: a model that fails is left alone for a while, and well again when it answers."""

from __future__ import annotations

import pytest

from orchestra import Cooled, RateLimited, Refused, Request, Unavailable
from orchestra.resilience import Cooldowns
from orchestra.testing import FakeClock, Scripted


async def fail(cooled: Cooled) -> None:
    with pytest.raises(Exception, match="down|slow|no"):
        await cooled(Request())


async def test_a_failing_model_cools_down_for_thirty_seconds() -> None:
    """Without a Retry-After it is thirty seconds, and then over."""
    clock = FakeClock()
    cooldowns = Cooldowns(clock)
    await fail(Cooled("m", Scripted(Unavailable("down", model="m")), cooldowns))
    assert cooldowns.left_s("m") == 30.0
    clock.advance(30)
    assert cooldowns.left_s("m") == 0.0


async def test_retry_after_says_for_how_long() -> None:
    """A provider's own figure is used."""
    cooldowns = Cooldowns(FakeClock())
    await fail(Cooled("m", Scripted(RateLimited("slow", model="m", retry_after_s=7.0)), cooldowns))
    assert cooldowns.left_s("m") == 7.0


async def test_the_longer_of_two_cooldowns_stays() -> None:
    """A later, shorter one does not cut it."""
    cooldowns = Cooldowns(FakeClock())
    cooldowns.start("m", 60)
    cooldowns.start("m", 5)
    assert cooldowns.left_s("m") == 60.0


async def test_an_answer_ends_it() -> None:
    """A model that was asked all the same and answered is well."""
    cooldowns = Cooldowns(FakeClock())
    cooldowns.start("m", 60)
    await Cooled("m", Scripted("fine"), cooldowns)(Request())
    assert cooldowns.left_s("m") == 0.0


@pytest.mark.parametrize(
    "error", [Refused("no", model="m"), RateLimited("slow: our own limit")], ids=["refused", "our limit"]
)
async def test_what_is_not_the_models_fault_does_not_cool_it(error: Exception) -> None:
    """A request that was refused, or held back by our own limit, says nothing of the model's health."""
    cooldowns = Cooldowns(FakeClock())
    await fail(Cooled("m", Scripted(error), cooldowns))
    assert cooldowns.left_s("m") == 0.0
