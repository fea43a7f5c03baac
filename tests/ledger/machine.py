"""A hypothesis machine that drives an engine and a model of it side by side."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestra.errors import LedgerClock
from orchestra.ledger import Alert, Ask, Budget, Claim, Granted, Refused, usd
from orchestra.ledger.maintenance import done
from orchestra.ledger.ops import Beat, Book, Done, Op, Reserve, Result
from orchestra.ledger.query import Session
from orchestra.ledger.reading import audit
from orchestra.ledger.schema import SQLITE_MIGRATIONS
from orchestra.ledger.sqlite import SqliteSession, _statements
from orchestra.ledger.store import Store
from orchestra.types import Attempt, Basis, Usage

from .model import DAY, HOUR, LEASE, Model
from .support import NOON

OWNERS = ("ann", "ben")
MODELS = ("a/x", "b/y")
BUDGETS = {"daily": "", "small": "a/x", "total": "", "late": "b/y"}


class Applies(Protocol):
    """What the machine needs of an engine."""

    def apply(self, ops: Sequence[Op]) -> list[Result]: ...

    def reading(self) -> AbstractContextManager[Session]: ...

    def close(self) -> None: ...


class Memory:
    """The tables in memory, shared by all owners: fast enough for thousands of steps."""

    def __init__(self, connection: sqlite3.Connection, owner: str, wall: Callable[[], float]) -> None:
        self.connection, self.store = connection, Store(owner, wall)

    def apply(self, ops: Sequence[Op]) -> list[Result]:
        self.connection.execute("BEGIN")
        try:
            return done(SqliteSession(self.connection), self.store, ops)[0]
        finally:
            if self.connection.in_transaction:
                self.connection.execute("COMMIT")

    def reading(self) -> AbstractContextManager[Session]:
        return nullcontext(SqliteSession(self.connection))

    def close(self) -> None:
        """Keep what is in memory."""


def memory() -> Callable[[str, Callable[[], float]], Applies]:
    """Engines over one fresh database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in SQLITE_MIGRATIONS:
        for statement in _statements(script):
            connection.execute(statement)
    return lambda owner, wall: Memory(connection, owner, wall)


@dataclass(frozen=True)
class Asked:
    owner: str
    ask: Ask
    budgets: tuple[str, ...]


owners = st.sampled_from(OWNERS)
models = st.sampled_from(MODELS)
amounts = st.integers(1, 12).map(lambda n: n * 10)
percents = st.sampled_from([0, 30, 100, 100, 130, 150])
calls = st.lists(st.tuples(amounts, models), min_size=1, max_size=2)
picks = st.integers(0, 50)
names = st.sampled_from(list(BUDGETS))


