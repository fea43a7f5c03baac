"""`orchestra experiment`: started, looked at, ended; by the policy file and by name."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from orchestra import Ledger, MultiModelAPI, PromptABTest
from orchestra.cli import books
from orchestra.cli.experiment_screen import plot
from orchestra.prompting.analysis import Difference
from orchestra.testing import Scripted
from orchestra.types import Request

from .conftest import Run

FILE = """\
providers: {openai: {api_key: sk-none}}
ledger: {path: books.db, durability: process}
experiments:
  bigger:
    arms: {small: gpt-4o-mini, large: gpt-4o}
    by: user
    min_run_s: 0
    guardrails: {cost: 0.2}
  unused: {arms: {a: gpt-4o, b: gpt-4o-mini}}
policies:
  default: {kind: split, experiment: bigger}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """`orchestra.yaml` of the folder that the command runs in."""
    path = tmp_path / "orchestra.yaml"
    path.write_text(FILE)
    return path


async def used(policy: Path, users: int = 120, large_usd: str = "0.001") -> None:
    """So many users whose answers are scored; those of the large model are better."""
    chance = Random(0)
    with MultiModelAPI(policy) as api:
        split = api.tree.find("default").model
        for name, cost in (("small", "0.001"), ("large", large_usd)):
            object.__setattr__(split.arms[name], "model", Scripted(name=name, cost_usd=cost))  # type: ignore[attr-defined]
        for n in range(users):
            response = await api.answer(Request(messages=({"role": "user", "content": "hi"},), tags={"user": f"u{n}"}))
            api.score(response, float(chance.random() < (0.8 if response.model == "large" else 0.3)))


async def test_a_whole_experiment(run: Run, policy: Path) -> None:
    """Declared, started, used, looked at, ended: the numbers are the ledger's."""
    assert run("experiment", "status").out.splitlines()[1].split()[:3] == ["bigger", "declared", "small,"]
    assert run("experiment", "start", "bigger").out.startswith("bigger runs: small, large")
    assert run("experiment", "start", "bigger").out.startswith("bigger has been running for")
    await used(policy)
    data = run("experiment", "status", "bigger", "--json").json
    assert (data["state"], data["winner"], data["excluded"]) == ("running", "large", ["small"])
    assert sum(arm["units"] for arm in data["arms"]) == sum(arm["results"] for arm in data["arms"]) == 120
    assert data["differences"][0]["interval"][0] > 0
    assert [arm["requests"] for arm in data["arms"]] == [arm["units"] for arm in data["arms"]]
    assert [arm["cost_usd"] for arm in data["arms"]] == ["0.001", "0.001"]
    guardrail = data["guardrails"][0]
    assert (guardrail["mean"], guardrail["control"], guardrail["state"]) == ("0.001", "0.001", "kept")
    shown = run("experiment", "status", "bigger").out
    assert "large wins: better than small by" in shown
    assert "large ← winner" in shown
    assert "●" in shown
    assert "large wins" in run("experiment", "status").out
    assert run("experiment", "stop", "bigger", "--serve", "large").out == "bigger is over; large answers from now on\n"
    over = run("experiment", "status", "bigger", "--json").json
    assert (over["state"], over["serve"], over["reason"]) == ("stopped", "large", "stopped by hand")
    assert run("explain", "hi", "--tag", "user=u1", "--json").json["chosen"] == "gpt-4o"


async def test_a_guardrail_that_is_broken_is_shown(run: Run, policy: Path) -> None:
    """The better arm costs twice as much, and is not called."""
    run("experiment", "start", "bigger")
    await used(policy, large_usd="0.002")
    shown = run("experiment", "status", "bigger").out
    assert "breaks its guardrail on cost" in shown
    line = next(line for line in shown.splitlines() if line.startswith("cost"))
    assert line.split()[1:4] == ["large", "$0.002", "$0.001"]
    assert line.endswith("broken")


def test_a_test_made_in_code_is_shown_too(run: Run, policy: Path) -> None:
    """It is in the ledger, and needs no declaration."""
    with PromptABTest("extraction", [1, 2], ledger=Ledger("books.db")) as test:
        test.track_result(2, True, 0.9)
    assert "extraction 1/2" in run("experiment", "status").out
    data = run("experiment", "status", "extraction 1/2", "--json").json
    assert [arm["results"] for arm in data["arms"]] == [0, 1]


