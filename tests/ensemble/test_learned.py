"""Learned weights: the votes in the ledger, folded into a table that nodes read."""

from __future__ import annotations

import random
from pathlib import Path

from orchestra import Request
from orchestra.ensemble import Vote
from orchestra.ensemble.learned import SCORE, VOTE, Learned, past_of
from orchestra.ledger import Ledger
from orchestra.testing import Scripted


async def test_a_panel_learns_from_its_own_votes(tmp_path: Path) -> None:
    """Equal at first; once there are enough votes of the task, the member that errs alone loses its weight."""
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
    assert weights[3] < min(weights[:3]) / 2
    assert list(learned(Request(task_type="chat"), names)) == [1, 1, 1, 1]
    assert list(learned(asked, names[:3])) == [1, 1, 1]
    ledger.close()


def test_scores_of_answers_count(tmp_path: Path) -> None:
    """A consensus that was scored as wrong is not taken for right."""
    ledger = Ledger(tmp_path / "ledger.db")
    for n in range(60):
        groups = [0, 1, 1] if n % 2 else [0, 0, 1]
        about = {"request": f"r{n}", "path": [], "task": None, "members": ["a", "b", "c"], "groups": groups}
        ledger.event(VOTE, None, {**about, "winner": 1 if n % 2 else 0, "costs": [None] * 3})
        ledger.event(SCORE, None, {"request": f"r{n}", "metric": "quality", "value": 0.0 if n % 2 else 1.0})
    ledger.flush()
    _, fit = past_of(ledger).read().fits[None, ("a", "b", "c")]
    assert fit.accuracies[0] > 0.9 > fit.accuracies[1] > fit.accuracies[2]
    assert "60 of them scored" in fit.why
    ledger.close()
