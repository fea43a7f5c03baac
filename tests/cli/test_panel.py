"""`orchestra panel` and `orchestra calibrate`: what recorded answers and past votes say."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from orchestra.build import build
from orchestra.settings import parse

from .conftest import Run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two good cheap models, one that guesses, and a dear one that is a little better."""
    chance, lines = random.Random(0), []
    for n in range(400):
        hard = chance.random() < 0.1

        def says(accuracy: float, hard: bool = hard) -> str:
            return "4" if chance.random() < (0.5 if hard else accuracy) else str(chance.randint(5, 9))

        outputs = {"a": says(0.99), "b": says(0.99), "guess": says(0.2), "dear": says(0.97)}
        costs = {"a": 0.001, "b": 0.001, "guess": 0.001, "dear": 0.02}
        lines.append(json.dumps({"prompt": f"q{n}", "outputs": outputs, "gold": 4, "costs": costs}))
    path = tmp_path / "recorded.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_a_recorded_panel_is_examined(run: Run, file: Path) -> None:
    """Each member with what it is worth, advice in words, and the best panel under a price."""
    said = run("panel", str(file), "--models", "a,b,guess", "--answers", "number", "--max-usd-per-1k", "2.5")
    assert said.code == 0
    rows = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert rows["a"].endswith("helps")
    assert "-" not in rows["guess"].split()[3]
    assert "the vote is right" in said.out
    assert "no further samples of one model are recorded" in said.out
    assert "the best panel under $2.5 per 1,000: a" in said.out
    (one,) = run("panel", str(file), "--models", "a,b,guess", "--answers", "number", "--json").json
    assert [member["name"] for member in one["report"]["members"]] == ["a", "b", "guess"]
    assert one["report"]["labelled"] is True


def test_a_cascade_is_calibrated_and_written_out(run: Run, file: Path) -> None:
    """The threshold, and a policy that the build takes."""
    arguments = ("calibrate", str(file), "--cheap", "a,b", "--strong", "dear", "--answers", "number")
    said = run(*arguments, "--epsilon", "0.03")
    assert said.code == 0
    assert "← this" in said.out
    policy = said.out[said.out.index("  kind: cascade") :].replace("dear", "gpt-4o")
    assert "answers: {kind: number}" in policy
    policy = policy.replace("[a, b]", "[gpt-4o-mini, claude-haiku-4-5]").replace("\n", "\n  ")
    tree = build(parse(f"policies:\n  c:\n  {policy}\n", "o.yaml"))
    assert "Cascade(" in repr(tree.find("c").model)
    assert "do not cascade here" in run(*arguments[:3], "a,guess", *arguments[4:]).out
    assert run(*arguments, "--json").json["cases"] == 400


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """Answers that are JSON with what was thought, to which the file has both the right answer and verdicts."""
    lines = []
    for n in range(600):
        right = {"one-2024-07-18": n % 20 > 0, "two": n % 20 > 1, "strong": n % 40 > 0}
        thought = {
            name: {"reasoning": f"{name} on {n}", "answer": n if fits else n + 1} for name, fits in right.items()
        }
        outputs = {name: json.dumps(value) for name, value in thought.items()}
        costs = dict.fromkeys(outputs, 0.001) | {"strong": 0.1}
        lines.append(json.dumps({"outputs": outputs, "gold": str(n), "correct": right, "costs": costs}))
    path = tmp_path / "judged.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_the_answer_of_json_answers_is_found_and_said(run: Run, judged: Path) -> None:
    """Its field is taken, named, and written into the policy that is recommended."""
    arguments = ("calibrate", str(judged), "--cheap", "one-2024-07-18,two", "--strong", "strong", "--epsilon", "0.06")
    said = run(*arguments)
    assert "warning: answers are compared by their field 'answer'" in said.err
    assert "strong alone: 97.50% of 600 questions" in said.out
    assert 'models: [one-2024-07-18, two], answers: {field: "answer"}, min_agreement: 0.5' in said.out
    assert run(*arguments, "--json").json["answers"] == {"kind": "auto", "field": "answer"}
    rows = {line.split()[0]: line for line in run("panel", str(judged)).out.splitlines() if line.strip()}
    assert rows["strong"].split()[1] == "97.5%"


