"""Ask many at once, with their money held as one; cancel the rest on a stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from orchestra.errors import BudgetExceeded, LedgerError, ModelError, NoModelAvailable
from orchestra.types import Attempt, Budgets, Failure, Hold, Model, Request, Response, Want

Outcome = Response | Failure
"""What became of a member that was asked: it answered, or it failed."""


async def gather(
    members: Sequence[tuple[str, Model]],
    request: Request,
    *,
    on_done: Callable[[int, Outcome], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Outcome | None]:
    """Ask `members`, (name, model) pairs, at once; what became of each, in their order.

    `on_done` is told the position and the outcome of each as it comes; once it returns True the members still at work
    are cancelled, and theirs is `None`. Nothing is streamed, and nothing runs on when this returns or raises.

    What the first calls of all members may cost is held together or not at all: raises `BudgetExceeded` before anything
    was sent. A member that fails later, for want of money too, is a `Failure`; any other error cancels the rest and is
    raised.
    """
    meeting = _Meeting(request.budgets, len(members))
    outcomes: list[Outcome | None] = [None] * len(members)
    tasks: list[asyncio.Task[None]] = []

    async def asked(n: int, name: str, model: Model) -> None:
        place, begun = meeting.places[n], clock()
        try:
            outcome: Outcome = await model(replace(request.at(name), budgets=place, sink=None, tentative=True))
        except (ModelError, NoModelAvailable, BudgetExceeded) as error:
            if isinstance(error, BudgetExceeded) and place.expected:
                raise  # the whole was refused: nobody goes on without this one
            outcome = Failure(name=name, error=error, latency_s=clock() - begun)
        except asyncio.CancelledError:
            place.leave()
            raise
        outcomes[n] = outcome
        place.leave()
        request.tell(name, outcome)
        if on_done is not None and on_done(n, outcome):
            for task in tasks[:n] + tasks[n + 1 :]:
                task.cancel()

    broken: BaseException | None = None
    async with asyncio.TaskGroup() as money:
        holding = money.create_task(meeting.held())
        try:
            async with asyncio.TaskGroup() as group:
                tasks += [group.create_task(asked(n, *member)) for n, member in enumerate(members)]
        except BaseExceptionGroup as several:
            broken = several.exceptions[0]
        finally:
            holding.cancel()
    if broken is not None:
        raise broken
    return outcomes


@dataclass(frozen=True, slots=True, eq=False)
class _Wait:
    place: _Place
    wants: Sequence[Want]
    granted: asyncio.Future[Sequence[Hold]]


def _refuse(together: Sequence[_Wait], error: Exception) -> None:
    for one in together:
        if not one.granted.done():
            one.granted.set_exception(error)


class _Meeting:
    """Where the first reservations of all members come together, to be granted at once or all refused.

    One that was refused may come again with less; what a member reserves once it was granted goes straight through.
    """

    def __init__(self, budgets: Budgets, members: int) -> None:
        self.budgets = budgets
        self.places = [_Place(self) for _ in range(members)]
        self.expected = set(self.places)
        self.waiting: list[_Wait] = []
        self.rounds: asyncio.Queue[list[_Wait]] = asyncio.Queue()
        self.passed_on = False

    def meet(self) -> None:
        """Begin a round once everybody is there; where nobody wants money, those who wait for us are to know."""
        self.waiting = [one for one in self.waiting if not one.granted.done()]
        if self.expected <= {one.place for one in self.waiting} and (self.waiting or not self.passed_on):
            self.passed_on = True
            self.rounds.put_nowait(self.waiting)
            self.waiting = []

    async def held(self) -> None:
        """Hold the money of one round after another, until cancelled."""
        while True:
            together = await self.rounds.get()
            try:
                holds = list(await self.budgets.reserve([want for one in together for want in one.wants]))
            except asyncio.CancelledError:
                _refuse(together, LedgerError("the reservation was cancelled before it was answered"))
                raise
            except Exception as refused:  # noqa: BLE001  # whatever it is, those who wait raise it
                self.passed_on = False
                _refuse(together, refused)
                continue
            for one in together:
                own, holds = holds[: len(one.wants)], holds[len(one.wants) :]
                if one.granted.done():  # cancelled while it waited
                    _release(own)
                else:
                    self.expected.discard(one.place)
                    one.granted.set_result(own)
            self.meet()


class _Place:
    """One member's way to the money."""

    def __init__(self, meeting: _Meeting) -> None:
        self._meeting = meeting

    @property
    def bounded(self) -> bool:
        return self._meeting.budgets.bounded

    @property
    def expected(self) -> bool:
        """The others wait for what this one reserves."""
        return self in self._meeting.expected

    async def reserve(self, wants: Sequence[Want]) -> Sequence[Hold]:
        if not self.expected:
            return await self._meeting.budgets.reserve(wants)
        if not wants:
            self.leave()
            return ()
        granted: asyncio.Future[Sequence[Hold]] = asyncio.get_running_loop().create_future()
        self._meeting.waiting.append(_Wait(self, wants, granted))
        self._meeting.meet()
        try:
            return await granted
        except asyncio.CancelledError:
            if not granted.cancelled() and granted.exception() is None:
                _release(granted.result())
            raise

    def note(self, attempt: Attempt) -> None:
        self._meeting.budgets.note(attempt)

    def leave(self) -> None:
        """The others need not wait for this one."""
        self._meeting.expected.discard(self)
        self._meeting.meet()


def _release(holds: Sequence[Hold]) -> None:
    for hold in holds:
        hold.release()
