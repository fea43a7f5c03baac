"""An experiment as it runs: assignment, exposure, results, and a state that all processes share."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from orchestra.errors import ConfigError
from orchestra.ledger import Ledger
from orchestra.ledger.ops import Done
from orchestra.prompting.observed import EXPOSED, RESULT

from .conftest import Made

UNITS = [f"unit {n}" for n in range(300)]


def test_it_assigns_only_while_it_runs(made: Made) -> None:
    """Before and after, one arm answers everybody and nothing counts."""
    experiment = made()
    assert {experiment.assign(unit).arm for unit in UNITS} == {"old"}
    assert "not been started" in experiment.assign("ada").reason
    experiment.start()
    assert {experiment.assign(unit).arm for unit in UNITS} == {"old", "new"}
    assert all(experiment.assign(unit).counts for unit in UNITS)
    experiment.stop("new").result()
    experiment.refresh()
    assert {experiment.assign(unit).arm for unit in UNITS} == {"new"}
    assert not experiment.assign("ada").counts


def test_every_process_assigns_alike_and_knows_its_state(made: Made) -> None:
    """The start of one is the start of all; so is the end."""
    here, there = made(), made(seed=1)
    here.start().result()
    there.refresh()
    assert [here.assign(unit).arm for unit in UNITS] == [there.assign(unit).arm for unit in UNITS]
    there.stop().result()
    here.refresh()
    assert here.assign("ada").reason == "experiment 'tone' is over: stopped by hand"


def test_it_runs_once(made: Made) -> None:
    """A second start changes nothing, one after its end neither: a test is not repeated until it wins."""
    experiment = made()
    first, again = experiment.start().result(), made().start().result()
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (first.fresh, again.fresh) == (True, False)
    experiment.stop().result()
    made().start().result()
    assert experiment.read().stopped is not None


def test_the_share_that_takes_part_grows_and_moves_nobody(made: Made) -> None:
    """Who was in keeps the arm; who is not gets the first one and does not count."""
    small, large = made(share=0.2), made(share=0.7)
    small.start().result()
    large.refresh()
    before = {unit: small.assign(unit) for unit in UNITS}
    after = {unit: large.assign(unit) for unit in UNITS}
    part = [unit for unit in UNITS if before[unit].counts]
    assert 30 < len(part) < 90
    assert all(after[unit].counts and after[unit].arm == before[unit].arm for unit in part)
    assert all(before[unit].arm == "old" for unit in UNITS if unit not in part)


@pytest.mark.parametrize("assign", ["random", "round_robin", "top_two"])
def test_without_a_unit_each_request_is_assigned_anew(made: Made, assign: str) -> None:
    """By chance, or in turn; a unit that is given keeps its arm all the same."""
    experiment = made(arms=["a", "b", "c"], assign=assign)
    experiment.start()
    arms = [experiment.assign().arm for _ in range(300)]
    counts = Counter(arms)
    assert min(counts.values()) > 60
    if assign == "round_robin":
        assert set(counts.values()) == {100}
        assert arms[:3] == arms[3:6]
    assert len({experiment.assign("ada").arm for _ in range(20)}) == 1


def test_top_two_prefers_the_arms_that_may_be_the_best(made: Made) -> None:
    """Of three arms the bad one gets few, and is not forgotten."""
    experiment = made(arms=["a", "b", "c"], assign="top_two")
    experiment.start()
    for n in range(90):
        for arm, rate in (("a", 0.3), ("b", 0.7), ("c", 0.75)):
            experiment.record(arm, success=(n * 7919 % 90) / 90 < rate)
    experiment.read()
    counts = Counter(experiment.assign().arm for _ in range(1000))
    assert 10 < counts["a"] < 120
    assert min(counts["b"], counts["c"]) > 300


def test_an_exposure_is_noted_once_for_each_unit(made: Made) -> None:
    """However often, and in however many processes, it was seen; whose it was is not written down."""
    here, there = made(), made()
    for experiment in (here, there, here):
        for unit in ("ada", "bob"):
            experiment.expose("new", unit)
    events = here.ledger.events(EXPOSED)
    there.ledger.flush()
    assert len(here.ledger.events(EXPOSED)) == 2
    assert not any("ada" in event.key for event in events)
    assert here.read().exposed.keys() == {event.key.removeprefix("tone/") for event in events}


def test_what_was_recorded_here_is_known_at_once(made: Made) -> None:
    """Without waiting; what others recorded is known when it was read. An id that is there changes nothing."""
    here, there = made(), made()
    here.start()
    there.record("new", 0.9).result()
    here.record("old", 0.5, id="first")
    here.record("old", 0.7, id="first")
    assert [result.value for result in here.seen().results.values()] == [0.5]
    assert sorted(result.value for result in here.read().results.values()) == [0.5, 0.9]
    assert sorted(result.value for result in here.seen().results.values()) == [0.5, 0.9]


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("no arm 'newer'; there are: old, new", {"arm": "newer", "score": 1.0}),
        ("finite number", {"arm": "new", "score": float("nan")}),
        ("a score is a finite number, not 'x'", {"arm": "new", "score": "x"}),
        ("a success is True or False, not 'yes'", {"arm": "new", "success": "yes"}),
        ("a score, or whether it was a success", {"arm": "new"}),
    ],
)
def test_a_result_that_is_none_is_refused(made: Made, said: str, about: dict[str, object]) -> None:
    """Before it is written."""
    experiment = made()
    with pytest.raises(ConfigError, match=said):
        experiment.record(**about)  # type: ignore[arg-type]
    assert not experiment.ledger.events(RESULT)


def test_an_experiment_that_was_not_started_says_how_to_start_it(made: Made) -> None:
    """Instead of an analysis of nothing."""
    with pytest.raises(ConfigError, match="orchestra experiment start tone"):
        made().analysis()


@pytest.mark.parametrize(("on_winner", "serves"), [("promote", "new"), ("stop", "old")])
def test_it_ends_by_itself_at_a_winner(made: Made, on_winner: str, serves: str) -> None:
    """The winner answers everybody, or the first arm again; one process decides, all follow."""
    here, there = made(on_winner=on_winner), made()
    here.start().result()
    for n in range(120):
        here.record("old", success=n % 3 == 0)
        here.record("new", success=n % 10 != 0)
    here.read()
    here.assign("ada")
    _until(lambda: there.read().stopped is not None)
    there.refresh()
    assert there.assign("ada").arm == serves
    assert "new won" in there.assign("ada").reason


def test_it_rolls_back_when_an_arm_harms(made: Made) -> None:
    """A new arm that is worse than the first is taken away, before its least time is over."""
    experiment = made(on_harm="rollback", min_run_s=86_400)
    experiment.start().result()
    for n in range(120):
        experiment.record("old", success=n % 10 != 0)
        experiment.record("new", success=n % 3 == 0)
    experiment.read()
    experiment.assign("ada")
    _until(lambda: experiment.read().stopped is not None)
    stopped = experiment.read().stopped
    assert stopped is not None
    assert (stopped.serve, stopped.reason) == ("old", "rolled back: new harmed")


async def test_the_sync_calls_do_not_wait_in_async_code(made: Made) -> None:
    """They queue and return while the ledger is busy; what was written is there when it is awaited."""
    experiment = made()
    started = asyncio.get_running_loop().time()
    futures = [experiment.record("new", 1.0) for _ in range(500)]
    experiment.start()
    assert len(experiment.seen().results) == 500
    assert asyncio.get_running_loop().time() - started < 5
    await asyncio.gather(*map(asyncio.wrap_future, futures))
    assert len(await asyncio.to_thread(lambda: made().read().results)) == 500


PROCESS = """
import sys, threading
from pathlib import Path
from orchestra.ledger import Ledger
from orchestra.prompting import Experiment
from orchestra.settings.experiments import ExperimentSpec

