"""An experiment as it runs: who gets which arm, and what came of it; its state is the ledger's, for all processes."""

from __future__ import annotations

import hashlib
import itertools
import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from random import Random
from typing import Any

from orchestra.errors import ConfigError
from orchestra.ledger import Event, Folded, Ledger
from orchestra.ledger.ops import Result as Written
from orchestra.prompting.analysis import Analysis, analysed, values_of
from orchestra.prompting.assignment import Assigned, sticky, takes_part
from orchestra.prompting.observed import (
    ALL,
    EXPOSED,
    RESULT,
    RUNS,
    STARTED,
    STOPPED,
    Observed,
    Seen,
    fold,
    spec_payload,
)
from orchestra.prompting.sequences import Moments
from orchestra.prompting.top_two import top_two
from orchestra.settings.experiments import ExperimentSpec
from orchestra.types import new_id

REMEMBERED = 100_000
"""How many exposures, and results not yet read back, a process keeps in mind; the ledger keeps all, each once."""


class Experiment:
    """One experiment of a ledger; safe to share between tasks and threads.

    `spec` declares it; whoever starts it first, in any process, decides what it is. It runs once: to test again, give
    the test another name. Nothing waits for the ledger but what says so; what it knows may be `every_s` seconds old.
    `calls` says whether costs, times and scores of calls count too, beside what is recorded here.
    """

    def __init__(
        self,
        name: str,
        spec: ExperimentSpec,
        ledger: Ledger,
        *,
        calls: bool = True,
        every_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,  # noqa: TID251  # this is the clock that others take
        chance: Random | None = None,
    ) -> None:
        if not name or "," in name:
            raise ConfigError(f"{name!r} is no name of an experiment: it is empty or has a comma")
        self.name, self.spec, self.ledger = name, spec, ledger
        self._wall, self._chance = wall, chance or Random()
        self._runs: Folded[Seen] = Folded(ledger, fold, {}, kinds=RUNS, every_s=every_s, clock=clock)
        self._all: Folded[Seen] = Folded(ledger, fold, {}, kinds=ALL, entries=calls, every_s=every_s, clock=clock)
        self._own: dict[str, Event] = {}
        self._turn = itertools.count(self._chance.randrange(len(spec.arms)))
        self._began, self._known = False, False
        self._exposed: set[str] = set()
        self._judged: Observed | None = None
        self._believed: tuple[Observed | None, Mapping[str, Moments]] = (None, {})
        self._lock, self._first = threading.Lock(), threading.Lock()

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}, arms={list(self.spec.arms)})"

    @property
    def by_unit(self) -> bool:
        """Who is assigned is a matter of the unit alone, not of its turn or of what is known of the arms."""
        return self.spec.assign in ("sticky", "random")

    @property
    def known(self) -> bool:
        """Whether it runs was read, or could not be, at least once."""
        return self._known

    @property
    def runs(self) -> bool:
        """It was started, and not stopped, as far as is known without waiting."""
        seen = self._runs.value.get(self.name) or Observed()
        return seen.stopped is None and (self._began or seen.started_at is not None)

    def start(self) -> Future[Written]:
        """Begin; does nothing where it has begun. Queued; the future is done when it is durable."""
        self._began = True
        return self._append(STARTED, self.name, spec_payload(self.spec))

    def stop(self, serve: str | None = None, reason: str = "stopped by hand") -> Future[Written]:
        """End it; from then on `serve` (`None`: the first arm) answers everybody. Queued."""
        arm = self._arm(serve or self.spec.control)
        return self.ledger.event(STOPPED, self.name, {"serve": arm, "reason": reason})

    def read(self) -> Observed:
        """What is known up to the newest commit; waits for it. Raises `LedgerError`."""
        self._all.read()
        return self.seen()

    def seen(self) -> Observed:
        """What is known without waiting, everything that was recorded here and is not read back yet included."""
        with self._lock:
            known = self._all.value.get(self.name) or Observed()
            for key in [key for key in self._own if key in known.results or (key == self.name and known.spec)]:
                del self._own[key]
            late = list(self._own.values())
        return fold({self.name: known}, late, ()).get(self.name, known)

    def analysis(self) -> Analysis:
        """What it says up to now; waits for the ledger. Raises `ConfigError` where it was not started."""
        return self.analysed(self.read())

    def analysed(self, seen: Observed) -> Analysis:
        """What it says in the light of what was seen."""
        if seen.spec is None:
            raise ConfigError(
                f"experiment {self.name!r} was not started; 'orchestra experiment start {self.name}' does"
            )
        return analysed(seen, self._wall())

    def refresh(self) -> None:
        """Learn whether it runs; waits for the ledger. Raises `LedgerError`."""
        try:
            self._runs.read()
        finally:
            self._known = True

    def learn(self) -> None:
        """`refresh`, once: whoever comes while the ledger is first read waits for that reading."""
        with self._first:
            if not self._known:
                self.refresh()

    def assign(self, unit: str | None = None) -> Assigned:
        """The arm of a unit, always the same one; without a unit, as `assign` of its declaration says."""
        seen = self._runs.value.get(self.name) or Observed()
        if seen.stopped is not None:
            return Assigned(seen.stopped.serve, f"experiment {self.name!r} is over: {seen.stopped.reason}", False)
        if seen.started_at is None and not self._began:
            return Assigned(self.spec.control, f"experiment {self.name!r} has not been started", False)
        if self.spec.automatic:
            self._watch(self._all.value.get(self.name))
        salt, who = self.name, new_id() if unit is None else unit
        if not takes_part(salt, who, self.spec.share):
            said = f"not among the {self.spec.share:.0%} that take part in experiment {self.name!r}"
            return Assigned(self.spec.control, said, False)
        if unit is not None or self.by_unit:
            arm = sticky(salt, who, self.spec.shares)
        elif self.spec.assign == "round_robin":
            with self._lock:
                arm = list(self.spec.arms)[next(self._turn) % len(self.spec.arms)]
        else:
            arm = top_two(self._beliefs(self._all.value.get(self.name)), self._chance)
        return Assigned(arm, f"experiment {self.name!r}, {'by unit' if unit is not None else self.spec.assign}", True)

    def expose(self, arm: str, unit: str) -> Future[Written] | None:
        """Note that a unit got an arm, once for each unit; `None` where this process has noted it. Queued."""
        key = hashlib.sha256(unit.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        with self._lock:
            if key in self._exposed:
                return None
            if len(self._exposed) >= REMEMBERED:
                self._exposed.clear()
            self._exposed.add(key)
        payload = {"experiment": self.name, "arm": arm, "unit": key}
        return self.ledger.event(EXPOSED, f"{self.name}/{key}", payload)

    def record(
        self,
        arm: str,
        score: float | None = None,
        success: bool | None = None,
        *,
        unit: str | None = None,
        pair: str | None = None,
        id: str | None = None,
    ) -> Future[Written]:
        """What an arm came to: a score, higher being better, or where there is none a success or a failure. Queued.

        `unit` is whom it was for: of several results for one, the mean counts. `pair` names the input, where other arms
        are given the same one. A result with an `id` that is there changes nothing.
        """
        if score is None and success is None:
            raise ConfigError("a result is a score, or whether it was a success; give one of them")
        if score is not None and not _finite(score):
            raise ConfigError(f"a score is a finite number, not {score!r}")
        if success not in (None, True, False):
            raise ConfigError(f"a success is True or False, not {success!r}")
        key = f"{self.name}/{id or new_id()}"
        about = {"experiment": self.name, "arm": self._arm(arm), "unit": unit or key, "pair": pair}
        return self._append(RESULT, key, {**about, "score": score, "success": success})

    def _arm(self, arm: str) -> str:
        if arm not in self.spec.arms:
            raise ConfigError(f"experiment {self.name!r} has no arm {arm!r}; there are: {', '.join(self.spec.arms)}")
        return arm

    def _append(self, kind: str, key: str, payload: dict[str, Any]) -> Future[Written]:
        """Queue an event, and count it in what is known here from now on."""
        with self._lock:
            if len(self._own) >= REMEMBERED:
                self._own.clear()
            self._own.setdefault(key, Event(kind=kind, key=key, payload=payload, at=self._wall()))
        return self.ledger.event(kind, key, payload)

    def _beliefs(self, seen: Observed | None) -> Mapping[str, Moments]:
        """What is known of each arm's values, reckoned once for each state that is read."""
        of, believed = self._believed
        if seen is None or of is not seen:
            values = {} if seen is None else values_of(seen)
            believed = {arm: Moments.of(values.get(arm, {}).values()) for arm in self.spec.arms}
            self._believed = seen, believed
        return believed

    def _watch(self, seen: Observed | None) -> None:
        """Look, on a thread of its own, whether it should end; once for each state that is read."""
        if seen is None or not seen.runs:
            return
        with self._lock:
            new, self._judged = seen is not self._judged, seen
        if new:
            threading.Thread(target=self._judge, args=(seen,), name="orchestra-experiment", daemon=True).start()

    def _judge(self, seen: Observed) -> None:
        found = analysed(seen, self._wall())
        if found.harmful and self.spec.on_harm == "rollback":
            self.stop(reason=f"rolled back: {', '.join(found.harmful)} harmed")
        elif found.winner is not None and self.spec.on_winner != "report":
            promoted = self.spec.on_winner == "promote"
            self.stop(found.winner if promoted else None, f"{found.winner} won")


def _finite(score: object) -> bool:
    return isinstance(score, int | float) and math.isfinite(score)
