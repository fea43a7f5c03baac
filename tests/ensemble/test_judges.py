"""Judges that are models: fair to both places, to every name, and to any length."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.ensemble.judges import Pairwise, Pointwise
from orchestra.ensemble.order import BradleyTerry, Copeland
from orchestra.errors import AllFailed, Unavailable
from orchestra.testing import Scripted
from orchestra.types import Response

from .judging import asked, judge, request, shown


def responses(*texts: str) -> list[Response]:
    return [Response(text=text, model=f"maker/model-{n}", name=f"model-{n}") for n, text in enumerate(texts)]


def longest(one: str, other: str) -> str:
    return "A" if len(one) > len(other) else "B" if len(other) > len(one) else "tie"


async def test_a_judge_that_likes_a_place_makes_ties() -> None:
    """Always the first: no answer gains by it, and the judge shows as inconsistent."""
    verdicts = await Pairwise(asked(judge(lambda one, other: "A")))(request(), responses("x", "y", "z"))
    assert {verdict.score for verdict in verdicts} == {0.5}
    assert {verdict.consistency for verdict in verdicts} == {0.0}


async def test_the_better_answer_wins_in_both_orders() -> None:
    """A consistent judge puts it first, wherever it stands."""
    model = judge(lambda one, other: "A" if one == "right" else "B" if other == "right" else "tie")
    for texts in (("right", "wrong", "bad"), ("wrong", "bad", "right")):
        verdicts = await Pairwise(asked(model), length_control=0)(request(), responses(*texts))
        assert max(zip([v.score for v in verdicts], texts, strict=True))[1] == "right"
        assert verdicts[texts.index("right")].score == 1.0
        assert all(verdict.consistency == 1.0 for verdict in verdicts if verdict.consistency is not None)


@given(st.permutations(["one", "two words", "three words here", "and four words here", "five of the words here"]))
@settings(max_examples=20)
async def test_the_order_of_the_answers_changes_nothing(texts: list[str]) -> None:
    """Permuted answers have permuted verdicts, under a judge that any order pleases."""
    judging = Pairwise(asked(judge(longest)), order=Copeland(whole=True))
    verdicts = await judging(request(), responses(*texts))
    assert [text for _, text in sorted(zip([v.score for v in verdicts], texts, strict=True))] == sorted(texts, key=len)


async def test_equal_answers_are_judged_once() -> None:
    """What is the same has the same score, and three that are the same need no judge."""
    model = judge(longest)
    verdicts = await Pairwise(asked(model))(request(), responses("yes", "no, never", "yes "))
    assert verdicts[0] == verdicts[2]
    assert len(model.requests) == 2
    await Pairwise(asked(model))(request(), responses("yes", "yes", "yes"))
    assert len(model.requests) == 2


async def test_a_judge_does_not_see_who_answered() -> None:
    """Nor an answer that says so; a name that the task has, another's, or that is a word of the language, stays."""
    model = judge(longest)
    given = [
        Response(text="I am Model-0, fast.", model="maker/model-0", name="fast"),
        Response(text="model-1 and model-0 are good", model="maker/model-1"),
    ]
    await Pairwise(asked(model))(request("Compare model-1 with others."), given)
    seen = {shown(asking, "answer_a") for asking in model.requests}
    assert seen == {"I am this model, fast.", "model-1 and model-0 are good"}


async def test_a_longer_winner_counts_less() -> None:
    """A win of four times the words counts a quarter less; one of a shorter answer counts in full."""
    verdicts = await Pairwise(asked(judge(longest)))(request(), responses("yes.", "yes, and more too"))
    assert [verdict.score for verdict in verdicts] == [0.25, 0.75]
    shortest = judge(lambda one, other: "A" if len(one) < len(other) else "B")
    verdicts = await Pairwise(asked(shortest))(request(), responses("yes.", "yes, and more too"))
    assert [verdict.score for verdict in verdicts] == [1.0, 0.0]


@pytest.mark.parametrize("said", ["I can't say.", '{"better": "C"}', Unavailable("down")])
async def test_what_a_judge_does_not_say_is_a_tie(said: Any) -> None:
    """And no consistency either; where it never answers its error is raised."""
    answers = Pairwise(asked(Scripted([said, '{"better": "A"}'], name="judge")))
    verdicts = await answers(request(), responses("x", "yy"))
    assert [(verdict.score, verdict.consistency) for verdict in verdicts] == [(0.5, 0.0), (0.5, 0.0)]


async def test_a_judge_that_never_answers_is_an_error() -> None:
    """Every call of it failed."""
    with pytest.raises(AllFailed, match="judged none"):
        await Pairwise(asked(Scripted(Unavailable("down"), name="judge")))(request(), responses("x", "yy"))


async def test_a_strength_is_found_in_fewer_comparisons_than_all() -> None:
    """Bradley and Terry's order of eight answers, from 16 pairs of 28."""
    model = judge(longest)
    texts = ["a" * n for n in range(1, 9)]
    verdicts = await Pairwise(asked(model), order=BradleyTerry(), length_control=0)(request(), responses(*texts))
    assert len(model.requests) == 2 * 16
    assert max(range(8), key=lambda n: verdicts[n].score) == 7


async def test_grades_are_out_of_ten_and_one_call_each() -> None:
    """A grade that can't be read is the mean of the others."""
    grades = {"good": "9", "bad": '{"score": 2, "reason": "wrong"}', "odd": "no idea"}
    model = Scripted(lambda asking: grades[shown(asking, "answer")].replace("9", '{"score": "9/10"}'), name="judge")
    verdicts = await Pointwise(asked(model))(request(), responses("good", "bad", "odd", "bad"))
    assert [round(verdict.score, 2) for verdict in verdicts] == [0.9, 0.2, 0.55, 0.2]
    assert (verdicts[1].reason, len(model.requests)) == ("wrong", 3)


async def test_a_judge_sees_the_images_of_the_task_and_none_of_its_parameters() -> None:
    """What the task shows goes along; what it asks of the answer does not bind the judge."""
    model = judge(longest)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    asking = request()
    content = [{"type": "text", "text": "What is this?"}, image]
    asking = type(asking)(messages=({"role": "user", "content": content},), params={"max_tokens": 3, "timeout": 9})
    await Pairwise(asked(model))(asking, responses("x", "yy"))
    last = model.requests[0]
    assert last.messages[-1]["content"][1] == image
    assert dict(last.params) == {"timeout": 9}
    assert last.labels["prompt"] == "rank_compare"
    assert sum((attempt.usage.cost or Decimal(0) for attempt in asking.journal), Decimal(0)) == Decimal("0.002")
