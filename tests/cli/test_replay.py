"""`orchestra replay`: both sides on a screen and as JSON, from a ledger on disk, without a call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from .booked import NOON, booked, call

NEW = """
models:
  small: {litellm: openai/small, input_usd_per_mtok: 1, output_usd_per_mtok: 2}
  large: {litellm: openai/large, input_usd_per_mtok: 10, output_usd_per_mtok: 20}
policies:
  default: {kind: route, rules: [{name: easy, when: {task: extraction}, use: small}], otherwise: large}
"""


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.yaml"
    path.write_text(NEW)
    return path


def large(request: str, **about: str):
    return call("0.0002", name="large", model="openai/large", provider="openai", request=request, **about)


def test_both_sides_and_what_moves_by_which_rule(run, new: Path) -> None:
    """The money exact, the quality honest, a bar for each model; what is older than `--since` is left out."""
    booked(large("old", task_type="extraction"), at=NOON - 8 * 86_400)
    booked(large("a", task_type="extraction"), large("b"), at=NOON - 3600)
    said = run("replay", "--policy", str(new))
    assert said.code == 0, said.err
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[0] == "2 requests, 1 would have gone elsewhere"
    assert "cost $0.0004 $0.00022" in lines
    assert "quality not enough data (scores cover 0%) not enough data (scores cover 0%)" in lines
    assert "easy large small 1 $0.00018" in lines
    assert any(line.startswith("large before ████") for line in lines)
    found = run("replay", "--policy", str(new), "--json").json
    assert (found["requests"], found["moved"], found["moves"][0]["rule"]) == (2, 1, "easy")
    assert (found["before"]["cost_usd"], found["after"]["cost_usd"]) == ("0.000400000", "0.000220000")
    assert run("replay", "--policy", str(new), "--since", "30d", "--json").json["requests"] == 3


def test_an_empty_log_and_a_policy_that_is_not_there(run, new: Path) -> None:
    """Both are said in a line."""
    assert run("replay", "--policy", str(new)).out == "no requests in the log since then\n"
    said = run("replay", "--policy", str(new), "--name", "defualt")
    assert said.code != 0
    assert "did you mean 'default'?" in said.err
