"""Verified answers: checked, mended, handed on when they stay wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestra.ensemble import Verify
from orchestra.ensemble.checks import Matches
from orchestra.errors import Unavailable
from orchestra.testing import Scripted
from orchestra.types import Failure, Response

from .judging import LIBRARY, asked, request, shown, tool_call


def verdict(correct: bool, confidence: float, *issues: str) -> str:
    return json.dumps({"issues": issues, "correct": correct, "confidence": confidence})


def verify(writer: Any, checker: Any = None, **about: Any) -> tuple[Verify, Scripted, Scripted]:
    generator, validator = Scripted(writer, name="writer"), Scripted(checker or "ok", name="checker")
    node = Verify(("writer", generator), None if checker is None else asked(validator), LIBRARY, **about)
    return node, generator, validator


async def test_an_answer_that_is_right_is_verified_in_two_calls() -> None:
    """Output, what the validator said, and how sure it is."""
    node, generator, validator = verify("42", verdict(True, 0.9))
    response = await node(request("6 × 7?"))
    assert response.result == {"output": "42", "verification": verdict(True, 0.9), "confidence": 0.9}
    assert (response.text, response.success, response.score) == ("42", True, 0.9)
    assert (len(generator.requests), len(validator.requests)) == (1, 1)
    assert shown(validator.requests[0], "task") == "6 × 7?"
    assert shown(validator.requests[0], "output") == "42"


async def test_whoever_asked_is_told_of_each_step() -> None:
    """The author and the validator, as they come."""
    node, _, _ = verify("42", verdict(True, 0.9))
    told: list[tuple[tuple[str, ...], Any]] = []
    await node(request(on_member=lambda path, outcome: told.append((path, outcome.text))))
    assert told == [(("writer",), "42"), (("checker",), verdict(True, 0.9))]


async def test_what_is_wrong_goes_back_with_the_issues() -> None:
    """The author sees its answer and each issue, and the next one counts."""
    node, generator, _ = verify(["41", "42"], [verdict(False, 0.2, "7 × 6 is not 41"), verdict(True, 0.8)])
    response = await node(request("6 × 7?"))
    assert (response.text, response.success) == ("42", True)
    before, answer, mend = generator.requests[1].messages
    assert (before["content"], answer["role"], answer["content"]) == ("6 × 7?", "assistant", "41")
    assert "- 7 × 6 is not 41" in mend["content"]
    assert [one["correct"] for one in response.details["rounds"]] == [False, True]
    assert len(response.sources) == 2


async def test_rounds_have_an_end() -> None:
    """The likeliest of the wrong answers comes back, without success."""
    checks = [verdict(False, 0.4, "no"), verdict(False, 0.1, "worse"), verdict(False, 0.3, "no")]
    node, generator, _ = verify(["x", "y", "z"], checks, max_rounds=2)
    response = await node(request())
    assert (response.text, response.success, response.result["confidence"]) == ("x", False, 0.4)
    assert len(generator.requests) == 3


async def test_what_stays_wrong_is_handed_on() -> None:
    """The other model is asked afresh, and checked as well."""
    strong = Scripted("42", name="strong")
    checks = [verdict(False, 0.2, "no"), verdict(False, 0.2, "no"), verdict(True, 0.95)]
    node, _, validator = verify("41", checks, otherwise=("strong", strong))
    response = await node(request("6 × 7?"))
    assert (response.text, response.success) == ("42", True)
    assert len(strong.requests[0].messages) == 1
    assert len(validator.requests) == 3


async def test_checks_come_first_and_cost_nothing() -> None:
    """What fails one is not shown to the validator; what passes is."""
    node, generator, validator = verify(["no figure", "42"], verdict(True, 0.9), checks=(Matches(r"\d"),))
    response = await node(request())
    assert (response.text, len(validator.requests)) == ("42", 1)
    assert "nothing in the answer matches" in str(generator.requests[1].messages[-1]["content"])
    node, _, _ = verify("42", checks=(Matches(r"\d"),))
    assert (await node(request())).success


async def test_a_structured_answer_is_held_against_its_schema() -> None:
    """Without any check that says so."""
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"required": ["price"]}}}
    node, generator, _ = verify(['{"cost": 1}', '{"price": 1}'], verdict(True, 0.9))
    response = await node(request(params={"response_format": schema}))
    assert response.text == '{"price": 1}'
    assert "'price' is a required property" in str(generator.requests[1].messages[-1]["content"])


async def test_tool_calls_are_checked_and_mended() -> None:
    """The validator sees them as JSON; the author has them in the conversation, each with the issues as its result."""
    wrong = Response(
        text="", model="m", tool_calls=(tool_call("w1", "weather", city="Pariss"), tool_call("t1", "time"))
    )
    right = Response(text="", model="m", tool_calls=(tool_call("w2", "weather", city="Paris"),))
    node, generator, validator = verify([wrong, right], [verdict(False, 0.1, "no such city"), verdict(True, 0.9)])
    response = await node(request(params={"response_format": {"type": "json_object"}}))
    assert (response.tool_calls, response.success) == (right.tool_calls, True)
    assert response.result["output"] == '[{"name": "weather", "arguments": {"city": "Paris"}}]'
    assert json.loads(shown(validator.requests[0], "output")) == [
        {"name": "weather", "arguments": {"city": "Pariss"}},
        {"name": "time", "arguments": {}},
    ]
    _, answer, *results = generator.requests[1].messages
    assert answer == {"role": "assistant", "content": None, "tool_calls": list(wrong.tool_calls)}
    assert [(one["role"], one["tool_call_id"]) for one in results] == [("tool", "w1"), ("tool", "t1")]
    assert all("- no such city" in one["content"] for one in results)


@pytest.mark.parametrize(
    ("said", "correct", "confidence"),
    [
        (verdict(True, 0.9), True, 0.9),
        ('{"correct": false, "confidence": 0.9, "issues": []}', False, 0.1),
        ('{"correct": "yes"}', True, 1.0),
        ("correct: no, confidence: 30%", False, 0.3),
        ("It looks fine to me.", None, 0.0),
        (Unavailable("down"), None, 0.0),
    ],
)
async def test_a_verdict_is_read_from_what_is_said(said: Any, correct: bool | None, confidence: float) -> None:
    """A confidence that contradicts its word is that of the word; what can't be read verifies nothing."""
    node, generator, _ = verify("42", said, max_rounds=0)
    response = await node(request())
    (told,) = response.details["rounds"]
    assert (told["correct"], told["confidence"]) == (correct, pytest.approx(confidence))
    assert response.success is (correct is True)
    assert len(generator.requests) == 1


async def test_an_answer_that_nobody_could_check_is_not_sent_back() -> None:
    """There is nothing to mend it by."""
    node, generator, _ = verify("42", "no idea", max_rounds=3)
    assert "not verified" in (await node(request())).note
    assert len(generator.requests) == 1


async def test_an_author_that_fails_while_mending_leaves_its_first_answer() -> None:
    """On the record; one that never answers is the error."""
    node, _, _ = verify(["41", Unavailable("down")], verdict(False, 0.2, "no"))
    response = await node(request())
    assert (response.text, response.success) == ("41", False)
    assert [source.name for source in response.sources if isinstance(source, Failure)] == ["writer"]
    node, _, _ = verify(Unavailable("down"), verdict(True, 1))
    with pytest.raises(Unavailable):
        await node(request())
