"""A ledger of the test's own, and experiments on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from orchestra.ledger import Ledger
from orchestra.prompting import Experiment
from orchestra.settings.experiments import ExperimentSpec

Made = Callable[..., Experiment]


@pytest.fixture
def wall() -> list[float]:
    """The wall clock of the test, in seconds since the epoch."""
    return [1_800_000_000.0]


@pytest.fixture
def ledgers(tmp_path: Path, wall: list[float]) -> Iterator[Callable[[], Ledger]]:
    """Opens the same ledger again and again, as other processes would."""
    opened: list[Ledger] = []

    def another() -> Ledger:
        opened.append(Ledger(tmp_path / "ledger.db", durability="process", wall=lambda: wall[0]))
        return opened[-1]

    yield another
    for ledger in opened:
        ledger.close()


@pytest.fixture
def made(ledgers: Callable[[], Ledger], wall: list[float]) -> Made:
    """Declares an experiment of two arms that may be called at once, on a ledger of its own."""

    def make(name: str = "tone", seed: int = 0, **about: Any) -> Experiment:
        spec = ExperimentSpec(**{"arms": ["old", "new"], "min_run_s": 0, **about})
        return Experiment(name, spec, ledgers(), wall=lambda: wall[0], chance=Random(seed))

    return make
