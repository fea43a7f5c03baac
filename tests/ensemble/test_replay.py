"""Recorded answers of real models through the real nodes; skipped where the recordings are not there."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from orchestra import Request, Response
from orchestra.ensemble import Answers, Vote
from orchestra.ensemble.answers import joined
from orchestra.testing import Scripted

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "recorded"
TRIO = ("gpt-4o-mini-2024-07-18", "deepseek/deepseek-chat", "groq/llama-3.1-70b-versatile")
KINDS = {"gsm": Answers("number", "answer"), "crux": Answers("code", "answer")}

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not on this machine")


def questions(task: str, count: int) -> list[Any]:
    with gzip.open(RECORDED / f"{task}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in islice(lines, count)]


@pytest.mark.parametrize("task", KINDS)
def test_answers_are_judged_as_those_who_recorded_them_did(task: str) -> None:
    """But for the one or two in a hundred that are right in value and not in spelling."""
    answers, agreed, total = KINDS[task], 0, 0
    for row in questions(task, 150):
        for name, text in row["outputs"].items():
            answer = answers.read(Response(text=text, model=name))
            said, gold = joined([None if answer is None else answer.key, answers.form(row["gold"])])
            agreed += (said is not None and said == gold) == row["correct"][name]
            total += 1
    assert agreed / total > 0.98


@pytest.mark.parametrize("task", KINDS)
async def test_an_early_stop_is_the_full_vote_on_every_question(task: str) -> None:
    """With fewer calls."""
    answers, calls = KINDS[task], 0
    for row in questions(task, 100):
        models = tuple((name, Scripted(row["outputs"][name], name=name)) for name in TRIO)
        full = await Vote(models, answers)(Request())
        early = await Vote(models, answers, stop="decided")(request := Request())
        calls += len(request.journal)
        said = [answers.read(response) for response in (full, early)]
        first, second = joined([None if one is None else one.key for one in said])
        assert (first, early.success) == (second, full.success)
    assert calls < 0.8 * 300