@pytest.mark.parametrize("how", [("--answers", "json"), ("--field", "reasoning")])
def test_answers_that_are_read_wrongly_are_refused(run: Run, judged: Path, how: tuple[str, str]) -> None:
    """Where the file's own verdicts say otherwise, with what to try."""
    for command in (
        ("panel", str(judged)),
        ("calibrate", str(judged), "--cheap", "two,one-2024-07-18", "--strong", "strong"),
    ):
        said = run(*command, *how)
        assert said.code == 1
        assert not said.out
        assert "match 'gold' 0%, the file's 'correct' says 94%" in said.err
        assert "try --field" in said.err
        assert "answer" in said.err


def test_verdicts_that_differ_a_little_are_warned_of(run: Run, judged: Path) -> None:
    """The right answer counts."""
    lines = [json.loads(line) for line in judged.read_text().splitlines()]
    for line in lines[1:31]:
        line["correct"]["strong"] = False
    judged.write_text("\n".join(map(json.dumps, lines)))
    said = run("panel", str(judged), "--models", "two,strong")
    assert said.code == 0
    assert "(2.5% differ); 'gold' is taken" in said.err


def test_who_is_not_in_the_file_is_named(run: Run, file: Path, judged: Path) -> None:
    """With whom may have been meant, or with those who are; before any answer is read."""
    said = run("calibrate", str(file), "--cheap", "a,nobody", "--strong", "dear")
    assert said.code == 1
    assert "no model of the file is called 'nobody'; there are: a, b, guess, dear" in said.err
    said = run("panel", str(judged), "--models", "one", "--answers", "json")
    assert "no model of the file is called 'one'; did you mean 'one-2024-07-18'?" in said.err
    judged.write_text(judged.read_text() + '\n{"outputs": {"two": "4", "strong": "4"}}')
    said = run("panel", str(judged), "--models", "one-2024-07-18")
    assert "'one-2024-07-18' did not answer every question of the file; those who did: two, strong" in said.err


@pytest.mark.parametrize(
    ("cheap", "why"), [("a", "two models or more"), ("a,a", "one model twice"), ("a,dear", "one model twice")]
)
def test_what_is_no_agreement_is_not_calibrated(run: Run, file: Path, cheap: str, why: str) -> None:
    """One cheap model alone, or one that is asked twice."""
    said = run("calibrate", str(file), "--cheap", cheap, "--strong", "dear")
    assert said.code == 1
    assert why in said.err


def test_the_votes_of_the_ledger_are_examined(run: Run, tmp_path: Path) -> None:
    """Without a file; it says so where there are none yet."""
    text = f"ledger: {{path: {tmp_path}/ledger.db}}\npolicies: {{default: {{kind: name, name: gpt-4o-mini}}}}\n"
    (tmp_path / "orchestra.yaml").write_text(text)
    assert "no votes in the ledger yet" in run("panel").out
    ledger, chance = build(parse(text, "o.yaml")).money.ledger, random.Random(0)
    for n in range(60):
        groups = [0, 0 if chance.random() < 0.9 else 1, 0 if chance.random() < 0.8 else 2]
        about = {"request": f"r{n}", "path": [], "task": "extraction", "members": ["a", "b", "c"]}
        ledger.event("vote", None, {**about, "groups": groups, "winner": 0, "costs": ["0.001", None, "0.002"]})
    ledger.flush()
    ledger.close()
    said = run("panel").out
    assert "a, b, c · task extraction · 60 votes" in said
    assert "right (estimated)" in said
