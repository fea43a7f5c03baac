"""The task as a model tells it."""

from __future__ import annotations

import pytest

from orchestra import BudgetExceeded, DeadlineExceeded, NoModelAvailable, OrchestraError, Request, Unavailable
from orchestra.prompting import Library
from orchestra.routing.asked import Asked
from orchestra.testing import Scripted

REQUEST = Request(messages=({"role": "user", "content": "zqx vrrm"},))


def asking(step: str | OrchestraError) -> Asked:
    return Asked(Scripted(step), Library(), ("code", "summary"))


@pytest.mark.parametrize("error", [Unavailable("down"), NoModelAvailable("no key"), BudgetExceeded("no room")])
async def test_a_model_that_can_not_be_asked_tells_nothing(error: OrchestraError) -> None:
    """The request goes on without a task; one that is out of time does not."""
    assert await asking("It is code.")(REQUEST) == "code"
    assert await asking(error)(REQUEST) is None
    with pytest.raises(DeadlineExceeded):
        await asking(DeadlineExceeded("over"))(REQUEST)
