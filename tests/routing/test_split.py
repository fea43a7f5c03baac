"""The node that splits: who gets what, why, and what an experiment learns of it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from orchestra.errors import ModelError, Unavailable
from orchestra.ledger import Ledger
from orchestra.prompting import Experiment
from orchestra.prompting.assignment import sticky
from orchestra.prompting.observed import EXPOSED
from orchestra.routing import Arm, Split
from orchestra.settings.experiments import ExperimentSpec
from orchestra.testing import Scripted
from orchestra.types import Request

USERS = [f"user {n}" for n in range(200)]


def arms(**models: Scripted) -> dict[str, Arm]:
    return {label: Arm(f"model-{label}", model, ()) for label, model in models.items()}


def of(user: str | None = None) -> Request:
    return Request(messages=({"role": "user", "content": "hi"},), tags={"user": user} if user else {})


def split(by: str | None = "user", **weights: float) -> Split:
    return Split("test", arms(old=Scripted("old"), new=Scripted("new")), weights or {"old": 0.5, "new": 0.5}, by)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path / "ledger.db", durability="process")
    yield found
    found.close()


def tried(ledger: Ledger, **about: object) -> Split:
    """A split that belongs to an experiment."""
    spec = ExperimentSpec.model_validate({"arms": ["old", "new"], "by": "user", **about})
    experiment = Experiment("tone", spec, ledger, chance=Random(0))
    return Split("tone", arms(old=Scripted("old"), new=Scripted("new")), spec.shares, spec.by, experiment)


async def test_a_unit_always_gets_the_same_arm() -> None:
    """By the value of its tag; without the tag each request is a unit."""
    node = split()
    answers = {user: (await node(of(user))).text for user in USERS}
    assert answers == {user: (await split()(of(user))).text for user in USERS}
    assert min(Counter(answers.values()).values()) > 60
    assert {(await node(of())).text for _ in range(40)} == {"old", "new"}


async def test_weights_can_ramp() -> None:
    """Who had the arm that grows keeps it."""
    texts = [{user: (await split(old=1 - new, new=new)(of(user))).text for user in USERS} for new in (0.0, 0.1, 0.5, 1)]
    for before, after in pairwise(texts):
        assert all(after[user] == "new" for user in USERS if before[user] == "new")
    assert [Counter(text.values())["new"] for text in (texts[0], texts[-1])] == [0, len(USERS)]


async def test_a_split_says_why_and_explains_without_a_call() -> None:
    """Its record is enough to decide again."""
    node, alone = split(), of()
    assert (await node(alone)).choice == node.explain(alone)
    choice = (await node(of("ada"))).choice
    assert choice is not None
    assert node.explain(of("ada")) == choice
    assert choice.rule == "split test"
    record = choice.record
    label = sticky(record["split"], record["unit"], record["weights"])
    assert choice.arm == f"model-{label}"
    assert f"arm {label!r}" in choice.reason
    assert [name for name, _ in choice.passed_over] == [f"model-{'new' if label == 'old' else 'old'}"]
    assert "old 50%, new 50%" in node.explain(of()).reason


async def test_an_arm_that_fails_is_a_failure_of_that_arm() -> None:
    """Nothing takes over, or its failures would be the other arm's answers."""
    node = Split("test", arms(old=Scripted(Unavailable("down")), new=Scripted("new")), {"old": 1.0, "new": 0.0})
    with pytest.raises(ModelError):
        await node(of("ada"))


async def test_an_experiment_labels_its_requests_and_notes_each_unit_once(ledger: Ledger) -> None:
    """From its start on; before it, the first arm answers all."""
    node = tried(ledger)
    assert node.experiment is not None
    assert {(await node(of(user))).text for user in USERS[:20]} == {"old"}
    assert "has not been started" in node.explain(of()).reason
    assert not ledger.events(EXPOSED)
    node.experiment.start()
    for user in (*USERS[:20], *USERS[:20]):
        await node(of(user))
    ledger.flush()
    assert len(ledger.events(EXPOSED)) == 20
    for label in ("old", "new"):
        model = node.arms[label].model
        assert isinstance(model, Scripted)
        labels = [request.labels for request in model.requests if request.labels]
        assert labels
        assert all(found == {"experiment": "tone", "arm": label} for found in labels)


async def test_the_first_request_of_a_process_knows_that_the_experiment_runs(ledger: Ledger) -> None:
    """It waits for one reading, or it would give the first arm to who has another."""
    starter = tried(ledger)
    assert starter.experiment is not None
    starter.experiment.start().result()
    answers = {user: (await tried(ledger)(of(user))).text for user in USERS[:10]}
    assert set(answers.values()) == {"old", "new"}
    assert tried(ledger).explain(of(USERS[0])).arm == f"model-{answers[USERS[0]]}"


async def test_without_a_ledger_the_first_arm_answers(tmp_path: Path) -> None:
    """A file that can't be read stops the experiment, not the answers."""
    (tmp_path / "ledger.db").write_bytes(b"not a database, by far " * 100)
    ledger = Ledger(tmp_path / "ledger.db", patience_s=1)
    assert (await tried(ledger)(of("ada"))).text == "old"
    ledger.close()


async def test_an_experiment_in_an_arm_of_another(ledger: Ledger) -> None:
    """Both are on the request's labels."""
    inner, leaf = tried(ledger), Scripted("deep")
    assert inner.experiment is not None
    inner.experiment.start()
    spec = ExperimentSpec(arms={"a": "x", "b": "x"})
    outer = Experiment("outer", spec, ledger)
    outer.start()
    deep = Split("tone", arms(old=leaf, new=leaf), inner.weights, "user", inner.experiment)
    nest = Arm("nest", deep, ())
    await Split("outer", {"a": nest, "b": nest}, spec.shares, None, outer)(of("ada"))
    (request,) = leaf.requests
    assert request.labels["experiment"] == "outer,tone"
    assert request.labels["arm"] in {f"{a},{b}" for a in ("a", "b") for b in ("old", "new")}


async def test_everybody_waits_for_the_first_reading(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many first requests there are at once; the loop goes on meanwhile, and the ledger is read once."""
    starter, node = tried(ledger), tried(ledger)
    assert starter.experiment is not None
    starter.experiment.start().result()
    wanted = {user: (await starter(of(user))).text for user in USERS[:20]}
    reading, over, real = threading.Event(), threading.Event(), Ledger.news
    times: list[str] = []

    def slow(self: Ledger, *about: Any, **how: Any) -> Any:
        times.append(threading.current_thread().name)
        reading.set()
        over.wait(30)
        return real(self, *about, **how)

    monkeypatch.setattr(Ledger, "news", slow)
    requests = [asyncio.create_task(node(of(user))) for user in list(wanted)[:1]]
    await asyncio.to_thread(reading.wait, 30)
    requests += [asyncio.create_task(node(of(user))) for user in list(wanted)[1:]]
    await asyncio.sleep(0.01)
    assert not any(request.done() for request in requests)
    over.set()
    answers = await asyncio.gather(*requests)
    assert dict(zip(wanted, (answer.text for answer in answers), strict=True)) == wanted
    assert len(times) == 1
    for label in ("old", "new"):
        model = node.arms[label].model
        assert isinstance(model, Scripted)
        assert all(request.labels == {"experiment": "tone", "arm": label} for request in model.requests)
