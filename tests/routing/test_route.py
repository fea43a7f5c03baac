"""The route: it asks what its strategy chose, falls back along the chain, and the response says so."""

from __future__ import annotations

import structlog

from orchestra import Request, Route, Unavailable
from orchestra.routing import Arm, Rules
from orchestra.testing import Scripted

from .conftest import MakeArm


def failing(arm: Arm) -> Arm:
    return Arm(arm.name, Scripted(Unavailable("down"), name=arm.name), arm.members)


async def test_the_chosen_arm_answers_and_the_choice_is_on_the_response(arm: MakeArm) -> None:
    """The response carries the decision that led to it."""
    a = arm("a")
    response = await Route(Rules((), a), {"a": a})(Request())
    assert response.text == "a"
    assert response.choice is not None
    assert (response.choice.arm, response.choice.rule) == ("a", "otherwise")


async def test_when_the_chosen_fails_the_chain_goes_on(arm: MakeArm) -> None:
    """The fallback answers, and the journal has both calls with their place in the tree."""
    a, b = failing(arm("a")), arm("b")
    request = Request()
    response = await Route(Rules((), a, (b,)), {"a": a, "b": b})(request)
    assert response.text == "b"
    assert [(x.path, x.error) for x in request.journal] == [(("a",), "Unavailable"), (("b",), None)]


async def test_a_route_logs_its_choice_and_not_the_prompt(arm: MakeArm) -> None:
    """`route.chosen` names the arm and the rule."""
    a = arm("a")
    with structlog.testing.capture_logs() as logs:
        await Route(Rules((), a), {"a": a})(Request(messages=({"role": "user", "content": "canary"},)))
    assert [event["event"] for event in logs] == ["route.chosen"]
    assert "canary" not in repr(logs)
