"""What the nodes of one client share and change: cool-downs, limit, ledger, caches, the clock, the local model."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from orchestra.ledger import Folded, Ledger
from orchestra.local import LocalServer
from orchestra.prompting import Experiment, Library
from orchestra.resilience.cooldown import Cooldowns
from orchestra.resilience.limit import RateLimit
from orchestra.resilience.load import Load
from orchestra.resilience.store import Store
from orchestra.routing.measured import KINDS, Measured, fold
from orchestra.settings.experiments import ExperimentSpec

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Runtime:
    """The services of one client; a test gives its own clock, sleep and chance."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time  # noqa: TID251  # this is the clock that others take
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Callable[[float, float], float] = random.uniform
    cooldowns: Cooldowns = field(default_factory=Cooldowns)
    load: Load = field(default_factory=Load)
    limit: RateLimit | None = None
    ledger: Ledger | None = None
    """Where calls are booked; `None`: where the settings say."""
    prompts: Library | None = None
    """Where prompts come from; `None`: where the settings say."""
    local: LocalServer = field(default_factory=LocalServer)
    warned: set[str] = field(default_factory=set)
    """The retired models that a warning was already given for."""
    stores: dict[tuple[Path, int], Store] = field(default_factory=dict)
    """The caches, by folder and size in bytes."""
    experiments: dict[str, Experiment] = field(default_factory=dict)
    measured: Measured | None = None
    """What is known of the models; `None`: what the books say, as they go on."""
    _figures: Folded[Measured] | None = None
    _folded: dict[Callable[[Ledger], Folded[Any]], Folded[Any]] = field(default_factory=dict)

    def store(self, directory: Path, size_bytes: int) -> Store:
        """The cache in a folder, one for all the nodes that keep answers there."""
        return self.stores.setdefault((directory, size_bytes), Store(directory, size_bytes, self.clock))

    def experiment(self, name: str, spec: ExperimentSpec) -> Experiment:
        """The experiment of that name, one for all the nodes that are part of it."""
        assert self.ledger is not None
        made = Experiment(name, spec, self.ledger, clock=self.clock, wall=self.wall)
        return self.experiments.setdefault(name, made)

    def figures(self) -> Measured:
        """What is known of the models now."""
        if self.measured is not None:
            return self.measured
        if self._figures is None:
            assert self.ledger is not None
            self._figures = Folded(self.ledger, fold, Measured(), kinds=KINDS, entries=True, clock=self.clock)
        return self._figures.value

    def folded(self, of: Callable[[Ledger], Folded[T]]) -> Folded[T]:
        """What `of` folds from the ledger, one for all the nodes that ask for it."""
        assert self.ledger is not None
        if of not in self._folded:
            self._folded[of] = of(self.ledger)
        return self._folded[of]

    def close(self) -> None:
        """Stop what was started."""
        self.local.close()
        if self.ledger is not None:
            self.ledger.close()
        for store in self.stores.values():
            store.close()