ledger = Ledger(Path(sys.argv[1]), durability="process", patience_s=120)
experiment = Experiment("tone", ExperimentSpec(arms=["old", "new"], min_run_s=0), ledger)

def record(n):
    unit = f"unit {n}"
    arm = experiment.assign(unit).arm
    experiment.expose(arm, unit)
    experiment.record(arm, n / 1000, unit=unit, id=f"{sys.argv[2]} {n}")

experiment.start()
threads = [threading.Thread(target=record, args=(n,)) for n in range(1000)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ledger.close()
"""


def test_two_processes_of_a_thousand_threads_lose_nothing(tmp_path: Path) -> None:
    """Each result is there once, each unit was exposed once, and both came to the same arms."""
    place = tmp_path / "ledger.db"
    running = [subprocess.Popen([sys.executable, "-c", PROCESS, str(place), name]) for name in ("a", "b")]
    assert [process.wait(120) for process in running] == [0, 0]
    ledger = Ledger(place)
    results, exposures = ledger.events(RESULT), ledger.events(EXPOSED)
    assert {event.key for event in results} == {f"tone/{name} {n}" for name in "ab" for n in range(1000)}
    assert len(results) == 2000
    assert len(exposures) == 1000
    arms = {event.payload["unit"]: event.payload["arm"] for event in results}
    assert all(arms[event.payload["unit"]] == event.payload["arm"] for event in results)
    assert not ledger.audit()
    ledger.close()


def _until(holds: object) -> None:
    for _ in range(500):
        if holds():  # type: ignore[operator]
            return
        time.sleep(0.01)
    raise AssertionError("it never came")