class LedgerMachine(RuleBasedStateMachine):
    """Two processes on one ledger, with clocks that jump, processes that die, and a policy that changes."""

    factory: Callable[[], Callable[[str, Callable[[], float]], Applies]] = staticmethod(memory)

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(NOON, matching=BUDGETS)
        self.make = self.factory()
        self.engines = self._engines()
        self.asked: list[Asked] = []
        self.names = 0
        self.told: list[tuple[str, int, str]] = []

    def _engines(self) -> dict[str, Applies]:
        return {owner: self.make(owner, lambda: self.model.wall) for owner in OWNERS}

    def teardown(self) -> None:
        for engine in self.engines.values():
            engine.close()

    # What is sent to the engine.

    def _apply(self, owner: str, *ops: Op) -> list[Result]:
        results = self.engines[owner].apply(ops)
        notices = [notice for result in results for notice in getattr(result, "notices", ())]
        self.told += [_alert(notice) for notice in notices if isinstance(notice, Alert)]
        return results

    def _name(self) -> str:
        self.names += 1
        return f"c{self.names}"

    def _budgets(self, model: str) -> tuple[str, ...]:
        return tuple(name for name in self.model.limits if self.model.counts(name, model))

    def _claims(self, budgets: Sequence[str]) -> tuple[Claim, ...]:
        return tuple(Claim(self._budget(name), "", self.model.limits[name]) for name in budgets)

    def _budget(self, name: str) -> Budget:
        globs = (BUDGETS[name],) if BUDGETS[name] else ()
        per = "total" if name == "total" else "day"
        return Budget(name=name, limit_nano=self.model.limits[name], per=per, models=globs)  # type: ignore[arg-type]

    def _ask(self, owner: str, amount: int, model: str) -> Asked:
        budgets = self._budgets(model)
        ask = Ask(id=self._name(), amount=amount, claims=self._claims(budgets), model=model, provider="p")
        return Asked(owner, ask, budgets)

    def _attempt(self, id: str, model: str, cost: int | None, basis: Basis = "usage") -> Attempt:
        usage = Usage(cost=None if cost is None else usd(cost))
        return Attempt(id=id, path=(), call="chat", name=model, model=model, provider="p", usage=usage, basis=basis)

    def _reserving(self, owner: str, wanted: Sequence[tuple[int, str]]) -> tuple[Op, Callable[[Result], None]]:
        asked = [self._ask(owner, amount, model) for amount, model in wanted]
        expected = self.model.reserve(
            owner, [(each.ask.id, each.ask.amount, each.ask.model, list(each.budgets)) for each in asked]
        )
        if expected == "granted":
            self.asked += asked

        def check(result: Result) -> None:
            assert _name_of(result) == expected, f"{result} for {expected}"

        return Reserve(tuple(each.ask for each in asked)), check

    def _settling(self, pick: int, cost: int | None, basis: Basis = "usage") -> tuple[str, Op]:
        each = self.asked[pick % len(self.asked)]
        actual = each.ask.amount if cost is None and basis != "void" else cost
        self.model.settle(each.owner, each.ask.id, None if basis == "void" else actual)
        return each.owner, Book(self._attempt(each.ask.id, each.ask.model, cost, basis), cost)

    def _entering(self, owner: str, amount: int, model: str) -> Op:
        id, budgets = self._name(), self._budgets(model)
        self.model.unheld(owner, id, model, amount, list(budgets))
        return Book(self._attempt(id, model, amount), amount, claims=self._claims(budgets))

    def _percent(self, pick: int, percent: int) -> int:
        return self.asked[pick % len(self.asked)].ask.amount * percent // 100

    # What may happen.

    @initialize(limit=st.sampled_from([50, 100, 300]))
    def begin(self, limit: int) -> None:
        self.model.limits["daily"] = limit

    @rule(owner=owners, wanted=calls)
    def reserve(self, owner: str, wanted: list[tuple[int, str]]) -> None:
        op, check = self._reserving(owner, wanted)
        check(self._apply(owner, op)[0])

    @precondition(lambda self: self.asked)
    @rule(pick=picks)
    def reserve_the_same_again(self, pick: int) -> None:
        each = self.asked[pick % len(self.asked)]
        (result,) = self._apply(each.owner, Reserve((each.ask,)))
        assert isinstance(result, Granted)
        assert not result.fresh

    @precondition(lambda self: self.asked)
    @rule(pick=picks, percent=percents)
    def settle(self, pick: int, percent: int) -> None:
        owner, op = self._settling(pick, self._percent(pick, percent))
        self._apply(owner, op)

    @precondition(lambda self: self.asked)
    @rule(pick=picks, basis=st.sampled_from(["reserved", "void"]))
    def settle_without_knowing(self, pick: int, basis: Basis) -> None:
        owner, op = self._settling(pick, None, basis)
        self._apply(owner, op)

    @rule(owner=owners, amount=amounts, model=models)
    def enter_a_call_that_had_no_hold(self, owner: str, amount: int, model: str) -> None:
        self._apply(owner, self._entering(owner, amount, model))

    @rule(owner=owners, wanted=calls, amount=amounts, model=models, pick=picks, percent=percents, name=names)
    def do_several_things_in_one_batch(
        self, owner: str, wanted: list[tuple[int, str]], amount: int, model: str, pick: int, percent: int, name: str
    ) -> None:
        ops = [self._entering(owner, amount, model)]
        self.model.limits.setdefault(name, 100)
        first, first_check = self._reserving(owner, wanted)
        ops.append(first)
        if self.asked:
            ops.append(self._settling(pick, self._percent(pick, percent))[1])
        last, last_check = self._reserving(owner, [(amount, model)])
        results = self._apply(owner, *ops, last)
        first_check(results[1])
        last_check(results[-1])

    @rule(owner=owners, model=models, percent=percents)
    def take_what_is_left(self, owner: str, model: str, percent: int) -> None:
        windows = [self.model.peek(name) for name in self._budgets(model)]
        free = min((window.limit - window.spent - window.held for window in windows), default=50)
        for wanted in (free + 1, free):
            if wanted > 0:
                self.reserve(owner, [(wanted - wanted // 2, model), (wanted // 2, model)])

    @rule(seconds=st.sampled_from([1, 30, LEASE, LEASE + 1, DAY]), owner=owners)
    def be_silent(self, seconds: int, owner: str) -> None:
        self.model.wall += seconds
        self.model.beat(owner)
        (result,) = self._apply(owner, Beat())
        assert isinstance(result, Done)

    @rule(owner=owners, amount=amounts, model=models, percent=percents, days=st.sampled_from([0, 1]))
    def die_and_settle_late(self, owner: str, amount: int, model: str, percent: int, days: int) -> None:
        self.reserve(owner, [(amount, model)])
        self.be_silent(LEASE + 1 + days * DAY, OWNERS[1 - OWNERS.index(owner)])
        if self.asked:
            self.settle(len(self.asked) - 1, percent)

    @rule(seconds=st.sampled_from([-DAY, -HOUR - 1, -HOUR, -600, 5, HOUR, DAY]))
    def turn_the_clock(self, seconds: int) -> None:
        self.model.wall += seconds

    @rule(name=names, limit=st.sampled_from([20, 50, 100, 300, 1000]))
    def change_the_policy(self, name: str, limit: int) -> None:
        self.model.limits[name] = limit

    @rule()
    def reopen(self) -> None:
        self.teardown()
        self.engines = self._engines()

    # What must always hold.

    @invariant()
    def engine_and_model_agree(self) -> None:
        with self.engines["ann"].reading() as session:
            windows = session.read("SELECT budget, starts, spent, reserved, overrun FROM budget_window")
            holds = session.read("SELECT id, state FROM hold WHERE model <> ''")
            costs = session.read("SELECT id, MIN(made), MAX(made), CAST(SUM(amount) AS BIGINT) FROM entry GROUP BY id")
            assert audit(session) == []
        known = {key: (w.spent, w.held, w.overrun) for key, w in self.model.windows.items()}
        assert {(budget, starts): tuple(sums) for budget, starts, *sums in windows} == known
        states = {id: hold.state for id, hold in self.model.holds.items()}
        assert {id: state for id, state in holds if id in states} == states
        booked = {id: [made, made, cost] for id, (made, _, cost) in self.model.cost.items()}
        assert {id: call for id, *call in costs} == booked
        assert sorted(self.told) == sorted(self.model.alerts)

    @invariant()
    def no_window_passes_its_limit(self) -> None:
        for window in self.model.windows.values():
            assert window.spent + window.held <= window.cap + window.overrun


def _name_of(result: Result) -> str:
    match result:
        case Granted(fresh=True):
            return "granted"
        case Refused(busy=busy):
            return "busy" if busy else "exceeded"
        case LedgerClock():
            return "clock"
        case _:
            return repr(result)


def _alert(alert: Alert) -> tuple[str, int, str]:
    standing = alert.standing
    return standing.budget, standing.starts, "limit" if alert.threshold == standing.limit else "alert"