async def test_a_stopped_one_says_when_and_advises_nothing(
    run: Run, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its start is told too; while no interval is known there is no plot."""
    now = [1_800_000_000.0]
    monkeypatch.setattr(books, "WALL", lambda: now[0])
    with PromptABTest("tone", [1, 2], ledger=Ledger("books.db", wall=lambda: now[0])) as test:
        for n in range(4):
            test.track_result(1 + n % 2, True, n / 10)
        shown = run("experiment", "status", "tone 1/2", "--timezone", "UTC").out
        assert "running since 08:00 (0s)" in shown
        assert "more per arm" in shown
        assert "too few to say more" in shown
        assert not {"●", "│", "┄"} & set(shown)
        now[0] += 125
        test.experiment.stop().result()
        now[0] += 3600
        shown = run("experiment", "status", "tone 1/2", "--timezone", "UTC").out
    assert "stopped at 08:02, ran for 2m 5s from 08:00 on" in shown
    assert "no winner: 2 was ahead of 1 by 0.1; excluded: nothing\n" in shown
    assert "more per arm" not in shown
    assert run("experiment", "status", "tone 1/2", "--json").json["more_per_arm"] is None


def test_where_none_is_declared_it_is_said_how(run: Run, policy: Path) -> None:
    """By the list, and to who starts one; what is said can be taken as it is."""
    policy.write_text("providers: {openai: {api_key: sk-none}}\nledger: {path: books.db, durability: process}\n")
    told = run("experiment", "status").out.strip()
    assert run("experiment", "start", "foo").err == f"error: no experiment is called 'foo'; {told}\n"
    example = told.partition("as in ")[2].partition(", and a policy")[0]
    policy.write_text(f"{policy.read_text()}{example}\npolicies: {{default: {{kind: split, experiment: bigger}}}}\n")
    assert run("experiment", "start", "bigger").out.startswith("bigger runs: small, large")


def test_a_file_that_says_otherwise_is_told_of(run: Run, policy: Path) -> None:
    """What it was started as counts; only the share may change."""
    run("experiment", "start", "bigger")
    policy.write_text(FILE.replace("min_run_s: 0", "min_run_s: 0\n    share: 0.5"))
    assert run("experiment", "status").err == ""
    policy.write_text(FILE.replace("min_run_s: 0", "alpha: 0.2"))
    assert "says otherwise than at its start, which counts: alpha, min_run_s" in run("experiment", "status").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("start", "biger"), "no experiment is called 'biger'; did you mean 'bigger'?"),
        (("status", "biger"), "no experiment is called 'biger'; did you mean 'bigger'?"),
        (("stop", "bigger"), "experiment 'bigger' was not started"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(
    run: Run, policy: Path, arguments: tuple[str, ...], said: str
) -> None:
    """One line, and the exit code of a failure."""
    answer = run("experiment", *arguments)
    assert answer.code == 1
    assert said in answer.err


def test_an_experiment_runs_once(run: Run, policy: Path) -> None:
    """A second start or stop is refused."""
    run("experiment", "start", "bigger")
    assert "no arm 'huge'; there are: small, large" in run("experiment", "stop", "bigger", "--serve", "huge").err
    assert run("experiment", "stop", "bigger", "--json").json["serve"] == "small"
    assert "give a new test another name" in run("experiment", "start", "bigger").err
    assert "is over already" in run("experiment", "stop", "bigger").err


def test_a_plot_has_the_estimate_in_its_interval() -> None:
    """Newer points to the right; an interval without ends fills its column."""
    unknown = Difference("b", "a", 5, 0.1, (float("-inf"), float("inf")), "asymptotic", False, 0.2)
    known = Difference("b", "a", 50, 0.1, (-0.1, 0.3), "asymptotic", False, 0.2)
    none = Difference("b", "a", 0, 0.0, (-1.0, 1.0), "exact", False, 0.0)
    assert plot([none, unknown, unknown]) == []
    lines = plot([none, unknown, known, known])
    assert [len(line) for line in lines] == [18] * len(lines)
    columns = ["".join(line[10 + 2 * n] for line in lines) for n in range(4)]
    assert columns[0].strip() == "┄"
    assert set(columns[1]) == {"│", "●"}
    assert columns[2].count("●") == 1
    assert columns[2].count("│") == 10
    assert [float(lines[row].split()[0]) for row in (0, -1)] == pytest.approx([0.3, -0.1], abs=0.04)
