"""Recorded answers: read from a file, calibrated on, and examined."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra import ConfigError
from orchestra.ensemble import Answers
from orchestra.ensemble.calibrate import calibrate, lower, upper
from orchestra.ensemble.doctor import Votes, best_panel, examine
from orchestra.ensemble.recorded import Case, cases, field_of, fields_of, names_of, read, verdicts


def written(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    lines = "\n".join(json.dumps(row) for row in rows)
    if path.suffix == ".gz":
        with gzip.open(path, "wt", encoding="utf-8") as file:
            file.write(lines)
    else:
        path.write_text(lines)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_file_says_what_each_model_answered_whether_it_was_right_and_what_it_cost(tmp_path: Path, name: str) -> None:
    """By the gold answer, the verdicts or the scores of the file; by its costs, else by prices and lengths."""
    rows = [
        {"prompt": "12345678", "outputs": {"a": "$4", "b": "5", "c": ["4", "4"]}, "gold": "4", "costs": {"a": 0.5}},
        {"outputs": {"a": "x", "b": "y"}, "correct": {"a": True, "b": False}},
        {"outputs": {"a": "x", "b": "y"}, "scores": {"a": 0.7}},
    ]
    lines = read(written(tmp_path / name, rows))
    first, second, third = cases(lines, Answers("number"), lambda model: (1.0, 2.0))
    assert first.right == {"a": True, "b": False, "c": True, "c#2": True}
    assert first.costs == {"a": 0.5, "b": (8 * 1 + 1 * 2) / 4, "c": (8 + 2) / 4, "c#2": (8 + 2) / 4}
    assert (first.groups(["a", "b", "c"]), first.truth(["a", "b", "c"]), first.truth(["b"])) == ([0, 1, 0], 0, -1)
    assert second.right == {"a": True, "b": False}
    assert (third.right, third.labelled(["a"]), third.labelled(["a", "b"])) == ({"a": True, "b": None}, True, False)
    assert names_of(lines) == ["a", "b"]
    assert cases(lines, Answers("number"), names=["b"])[0].right == {"b": False}


def test_json_in_place_of_text_is_written_out_and_null_is_no_answer() -> None:
    """Neither is what Python prints of it."""
    (case,) = cases([{"outputs": {"a": {"x": True}, "b": '{"x": true}', "c": None, "d": []}}], Answers())
    assert case.groups(["a", "b", "c", "d"]) == [0, 0, None, None]


SAID = '{"reasoning": "2 + 2", "answer": "4"}'


@pytest.mark.parametrize(
    ("said", "gold", "field"),
    [
        ([SAID, SAID], "4", "answer"),
        ([SAID, f"```json\n{SAID}\n```", "prose"], "4", "answer"),
        ([SAID, SAID], "{'a': 1}", "answer"),
        (['{"name": "x", "price": 3}'], "x", None),
        (['{"answer": "4", "result": "5"}'], "4", None),
        ([SAID, "4", "5"], "4", None),
        ([SAID], SAID, None),
        ([SAID], {"answer": "4"}, None),
    ],
)
def test_the_field_that_counts_is_taken_where_it_is_obvious(said: list[str], gold: Any, field: str | None) -> None:
    """Most answers are JSON with one field called so; where the right answer has that field too, the whole counts."""
    assert field_of([{"outputs": {"a": said}, "gold": gold}]) == field


def test_verdicts_of_gold_and_correct_are_held_against_each_other() -> None:
    """Over the answers that have both; the fields that the answers share are named."""
    rows = [{"outputs": {"a": SAID, "b": SAID}, "gold": "4", "correct": {"a": True, "b": False}}] * 2
    assert fields_of(rows) == ["reasoning", "answer"]
    as_text, by_field = (verdicts(rows, cases(rows, answers)) for answers in (Answers(), Answers(field="answer")))
    assert as_text is not None
    assert by_field is not None
    assert (as_text.by_gold, as_text.by_correct, as_text.differing) == (0.0, 0.5, 0.5)
    assert (by_field.by_gold, by_field.by_correct, by_field.differing) == (1.0, 0.5, 0.5)
    alone = [{"outputs": {"a": "4"}, "gold": "4"}]
    assert verdicts(alone, cases(alone, Answers())) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no line"),
        ("{", "a.jsonl:1: not JSON"),
        ("[]", "a.jsonl:1: a line has 'outputs'"),
        ('{"outputs": {}}', "outputs"),
        ('{"outputs": {"a": "x"}, "correct": [true]}', "a.jsonl:1: 'correct' says something of each model"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    """The message says what a line has."""
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read(path)


def asked(n: int, agree_right: float, cheap: float, strong: float, seed: int = 0, cost: float = 10.0) -> list[Case]:
    """Two cheap models that agree on most questions, and a strong one."""
    chance, found = random.Random(seed), []
    for _ in range(n):
        agree = chance.random() < 0.8
        one = chance.random() < (agree_right if agree else cheap)
        other = one if agree else not one
        right = {"a": one, "b": other, "s": chance.random() < strong}
        keys = {name: "right" if is_right else f"wrong {name if not agree else ''}" for name, is_right in right.items()}
        found.append(Case(keys, right, {"a": 1.0, "b": 1.0, "s": cost}))
    return found


def test_a_cascade_that_keeps_up_is_calibrated_with_what_it_saves() -> None:
    """Agreement of both is enough, of one is not; most questions stop there."""
    found = calibrate(asked(2000, 0.97, 0.4, 0.95), ["a", "b"], "s", epsilon=0.02)
    assert found.chosen is not None
    assert found.chosen.threshold == 1.0
    assert 0.75 < found.chosen.accepted < 0.85
    assert found.chosen.cost_share is not None
    assert abs(found.chosen.cost_share - (2 + 10 * (1 - found.chosen.accepted)) / 10) < 1e-9
    assert [one.holds for one in found.thresholds] == [True, False]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (asked(2000, 0.85, 0.4, 0.95), "more than the 1.0% allowed"),
        (asked(30, 0.97, 0.4, 0.95), "more cases"),
        (asked(2000, 0.99, 0.4, 0.9, cost=1.5), "costs 153% of"),
        (asked(2000, 0.99, 0.4, 0.02), "s alone is right 1.7% of the time; are the answers compared"),
    ],
)
def test_do_not_cascade_here(data: list[Case], why: str) -> None:
    """Where it would lose accuracy, where that is not sure, and where it would not even save."""
    found = calibrate(data, ["a", "b"], "s")
    assert found.chosen is None
    assert found.strong_accuracy > 0.05 or not any(one.holds for one in found.thresholds)
    assert found.why.startswith("do not cascade here")
    assert why in found.why


def test_the_confidence_holds() -> None:
    """Of cascades that lose exactly what is allowed, at most one in twenty is let through."""
    passed = 0
    for seed in range(100):
        chance = random.Random(seed)
        data = []
        for _ in range(300):
            lost = chance.random() < 0.05
            right = {"a": not lost, "b": not lost, "s": True}
            data.append(Case({name: str(one) for name, one in right.items()}, right, dict.fromkeys("abs", None)))
        passed += calibrate(data, ["a", "b"], "s", epsilon=0.05).chosen is not None
    assert passed <= 5


def test_without_right_answers_nothing_is_calibrated() -> None:
    """It says what a file must have."""
    unknown = [Case({"a": "1", "s": "1"}, {"a": None, "s": None}, {"a": None, "s": None})]
    with pytest.raises(ConfigError, match="'gold', 'correct' or 'scores'"):
        calibrate(unknown, ["a"], "s")


@settings(max_examples=40)
@given(st.integers(0, 60), st.integers(1, 60), st.floats(0.01, 0.3))
def test_exact_bounds_hold_the_share_between_them(count: int, of: int, miss: float) -> None:
    """They widen with confidence, and never leave [0, 1]."""
    count = min(count, of)
    assert 0 <= lower(count, of, miss) <= count / of <= upper(count, of, miss) <= 1
    assert upper(count, of, miss / 2) >= upper(count, of, miss)


def votes(labelled: bool, n: int = 600) -> Votes:
    """Two good members, a copy of the second, and one that guesses."""
    chance = random.Random(4)
    groups: list[list[int | None]] = []
    for _ in range(n):
        good, better = (0 if chance.random() < a else chance.randint(1, 6) for a in (0.8, 0.85))
        third = 0 if chance.random() < 0.8 else chance.randint(1, 6)
        copy = better if chance.random() < 0.97 else 0
        groups.append([good, better, third, copy, chance.randint(0, 6)])
    names, costs = ("good", "better", "third", "copy", "guess"), (0.001, 0.002, 0.001, 0.002, 0.0001)
    return Votes(names, groups, [0 if 0 in vote else -1 for vote in groups] if labelled else None, costs)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_panel_is_examined(labelled: bool) -> None:
    """Who helps, who only costs, whose errors go together; what the vote and the best member reach."""
    report = examine(votes(labelled))
    assert report is not None
    by_name = {member.name: member for member in report.members}
    assert report.labelled is labelled
    assert by_name["good"].verdict == by_name["third"].verdict == "helps"
    assert by_name["guess"].verdict != "helps"
    assert by_name["guess"].accuracy < 0.35
    assert report.panel.accuracy > report.single.accuracy
    assert [pair[:2] for pair in report.kin] == [("better", "copy")]
    assert any("guess" in line and "could go" in line for line in report.advice)
    assert any("better and copy err together" in line for line in report.advice)
    assert report.panel.usd_per_1k == pytest.approx(6.1)


def test_where_one_member_dominates_it_says_not_to_vote() -> None:
    """The best alone is right as often."""
    chance = random.Random(1)
    groups = [[0, *(0 if chance.random() < 0.3 else n for n in (1, 1))] for _ in range(100)]
    report = examine(Votes(("strong", "weak", "twin"), groups, [0] * 100, (None, None, None)))
    assert report is not None
    assert report.advice[0].startswith("do not vote here: strong alone is right as often")


def test_the_best_panel_under_a_price() -> None:
    """It fits, and is tested on votes that it was not chosen on; under no price there is none."""
    found = best_panel(votes(labelled=True), 4.5)
    assert found is not None
    chosen, tested = found
    assert {"good", "third"} < set(chosen.names)
    assert "guess" not in chosen.names
    assert chosen.usd_per_1k == pytest.approx(4.0)
    assert abs(chosen.accuracy - tested.accuracy) < 0.06
    assert best_panel(votes(labelled=True), 0.05) is None


def test_what_is_printed_of_a_member_was_measured() -> None:
    """How often it was right, not the bounds within which weights are made; where nobody is, only that is said."""
    names, nothing = ("a", "b", "c"), (None, None, None)
    report = examine(Votes(names, [[0, 1, 2]] * 100, [-1] * 100, nothing))
    assert report is not None
    assert [member.accuracy for member in report.members] == [0.0] * 3
    assert [line.split(":")[0] for line in report.advice] == ["nothing can be said of this panel"]
    sure = examine(Votes(names, [[0, 0, None]] * 100, [0] * 100, nothing))
    assert sure is not None
    assert [member.accuracy for member in sure.members] == [1.0, 1.0, 0.0]
    pair = examine(Votes(names[:2], [[0, 1]] * 100, None, nothing[:2]))
    assert pair is not None
    assert [member.accuracy for member in pair.members] == [None, None]


def test_from_too_few_votes_nothing_is_said() -> None:
    """A handful proves nothing."""
    assert examine(votes(labelled=True, n=10)) is None
