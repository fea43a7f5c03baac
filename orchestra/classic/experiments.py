"""The spec's A/B test of prompt versions, over the ledger."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Literal, Self

from orchestra.accounts import ledger_of
from orchestra.errors import ConfigError
from orchestra.ledger import Ledger
from orchestra.ledger.ops import Result as Written
from orchestra.prompting import Analysis, Experiment
from orchestra.prompting.observed import Observed
from orchestra.settings.experiments import ExperimentSpec
from orchestra.settings.money import LedgerSpec
from orchestra.types import new_id


class PromptABTest:
    """Which version of a prompt is best; results are shared by all processes that test the same versions.

    `name` keeps tests of the same versions apart. `assign` says how `get_variant` chooses where no unit is given.
    `alpha` is how often a winner may be called where there is none, however often one asks. `ledger` is where results
    are kept; `None`: where the settings of this machine say. Raises `ConfigError` for fewer than two variants.
    """

    def __init__(
        self,
        template_id: str,
        variants: Sequence[int],
        *,
        name: str | None = None,
        assign: Literal["random", "round_robin", "top_two"] = "random",
        alpha: float = 0.05,
        ledger: Ledger | None = None,
    ) -> None:
        self.template_id = template_id
        self.variants = list(variants)
        if len(self.variants) < 2 or len(set(self.variants)) < len(self.variants):
            raise ConfigError(f"a test has two variants or more, each once, not {self.variants}")
        name = name or f"{template_id} {'/'.join(map(str, self.variants))}"
        spec = ExperimentSpec(
            arms=dict.fromkeys(map(str, self.variants)), assign=assign, metric="score", alpha=alpha, min_run_s=0
        )
        self.experiment = Experiment(name, spec, ledger or ledger_of(LedgerSpec()), calls=False)
        self._own, self._started = ledger is None, False
        self._lock = threading.Lock()

    @property
    def results(self) -> dict[int, list[dict[str, Any]]]:
        """What was tracked of each variant, as `success` and `score`."""
        found: dict[int, list[dict[str, Any]]] = {variant: [] for variant in self.variants}
        for result in self._seen().results.values():
            found[self._variant(result.arm)].append({"success": result.success, "score": result.score})
        return found

    def get_variant(self, unit: str | None = None) -> int:
        """The variant to use: of a `unit` (a user, a session) always the same, else by chance or in turn."""
        return self._chosen(unit)[0]

    def track_result(
        self,
        variant: int,
        success: bool,
        score: float | None = None,
        *,
        unit: str | None = None,
        pair: str | None = None,
        id: str | None = None,
    ) -> None:
        """Keep what a variant came to: its score, higher being better, or where there is none its success. Queued.

        Several results for one `unit` count as one, their mean. `pair` names the input: variants that were given the
        same ones are compared input by input, which takes fewer results. A second result with an `id` changes nothing.
        """
        self._begun()
        self.experiment.record(str(variant), score, success, unit=unit, pair=pair, id=id)

    def get_winner(self) -> int | None:
        """The variant that is better than all others; `None` where that is not known yet, and `analysis` says why."""
        winner = self.analysis().winner
        return None if winner is None else self._variant(winner)

    def analysis(self) -> Analysis:
        """What is known of the variants; `said` has it in words: how many results lack, and what is excluded."""
        self._begun()
        return self.experiment.analysed(self._seen())

    async def get_variant_durably(self, unit: str | None = None) -> int:
        """`get_variant`; returns when it is durable who got it."""
        variant, written = self._chosen(unit)
        if written is not None:
            await asyncio.wrap_future(written)
        return variant

    async def track_result_durably(self, variant: int, success: bool, score: float | None = None, **about: Any) -> None:
        """`track_result`; returns when it is durable."""
        self._begun()
        await asyncio.wrap_future(self.experiment.record(str(variant), score, success, **about))

    async def get_winner_durably(self) -> int | None:
        """`get_winner`, of everything that any process has tracked up to now."""
        self._begun()
        seen = await asyncio.to_thread(self.experiment.read)
        winner = self.experiment.analysed(seen).winner
        return None if winner is None else self._variant(winner)

    def close(self) -> None:
        """Wait until everything is durable, and let go of a ledger that was not given."""
        if self._own:
            self.experiment.ledger.close()
        else:
            self.experiment.ledger.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _chosen(self, unit: str | None) -> tuple[int, Future[Written] | None]:
        self._begun()
        assigned = self.experiment.assign(unit)
        written = self.experiment.expose(assigned.arm, unit or new_id()) if assigned.counts else None
        return self._variant(assigned.arm), written

    def _begun(self) -> None:
        """Start the test at its first use; where it was stopped before, that is found out first."""
        with self._lock:
            if not self._started:
                self.experiment.start()
                self._started = True
        if not _in_async_code():
            self.experiment.learn()

    def _seen(self) -> Observed:
        return self.experiment.seen() if _in_async_code() else self.experiment.read()

    def _variant(self, arm: str) -> int:
        return next(variant for variant in self.variants if str(variant) == arm)


def _in_async_code() -> bool:
    """There is a running loop on this thread, which must not wait for the ledger."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
