"""Ranked answers: the best first, its losers and its judge on the record."""

from __future__ import annotations

import pytest

from orchestra.ensemble import Rank
from orchestra.ensemble.checks import Checked, Matches
from orchestra.ensemble.judges import Pairwise
from orchestra.ensemble.order import Copeland
from orchestra.errors import AllFailed, BudgetExceeded, Unavailable
from orchestra.testing import Scripted
from orchestra.types import Failure, Response

from .judging import asked, judge, members, request, shorter


async def test_the_best_answer_comes_back_with_all_the_others() -> None:
    """Scores, best first; every call, the judge's too, is in the journal."""
    asking = request()
    whole = Pairwise(asked(judge(shorter)), order=Copeland(whole=True))
    response = await Rank(members("a long answer", "short", "middling"), whole)(asking)
    assert response.text == "short"
    assert [row["model"] for row in response.result] == ["b", "c", "a"]
    assert [set(row) for row in response.result] == [{"model", "output", "quality_score"}] * 3
    assert response.result[0]["quality_score"] == response.score == 1.0
    assert response.details["judge_consistency"] == 1.0
    assert [source.score for source in response.sources if isinstance(source, Response)] == [1.0, 0.5, 0.0]
    assert [one.name for one in asking.journal] == ["a", "b", "c", *["judge"] * 6]


async def test_a_member_that_fails_is_listed_and_the_rest_is_ranked() -> None:
    """It costs the ensemble nothing but itself."""
    response = await Rank(members("a long answer", Unavailable("down"), "short"), Pairwise(asked(judge(shorter))))(
        request()
    )
    assert response.text == "short"
    assert [source.name for source in response.sources if isinstance(source, Failure)] == ["b"]
    assert "b failed" in response.note


async def test_members_that_all_fail_are_the_error() -> None:
    """Each of them."""
    with pytest.raises(AllFailed) as failed:
        await Rank(members(Unavailable("down"), Unavailable("out")), Pairwise(asked(judge(shorter))))(request())
    assert len(failed.value.exceptions) == 2


@pytest.mark.parametrize("error", [Unavailable("down"), BudgetExceeded("no room")])
async def test_without_its_judge_the_answers_come_back_unranked(error: Exception) -> None:
    """They are paid for: the first of them, without a score and without success."""
    response = await Rank(members("one", "two"), Pairwise(asked(Scripted(error, name="judge"))))(request())
    assert (response.text, response.success, response.score) == ("one", False, None)
    assert [row["quality_score"] for row in response.result] == [None, None]
    assert "not ranked" in response.note


async def test_checks_decide_before_a_judge_is_asked() -> None:
    """What fails one comes last, and where one is left nobody is asked."""
    model = judge(shorter)
    whole = Checked((Matches(r"\d"),), Pairwise(asked(model)))
    response = await Rank(members("no figure", "it is 42"), whole)(request())
    assert (response.text, len(model.requests)) == ("it is 42", 0)
    assert response.details["verdicts"][1]["reason"] == r"nothing in the answer matches '\\d'"
    response = await Rank(members("x", "it is 42", "42"), whole)(request())
    assert (response.text, len(model.requests)) == ("42", 2)
