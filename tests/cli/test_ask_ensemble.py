"""`orchestra ask --ensemble`, against the stand-in provider."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import pytest

from orchestra.cli.members import Members
from orchestra.errors import Unavailable
from orchestra.testing.provider import Provider
from orchestra.types import Failure, Response, Usage

TWO = ("--models", "gpt-4o-mini, groq")


def test_members_are_asked_and_one_answer_comes_out(run, upstream: Provider, policy: Path) -> None:
    """A pipe gets the answer alone."""
    for _ in range(2):
        upstream.reply('{"price": 5}')
    said = run("ask", "what does it cost?", "--ensemble", "fuse", *TWO, "-c", str(policy))
    assert (said.code, said.out) == (0, '{"price": 5}\n')
    assert said.err == "note: fused 1 fields, 0 with conflicts, confidence 1.00\n"
    assert {call.provider for call in upstream.calls[-2:]} == {"openai", "groq"}


def test_json_has_the_strategys_own_result(run, upstream: Provider, policy: Path) -> None:
    """With what it has to say beside it, and every attempt."""
    for _ in range(2):
        upstream.reply('{"price": 5}')
    said = run("ask", "what does it cost?", "--ensemble", "fusion", *TWO, "-c", str(policy), "--json").json
    assert (said["result"], said["details"]["fields"]["price"]["confidence"]) == ({"price": 5}, 1.0)
    assert len(said["attempts"]) == 2


def test_what_the_answers_of_a_vote_are_may_be_said(run, upstream: Provider, policy: Path) -> None:
    """Two that put the same number into other words agree; by their text they would not."""
    for kind, agreed in (("number", True), ("text", False)):
        upstream.reply("$49.99")
        upstream.reply("The price is 49.99 USD.")
        said = run("ask", "?", "--ensemble", "vote", "--answers", kind, *TWO, "-c", str(policy), "--json").json
        assert said["result"]["agreed"] is agreed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--models", "a,b"), "--ensemble"),
        (("--ensemble", "fuse", "--model", "gpt-4o"), "--models"),
        (("--ensemble", "fuse", "--answers", "number"), "--ensemble vote"),
        (("--ensemble", "choir"), "no ensemble strategy is called 'choir'"),
        (("--ensemble", "fuse", "--models", "gpt-4o-mini"), "two members or more"),
        (("--ensemble", "fuse", "--models", "gpt-4o-mini,groqq"), "did you mean 'groq'?"),
    ],
)
def test_a_mistake_is_told_before_anything_is_asked(
    run, upstream: Provider, policy: Path, arguments: tuple[str, ...], told: str
) -> None:
    """With what to do about it."""
    before = len(upstream.calls)
    said = run("ask", "hi", *arguments, "-c", str(policy))
    assert said.code != 0
    assert told in said.err
    assert len(upstream.calls) == before


def answer(text: str, name: str, cost: str = "0.001") -> Response:
    return Response(text=text, model=name, name=name, usage=Usage(cost=Decimal(cost)), latency_s=0.5)


def test_a_terminal_sees_the_members_as_they_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Time, cost and answer of each, who failed, how many agree so far, and no control character of an answer."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    members = Members(["a", "b", "c", "d"])
    with members:
        members(("a",), answer("42", "a"))
        assert members.said() == "1 of 4 agree on '42', $0.0010 so far"
        members(("b",), Failure(name="b", error=Unavailable("it is down"), latency_s=0.1))
        members(("c",), answer("The answer is 42.", "c", "0.0005"))
        members(("d", "deeper"), answer("not a member", "x"))
        members(("d",), answer("43 \x1b[2J", "d", "0"))
        assert members.said() == "2 of 4 agree on '42', $0.0015 so far"
        members(("judge",), answer('{"better": "A"}', "judge"))
        assert members.said() == "2 of 4 agree on '42', $0.0025 so far"
    said = capsys.readouterr().err
    for told in ("✓ a", "✗ b", "it is down", "✓ d", "0.50 s"):
        assert told in " ".join(said.split()), said
    assert "43 [2J" in said


def test_a_validator_does_not_agree_with_what_it_checks() -> None:
    """Of a verification only the cost is told."""
    with Members(["a", "b"], votes=False) as members:
        members(("a",), answer("42", "a"))
        members(("b",), answer('{"correct": true}', "b"))
    assert members.said() == "$0.0020 so far"


def test_nothing_is_drawn_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever comes in."""
    with Members(["a"]) as members:
        members(("a",), answer("42", "a"))
    assert capsys.readouterr().err == ""
