"""The ledger against a model of it, on every engine; and that the comparison finds planted bugs."""

from __future__ import annotations
import __future__

import inspect
import textwrap
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from orchestra.ledger import books, opening, store
from orchestra.ledger.books import Books
from orchestra.ledger.opening import Opening
from orchestra.ledger.sqlite import SqliteEngine
from orchestra.ledger.state import WindowState
from orchestra.ledger.store import Store

from .machine import LedgerMachine

QUIET = settings(
    deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True, print_blob=False
)
FIND = (Phase.generate,)


def _run(machine: type[LedgerMachine], examples: int, steps: int, **options: Any) -> None:
    chosen = settings(QUIET, max_examples=examples, stateful_step_count=steps, **options)
    run_state_machine_as_test(machine, settings=chosen)


def test_the_rules_agree_with_the_model() -> None:
    """Whatever is reserved, settled, lost, repeated or late: every sum is what it should be."""
    _run(LedgerMachine, examples=50, steps=30)


def test_the_file_agrees_with_the_model(tmp_path: Path) -> None:
    """The same in a real file, with two connections that are opened again and again."""
    paths = (tmp_path / f"{n}.db" for n in range(10**6))

    class OnFile(LedgerMachine):
        @staticmethod
        def factory() -> Any:
            path = next(paths)
            return lambda owner, wall: SqliteEngine(path, owner, wall=wall, power_safe=False)

    _run(OnFile, examples=10, steps=25, phases=FIND)


def test_the_server_agrees_with_the_model(postgres_url: str) -> None:
    """The same in PostgreSQL."""
    import psycopg

    from orchestra.ledger.postgres import PostgresEngine

    class OnServer(LedgerMachine):
        @staticmethod
        def factory() -> Any:
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute("DROP SCHEMA IF EXISTS orchestra CASCADE")
            return lambda owner, wall: PostgresEngine(postgres_url, owner, wall=wall, power_safe=False)

    _run(OnServer, examples=4, steps=25, phases=FIND)


ATTACHED = "reserved=sum(hold.amount for hold in live)"
RELEASED = "reserved=0 if late else -hold.amount"
SUM = "window.spent + window.reserved + needed"

BUGS: dict[str, tuple[Any, str, str, str]] = {
    "what is held is not counted": (
        Books,
        "reserve",
        "window.spent + window.reserved + needed",
        "window.spent + needed",
    ),
    "what is spent is not counted": (
        Books,
        "reserve",
        "window.spent + window.reserved + needed",
        "window.reserved + needed",
    ),
    "one nano too many is granted": (Books, "reserve", "> claim.ceiling:", "> claim.ceiling + 1:"),
    "the last nano is refused": (Books, "reserve", "> claim.ceiling:", ">= claim.ceiling:"),
    "members are not added up": (Books, "reserve", "wanted.get(window.id, 0) + ask.amount", "ask.amount"),
    "busy is told as exceeded": (Books, "reserve", "busy = window.spent + needed <= claim.ceiling", "busy = False"),
    "the same hold is made twice": (Books, "reserve", "any(id in self.holds for id in ids)", "False"),
    "a clock that is behind is not noticed": (Books, "reserve", "self.behind_s > BEHIND_S", "False"),
    "a hold is made when it is refused": (Books, "reserve", "if refusals:", "if False:"),
    "a call is booked twice": (Books, "book", 'hold.state in ("posted", "void")', "False"),
    "a late settlement is added to the charge": (Books, "_settle", "hold.amount if late else 0", "0"),
    "a settlement leaves the hold": (Books, "_settle", RELEASED, "reserved=0"),
    "a late settlement releases again": (
        Books,
        "_settle",
        RELEASED,
        "reserved=-hold.amount",
    ),
    "overrun is forgotten": (Books, "_settle", "overrun=over)", "overrun=0)"),
    "an overrun is cut to the hold": (Books, "_settle", "over = max", "amount = min(amount, hold.amount); over = max"),
    "an entry is made at the time of settling": (Books, "_settle", "made=hold.made", "made=self.at"),
    "the dead are refunded": (Books, "sweep", "Due(hold.amount", "Due(0"),
    "an alert is given again": (Books, "_crossed", "window.alerted |= bit", "pass"),
    "no alert is given at the limit": (Books, "_crossed", "window.spent >= threshold", "window.spent > threshold"),
    "an unknown cost is free": (books, "due", 'Due(held, "reserved")', 'Due(op.cost or 0, "reserved")'),
    "a void call is charged": (books, "due", "Due(0, basis)", "Due(held, basis)"),
    "a lowered limit breaks the cap": (WindowState, "follow", "max(budget.ceiling_nano, ", "min(budget.ceiling_nano, "),
    "a new limit is ignored": (WindowState, "follow", "!= (budget", "== (0, budget"),
    "time goes back": (Store, "_load", "max(wall, newest)", "wall"),
    "time is not kept": (Store, "_changes", "yield self.sign_of_life(books.at)", "pass"),
    "settled holds stay held": (
        Store,
        "_changes",
        'for state in ("posted", "void", "expired")',
        'for state in ("posted", "void")',
    ),
    "calls in flight are not in a new window": (
        Opening,
        "window",
        ATTACHED,
        "reserved=0",
    ),
    "a new window starts at zero": (Opening, "window", "spent=opening", "spent=0"),
    "a new window counts what was before it": (
        Opening,
        "_spent",
        "made >= ? AND made < ?",
        "made >= 0 * ? AND made < ?",
    ),
    "a new window counts what does not match": (Opening, "_spent", "if _matches(claim, *call)", ""),
    "a new window misses what its own batch did": (store, "together", "return n", "return len(ops)"),
    "the living are charged": (store, "live_holds", "{where}", "owner <> ? AND ? > 0"),
}


@pytest.fixture
def planted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One bug of `BUGS`, in the place of the right code."""
    owner, name, right, wrong = BUGS[request.param]
    function = getattr(owner, name)
    source = textwrap.dedent(inspect.getsource(function))
    assert right in source, f"{name} no longer says {right!r}"
    code = compile(source.replace(right, wrong), "<planted>", "exec", __future__.annotations.compiler_flag)
    scope: dict[str, FunctionType] = {}
    exec(code, function.__globals__, scope)
    monkeypatch.setattr(owner, name, scope[name])
    if owner in (books, store, opening):
        for module in (books, store, opening):
            if getattr(module, name, None) is function:
                monkeypatch.setattr(module, name, scope[name])
    return str(request.param)


@pytest.mark.parametrize("planted", BUGS, indirect=True)
def test_the_machine_finds_a_planted_bug(planted: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The comparison can fail: each of these mistakes is found."""
    with pytest.raises(BaseException) as found:  # noqa: PT011  # whatever notices: an assertion or the database itself
        _run(LedgerMachine, examples=300, steps=25, phases=FIND)
    assert not isinstance(found.value, KeyboardInterrupt)
    capsys.readouterr()
