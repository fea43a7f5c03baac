"""Retired models: asked as asked for, then their successor; or the successor at once; or refused."""

from __future__ import annotations

from typing import Literal

import pytest

from orchestra import NotFound, Refused, Request, Retired, Unavailable
from orchestra.testing import Scripted


def node(old: Scripted, new: Scripted, on_retired: Literal["try", "successor", "refuse"] = "try") -> Retired:
    return Retired("old", old, "new", new, on_retired)


async def test_a_retired_model_that_still_answers_is_used() -> None:
    """The successor is not asked while the old model answers."""
    new = Scripted("new")
    assert (await node(Scripted("old"), new)(Request())).text == "old"
    assert new.requests == []


async def test_when_it_is_gone_its_successor_answers_and_says_so() -> None:
    """A 404 is answered by the successor, with a note and the failure in the tree."""
    response = await node(Scripted(NotFound("gone")), Scripted("new"))(Request())
    assert response.text == "new"
    assert "its successor new answered" in response.note
    assert len(response.sources) == 2


async def test_another_failure_is_no_reason_for_the_successor() -> None:
    """A retired model that is merely down fails like any other."""
    new = Scripted("new")
    with pytest.raises(Unavailable):
        await node(Scripted(Unavailable("down")), new)(Request())
    assert new.requests == []


async def test_the_successor_can_be_asked_at_once() -> None:
    """`on_retired: successor` never calls the old model."""
    old = Scripted("old")
    assert (await node(old, Scripted("new"), "successor")(Request())).text == "new"
    assert old.requests == []


async def test_it_can_be_refused() -> None:
    """`on_retired: refuse` raises an error that names the successor, before any call."""
    old, new = Scripted("old"), Scripted("new")
    with pytest.raises(Refused, match="'new'"):
        await node(old, new, "refuse")(Request())
    assert old.requests == new.requests == []
