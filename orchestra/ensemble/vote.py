"""Ask several for the same, and take what most of them say."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from orchestra.ensemble.answers import Answers
from orchestra.ensemble.ballot import Rules, needed
from orchestra.ensemble.poll import Poll
from orchestra.errors import BudgetExceeded, ConfigError, ModelError, NoModelAvailable
from orchestra.gather import Outcome, gather
from orchestra.types import Failure, Model, Request, Response

Stop = Literal["all", "decided"]
Launch = Literal["all", "staged"]
Otherwise = Literal["abstain", "best"]

Weigh = Callable[[Request, Sequence[str]], Sequence[int]]
"""The weights of members by name, for one request: integers ≥ 0, fixed before the first answer."""

Record = Callable[[Mapping[str, Any]], object]
"""Keeps a vote, as plain data, so that weights can be learned from it; never blocks."""


def equal(request: Request, names: Sequence[str]) -> Sequence[int]:
    """One vote each."""
    return [1] * len(names)


@dataclass(frozen=True, slots=True)
class Given:
    """Weights by name of the member; 1 for who has none."""

    weights: Mapping[str, int]

    def __call__(self, request: Request, names: Sequence[str]) -> Sequence[int]:
        return [self.weights.get(name, 1) for name in names]


@dataclass(frozen=True, slots=True)
class Vote:
    """Ask `models`, (name, model) pairs, `samples` times each, and answer what most of them say.

    Self-consistency (Wang et al. 2022), over models as over samples. Costs what those asked cost. `result` is `result`,
    `confidence` (the winner's share of the members named), `votes` and `agreed`; who lost or failed is in `sources`.
    Where the winner's share is below `min_agreement`, the `otherwise` (name, model) is asked, `"best"` is the answer of
    the member of the highest weight, `"abstain"` is none, and `None` the plurality's with `success=False`.

    `stop="decided"` closes the vote once neither the winner nor whether it is enough can change: the winner of the full
    vote, for less. With `launch="staged"`, its default, only as many are asked at first as can decide it, in the order
    in which they are listed, and more when they differ; with `"all"` all are, and the rest is cancelled, which saves
    time but no money. Raises `AllFailed` when nobody voted and nobody else can be asked.
    """

    models: tuple[tuple[str, Model], ...]
    answers: Answers = field(default_factory=Answers)
    min_agreement: float = 0.67
    otherwise: tuple[str, Model] | Otherwise | None = None
    stop: Stop = "all"
    launch: Launch | None = None
    samples: int = 1
    weigh: Weigh = equal
    record: Record | None = field(default=None, repr=False, compare=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    def __post_init__(self) -> None:
        voters = len(self.models) * self.samples
        if voters < 2:
            raise ConfigError(f"a vote needs at least 2 voters, not {voters}: name more models, or samples of one")
        if not 0 <= self.min_agreement <= 1:
            raise ConfigError(f"min_agreement is a share from 0 to 1, not {self.min_agreement!r}")
        if self.launch == "staged" and self.stop == "all":
            raise ConfigError("launch 'staged' asks only as many as decide: it needs stop='decided'")

    async def __call__(self, request: Request) -> Response:
        begun = self.clock()
        poll = self._poll(request)
        staged = self.stop == "decided" and self.launch != "all"
        while left := poll.left:
            wave = left[: needed(poll.rules, poll.keys, left)] if staged else left
            await self._asked(poll, wave, request)
            if self.stop == "decided" and self._over(poll):
                break
        response = await self._response(poll, request)
        if self.record is not None:
            self.record(poll.ballot(request))
        return replace(response, latency_s=self.clock() - begun)

    def _poll(self, request: Request) -> Poll:
        members = [
            (name if self.samples == 1 else f"{name}#{n + 1}", _sampled(model, self.samples, n))
            for name, model in self.models
            for n in range(self.samples)
        ]
        weights = [w for w in self.weigh(request, [name for name, _ in self.models]) for _ in range(self.samples)]
        if len(weights) != len(members) or min(weights) < 0 or not any(weights):
            raise ConfigError(f"weights are integers ≥ 0, one for each member and not all 0; not {weights}")
        return Poll(members, self.answers.of(request), Rules(tuple(weights), self.min_agreement), self.stop == "all")

    async def _asked(self, poll: Poll, wave: Sequence[int], request: Request) -> None:
        def put(n: int, outcome: Outcome) -> bool:
            poll.put(wave[n], outcome)
            return self.stop == "decided" and self._over(poll)

        first = not any(poll.outcomes)
        try:
            await gather([poll.members[n] for n in wave], request, on_done=put, clock=self.clock)
        except BudgetExceeded as error:
            if first:
                raise
            for n in wave:  # there is no room to ask more: those who voted decide
                poll.put(n, Failure(name=poll.members[n][0], error=error))
        poll.asked.update(wave)

    def _over(self, poll: Poll) -> bool:
        """Nothing that the others could say would change what is answered."""
        another = self.otherwise is not None and self.otherwise != "best"
        if another and any(poll.said) and poll.rules.hopeless(poll.keys, poll.open):
            return True
        count = poll.rules.decided(poll.keys, poll.open)
        return count is not None and (count.agreed or self.otherwise != "best" or poll.best_heard)

    async def _response(self, poll: Poll, request: Request) -> Response:
        count = poll.rules.decided(poll.keys, poll.open) or poll.rules.count(poll.keys)
        if count is not None and count.agreed:
            return poll.response(count)
        if isinstance(self.otherwise, tuple):
            name, model = self.otherwise
            try:
                other = await model(request.at(name))
            except (ModelError, NoModelAvailable, BudgetExceeded) as error:
                if count is None or request.started:
                    raise
                return poll.response(count, failed=Failure(name=name, error=error))
            return poll.by_another(other, name)
        if count is None:
            raise poll.failure()
        match self.otherwise:
            case "abstain":
                return poll.abstained()
            case "best":
                return poll.response(count, poll.best())
            case _:
                return poll.response(count)


def _sampled(model: Model, samples: int, n: int) -> Model:
    if samples == 1:
        return model

    async def sampled(request: Request) -> Response:
        return await model(replace(request, sample=request.sample * samples + n))

    return sampled
