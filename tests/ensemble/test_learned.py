"""Learned weights: the votes in the ledger, folded into a table that nodes read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestra import Request
from orchestra.ensemble import Vote
from orchestra.ensemble.answers import Answers
from orchestra.ensemble.learned import NEWEST, VOTE, Learned, Past, fold, past_of
from orchestra.ensemble.recorded import Case, cases, names_of, read
from orchestra.ensemble.weights import EVEN, Fit, Groups, winner
from orchestra.ledger import Event, Ledger
from orchestra.prompting.scores import SCORE
from orchestra.testing import Scripted
from tests.conftest import SHARED

NAMES = ("a", "b", "c", "d")


def vote(request: str, groups: Groups, won: int | None, names: Sequence[str] = NAMES, full: bool = True) -> Event:
    about = {"request": request, "path": [], "task": None, "members": list(names), "groups": list(groups)}
    return Event(
        kind=VOTE, key="", at=0.0, payload={**about, "winner": won, "full": full, "costs": [None] * len(names)}
    )


def score(request: str, value: float, metric: str = "quality") -> Event:
    return Event(kind=SCORE, key="", at=0.0, payload={"request": request, "metric": metric, "value": value})


def fit_of(past: Past, names: Sequence[str] = NAMES) -> Fit:
    return past.fits[None, tuple(names)][1]


async def test_a_panel_learns_from_its_own_votes(tmp_path: Path) -> None:
    """Equal at first; once there are enough votes of the task, the member that errs alone loses its ties."""
    ledger, chance = Ledger(tmp_path / "ledger.db"), random.Random(0)
    learned = Learned(past_of(ledger))
    names = ["a", "b", "c", "d"]
    asked = Request(task_type="extraction")
    assert list(learned(asked, names)) == [1, 1, 1, 1]

    def says(accuracy: float) -> Scripted:
        return Scripted(lambda request: "4" if chance.random() < accuracy else str(chance.randint(5, 9)))

    accuracies = dict(zip(names, (0.9, 0.9, 0.9, 0.2), strict=True))
    models = tuple((name, says(accuracy)) for name, accuracy in accuracies.items())
    vote = Vote(models, weigh=learned, record=lambda ballot: ledger.event(VOTE, None, ballot), min_agreement=0.0)
    for n in range(60):
        await vote(Request(id=f"r{n}", task_type="extraction"))
    ledger.flush()
    learned.past.read()
    weights = learned(asked, names)
    assert [weight // EVEN for weight in weights] == [1, 1, 1, 1]
    assert weights[3] % EVEN < min(weight % EVEN for weight in weights[:3]) / 2
    assert list(learned(Request(task_type="chat"), names)) == [1, 1, 1, 1]
    assert list(learned(asked, names[:3])) == [1, 1, 1]
    ledger.close()


def test_scores_of_answers_count(tmp_path: Path) -> None:
    """A consensus that was scored as wrong is not taken for right."""
    ledger = Ledger(tmp_path / "ledger.db")
    for n in range(60):
        groups = [0, 1, 1] if n % 2 else [0, 0, 1]
        about = {
            "request": f"r{n}",
            "path": [],
            "task": None,
            "members": ["a", "b", "c"],
            "groups": groups,
            "full": True,
        }
        ledger.event(VOTE, None, {**about, "winner": 1 if n % 2 else 0, "costs": [None] * 3})
        ledger.event(SCORE, None, {"request": f"r{n}", "metric": "quality", "value": 0.0 if n % 2 else 1.0})
    ledger.flush()
    _, fit = past_of(ledger).read().fits[None, ("a", "b", "c")]
    assert fit.accuracies[0] > 0.9 > fit.accuracies[1] > fit.accuracies[2]
    assert "60 of them scored" in fit.why
    ledger.close()


@pytest.mark.parametrize("full", [True, False])
def test_only_scored_votes_of_all_members_outvote_a_majority(full: bool) -> None:
    """One that was shown to be right against the other three; where it was asked only when they differed, ties stay."""
    events = []
    for n in range(100):
        groups = [0, 1, 1, 1] if n % 2 else [0, 0, 1, 2]
        events += [vote(f"r{n}", groups, 0, full=full), score(f"r{n}", 1.0)]
    fit = fit_of(fold(Past(), events, ()))
    assert (winner([0, 1, 1, 1], fit.weights) == 0) is full
    assert (fit.gain > 0) is full


def test_a_wrong_answer_of_the_plain_vote_is_no_proof_for_the_others() -> None:
    """Nobody knows whether they were right: the weights still only break ties."""
    events = [event for n in range(100) for event in (vote(f"r{n}", [0, 1, 1, 1], 1), score(f"r{n}", 0.0))]
    assert winner([0, 1, 1, 1], fit_of(fold(Past(), events, ())).weights) == 1


def test_from_staged_votes_of_three_nothing_is_learned() -> None:
    """The third is asked where it decides, and agrees with whom it makes win: that is no merit."""
    names, events = NAMES[:3], []
    for n in range(100):
        groups = [0, 1, 1] if n % 2 else [0, 0, None]
        events += [vote(f"r{n}", groups, n % 2, names, full=False), score(f"r{n}", 1.0)]
    assert fit_of(fold(Past(), events, ()), names).weights == (1, 1, 1)


def test_weights_go_on_to_be_learned_from_the_newest_votes() -> None:
    """Also when as many are kept as ever are; scores that come later count as votes do."""
    past = Past()
    for n in range(NEWEST):
        past = fold(past, [vote(f"r{n}", [0, 0, 0, 0 if n % 3 == 0 else 1], None)], ())
    before = fit_of(past).weights
    assert before[3] < before[0]
    for n in range(NEWEST, 2 * NEWEST):
        past = fold(past, [vote(f"r{n}", [0, 1, 1, 1], 1)], ())
    after = fit_of(past).weights
    assert after[0] < after[3]
    for n in range(NEWEST, 2 * NEWEST):
        past = fold(past, [score(f"r{n}", 1.0)], ())
    assert int(fit_of(past).why.partition("votes say, ")[2].split()[0]) > NEWEST // 2


def test_only_scores_of_quality_count() -> None:
    """The number of words is no right answer, and replaces none."""
    events = [vote(f"r{n}", [0, 1, 2, 1], 1) for n in range(60)]
    scores = [score(f"r{n}", value, metric) for n in range(60) for value, metric in ((0.0, "quality"), (250, "words"))]
    past = fold(Past(), events + scores, ())
    assert set(past.scores.values()) == {0.0}


def events_of(cases: Sequence[Case], names: Sequence[str], full: bool, strong: str | None = None) -> list[Event]:
    """The votes of a panel on recorded answers, scored; where no two thirds agree, `strong` answers."""
    made = []
    for n, case in enumerate(cases):
        *groups, theirs = case.groups([*names, strong or names[0]])
        won = winner(groups, [1] * len(names))
        right = won is not None and won == case.truth(names)
        if strong is not None and groups.count(won) < 0.66 * len(names):
            right = bool(case.right[strong])
            won = theirs if theirs in groups else None
        if not full and len(set(groups[:2])) == 1:
            groups[2:] = [None] * (len(groups) - 2)
        made += [vote(f"r{n}", groups, won, names, full), score(f"r{n}", float(right))]
    return made


@pytest.mark.parametrize("full", [True, False])
def test_on_recorded_answers_learned_weights_do_not_lose_to_the_plain_vote(full: bool) -> None:
    """Real weights gain on questions they were not learned from; and from staged votes there are none."""
    path = SHARED / "data/recorded/crux.jsonl.gz"
    if not path.exists():
        pytest.skip("the recorded answers are not there")
    rows, chance, strong = read(path), random.Random(1), "gpt-4o-2024-08-06"
    recorded = cases(rows, Answers("code", "answer"))
    chance.shuffle(recorded)
    names = [name for name in names_of(rows) if name != strong]
    gains = []
    for _ in range(10):
        panel = chance.sample(names, chance.choice((4, 5)))
        fit = fit_of(fold(Past(), events_of(recorded[:400], panel, full, strong), ()), panel)
        unseen = [(case.groups(panel), case.truth(panel)) for case in recorded[400:]]
        plain, ours = (
            sum(winner(vote, weights) == truth for vote, truth in unseen) / len(unseen)
            for weights in ([1] * len(panel), fit.weights)
        )
        if fit.gain:
            gains.append(ours - plain)
    assert bool(gains) is full
    assert min(gains, default=0.0) >= -0.006
    assert sum(gains) / max(1, len(gains)) >= (0.01 if full else 0.0)
