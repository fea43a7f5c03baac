"""`orchestra learn`: from a labelled file or from the log to a trained policy, with a report first."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from orchestra import MultiModelAPI
from orchestra.ledger import Ledger
from orchestra.routing.classify import builtin
from orchestra.routing.traits import traits

POLICY = """
policies:
  default: {kind: route, strategy: learned, trained: learned.json, strong_share: 0.4, models: [gpt-4o-mini, gpt-4o]}
"""
EASY, HARD = "What is the capital of France?", "Prove that this holds for every n. " * 12
ROWS = [
    {"prompt": f"{HARD if hard else EASY} {n}", "scores": {"gpt-4o-mini": float(not hard), "gpt-4o": 1.0}}
    for n in range(120)
    for hard in (n % 3 == 0,)
]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "orchestra.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "labelled.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS) + "\n")
    return path


def test_a_labelled_file_trains_a_policy_that_is_switched_on_by_being_there(run, policy: Path, labelled: Path) -> None:
    """The report first, nothing saved; then saved beside the policy file, and a hard text goes to the strong model."""
    dry = run("learn", "--labelled", str(labelled), "--dry-run")
    assert dry.code == 0, dry.err
    assert dry.out.splitlines()[0] == "policy 'default': 120 examples, target strong_share 0.4"
    assert dry.out.splitlines()[-1] == "not saved"
    assert "points lost" in dry.out
    assert not (policy.parent / "learned.json").exists()
    said = run("learn", "--labelled", str(labelled), "--json").json
    assert said["shares"]["gpt-4o"] <= 0.4
    assert (policy.parent / "learned.json").is_file()
    with MultiModelAPI(policy) as api:
        assert api.explain_sync(HARD).arm == "gpt-4o"
        assert api.explain_sync(EASY).arm == "gpt-4o-mini"


def test_the_log_trains_it_too(run, policy: Path) -> None:
    """From the traits that were noted with each decision and the scores that came back; no text is in the ledger."""
    chance, classifier = random.Random(0), builtin()
    ledger = Ledger(Path(os.environ["ORCHESTRA_HOME"]) / "ledger.db")
    for n, row in enumerate(ROWS * 2):
        arm = chance.choice(["gpt-4o-mini", "gpt-4o"])
        facts = {"traits": traits(row["prompt"], classifier)}
        told = {"request": f"r{n}", "policy": "default", "arm": arm, "rule": "learned", "facts": facts}
        ledger.event("decision", f"r{n}", told)
        ledger.event("score", None, {"request": f"r{n}", "metric": "quality", "value": row["scores"][arm]})
    ledger.close()
    said = run("learn", "--json").json
    assert said["examples"] == 240
    assert said["quality_of"]["gpt-4o-mini"] < 0.75 < said["quality_of"]["gpt-4o"]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("nonsense", "labelled.jsonl:1: not a labelled example"),
        ('{"prompt": "x", "scores": {"gpt-4o": 7}}', "no score from 0 to 1 of any of gpt-4o-mini, gpt-4o"),
        ('{"scores": {"gpt-4o": 1}}', "'prompt'"),
        ('{"prompt": "x", "scores": {"gpt-4o": 1}}', "0 scored examples of 'gpt-4o-mini' are too few"),
    ],
)
def test_a_labelled_file_that_is_wrong_is_refused(run, policy: Path, labelled: Path, line: str, wrong: str) -> None:
    """With the line, and what is wrong with it."""
    labelled.write_text(line + "\n")
    said = run("learn", "--labelled", str(labelled))
    assert said.code != 0
    assert wrong in said.err


def test_a_policy_to_learn_must_be_named_and_must_learn(run, policy: Path) -> None:
    """One that is there, of strategy `learned`, that says where it is kept."""
    assert "there are: default" in run("learn", "--policy", "other").err
    policy.write_text(POLICY.replace("trained: learned.json, ", ""))
    assert "add 'trained: learned.json'" in run("learn").err
    policy.write_text("default_model: gpt-4o\n")
    assert "there is none" in run("learn").err


def test_before_it_is_trained_the_strongest_is_asked(run, policy: Path, labelled: Path) -> None:
    """A file that is not there yet is no mistake: the reason and `check` say so, and what to do; damage is one."""
    said = run("explain", EASY, "--json").json
    assert said["chosen"] == "gpt-4o"
    assert "nothing is trained yet" in said["reason"]
    checked = run("check", "--json")
    assert checked.code == 0
    assert any("learned.json is not there yet" in warning for warning in checked.json["warnings"])
    few = run("learn").err
    assert "score more of its answers (api.score; preferred_model='gpt-4o-mini' asks it)" in few
    assert "--labelled FILE" in few
    run("learn", "--labelled", str(labelled))
    assert not any("learned.json" in warning for warning in run("check", "--json").json["warnings"])
    (policy.parent / "learned.json").write_text("{")
    assert "is not what 'orchestra learn' writes" in run("explain", EASY).err


def test_a_policy_that_names_no_file_is_told_of(run, policy: Path) -> None:
    """By `check`, with what to add."""
    policy.write_text(POLICY.replace("trained: learned.json, ", ""))
    assert any("add 'trained: learned.json'" in warning for warning in run("check", "--json").json["warnings"])


def test_what_was_trained_for_another_target_is_refused(run, policy: Path, labelled: Path) -> None:
    """A policy file that has moved on says what to do."""
    run("learn", "--labelled", str(labelled))
    policy.write_text(POLICY.replace("0.4", "0.2"))
    said = run("check")
    assert (
        "trained for strong_share 0.4, not for strong_share 0.2; 'orchestra learn' trains it anew"
        in said.out + said.err
    )
