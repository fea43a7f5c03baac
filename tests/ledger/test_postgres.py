"""What only a server can do to a ledger: restart, lose a commit's answer, refuse."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orchestra.errors import ConfigError, LedgerUnavailable
from orchestra.ledger import Alert, Budget, Ledger, Ledgered, nano

from .support import Time, ask, attempt, call, want

psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
from orchestra.ledger import postgres  # noqa: E402  # needs psycopg

WIDE = Budget(name="wide", limit_nano=nano("100"), per="total")


@pytest.fixture
def place(database: str) -> str:
    """Only the server."""
    return database


def _under(ledger: Ledger, budget: Budget = WIDE) -> Ledgered:
    return Ledgered(ledger=ledger, budgets=(budget,), patience_s=0)


async def test_a_restart_of_the_server_in_the_middle_loses_nothing(
    opened: Callable[..., Ledger], postgres_server: Any
) -> None:
    """Calls wait while it is away; what was acknowledged is there, once."""
    ledger = opened(patience_s=30)
    budgets = _under(ledger)
    stop = asyncio.Event()

    async def caller() -> list[str]:
        made = []
        while not stop.is_set():
            made.append((await call(budgets, id=f"{id(made)}-{len(made)}")).id)
            await asyncio.sleep(0.005)
        return made

    def restart() -> None:
        postgres_server.stop()
        postgres_server.start()

    callers = [asyncio.create_task(caller()) for _ in range(8)]
    await asyncio.sleep(0.1)
    await asyncio.to_thread(restart)
    await asyncio.sleep(0.2)
    stop.set()
    made = [id for task in callers for id in await task]
    assert sorted(row.id for row in ledger.rows()) == sorted(made)
    assert sum(window.spent for window in ledger.windows()) == len(made) * nano("0.001")
    assert (ledger.holds(), ledger.audit()) == ([], [])


@contextmanager
def _answer_lost(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> Iterator[list[str]]:
    """The connection breaks while the server commits: once before, or once after it did."""
    lost: list[str] = []
    real = postgres._transaction

    @contextmanager
    def breaking(connection: Any) -> Iterator[Callable[[str], object]]:
        with real(connection) as end:

            def broken(how: str) -> object:
                if how != "COMMIT" or lost:
                    return end(how)
                lost.append(how)
                if committed:
                    end(how)
                connection.close()
                raise psycopg.OperationalError("the answer was lost")

            yield broken

    with monkeypatch.context() as patch:
        patch.setattr(postgres, "_transaction", breaking)
        yield lost


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_whose_answer_is_lost_is_done_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """Holds, settlements, events and alerts: found done, or done now; never twice, never not."""
    told: list[Alert] = []
    ledger.on_alert(told.append)
    small = Budget(name="small", limit_nano=nano("0.002"), per="total", alert_at=0.4)
    budgets = _under(ledger, small)
    await call(budgets, "0.0001")
    ledger.flush()
    with _answer_lost(ledger, monkeypatch, committed=committed) as lost:
        granted = await ledger.reserve([ask("0.001", small, id="x")])
        assert lost
    assert getattr(granted, "fresh", None) is True
    with _answer_lost(ledger, monkeypatch, committed=committed) as lost:
        ledger.book(attempt(want(id="x"), "0.0012"))
        assert getattr(ledger.event("note", "1", {}).result(20), "fresh", None) is True
        assert lost
    assert [row.id for row in ledger.rows()][1:] == ["x"]
    assert ledger.windows()[0].spent == nano("0.0013")
    assert len(ledger.events("note")) == len(ledger.events("budget.overrun")) == 1
    assert ledger.audit() == []
    ledger.close()
    assert [alert.threshold for alert in told] == [nano("0.0008")]


async def test_a_cancelled_reservation_whose_commit_was_lost_is_given_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is this process's own hold, although it was found and not made."""
    await call(_under(ledger))
    ledger.flush()
    with _answer_lost(ledger, monkeypatch, committed=True):
        task = asyncio.create_task(_under(ledger).reserve([want()]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        ledger.flush()
    assert ledger.holds() == []


async def test_a_server_that_can_not_be_reached_is_an_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch, time: Time
) -> None:
    """Fail closed; no secret in the message, the repr or the place."""
    ledger = Ledger("postgresql://me:geheim@127.0.0.1:1/books?connect_timeout=1", wall=time)
    with pytest.raises(LedgerUnavailable, match="can't be reached") as found:
        await call(_under(ledger))
    assert "geheim" not in f"{found.value} {found.value!r} {ledger!r} {ledger.place}"
    ledger.close()


async def test_a_server_that_goes_away_for_good_is_an_error(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for it has an end, and the next call does not wait again."""
    await call(_under(ledger))
    ledger.flush()
    monkeypatch.setattr(postgres, "RECONNECT_S", 0.1)
    with monkeypatch.context() as away:
        away.setattr(ledger._engine, "_url", "postgresql://127.0.0.1:1/books")
        ledger._engine.close()
        for _ in range(2):
            with pytest.raises(LedgerUnavailable):
                await call(_under(ledger))
    await call(_under(ledger))
    assert len(ledger.rows()) == 2


async def test_a_locked_server_is_an_error(ledger: Ledger, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another client that keeps the books makes the call fail, not hang."""
    monkeypatch.setattr(postgres, "SETTINGS", (*postgres.SETTINGS, "SET lock_timeout TO '100ms'"))
    await call(_under(ledger))
    ledger.close()
    with psycopg.connect(place) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (postgres.LOCK,))
        with pytest.raises(LedgerUnavailable, match="is locked"):
            await call(_under(ledger))
    await call(_under(ledger))


async def test_tables_of_a_newer_version_are_left_alone(ledger: Ledger, place: str) -> None:
    """Upgrading is the reader's to do."""
    await call(_under(ledger))
    ledger.close()
    with psycopg.connect(place) as newer:
        newer.execute("UPDATE orchestra.schema_version SET version = version + 1")
    with pytest.raises(LedgerUnavailable, match="newer Orchestra"):
        await call(_under(ledger))


async def test_entries_and_events_can_be_neither_changed_nor_deleted(ledger: Ledger, place: str) -> None:
    """The tables themselves refuse it."""
    await call(_under(ledger))
    ledger.event("note", "1", {})
    ledger.flush()
    with psycopg.connect(place, autocommit=True) as other:
        for table in ("entry", "event"):
            for statement in ("UPDATE orchestra.{} SET at = 0", "DELETE FROM orchestra.{}", "TRUNCATE orchestra.{}"):
                with pytest.raises(psycopg.IntegrityError, match="never"):
                    other.execute(statement.format(table))


def test_a_url_that_is_none_is_found_when_the_ledger_is_made() -> None:
    """A mistake in the settings, without the URL: it may hold a password."""
    with pytest.raises(ConfigError, match="no URL of a PostgreSQL database") as found:
        Ledger("postgresql://me:geheim@host/x?nonsense=1")
    assert "geheim" not in str(found.value)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """psycopg is only needed where a URL is given."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "orchestra.ledger.postgres")
    with pytest.raises(ConfigError, match=r"orchestra\[postgres\]"):
        Ledger("postgresql://host/x")


async def test_the_clock_is_the_servers(place: str) -> None:
    """Machines with clocks of their own agree on the day."""
    ledger = Ledger(place)
    await call(_under(ledger))
    ledger.flush()
    with psycopg.connect(place) as other:
        ((now,),) = other.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchall()
    assert now - 60 < ledger.newest() <= now
    ledger.close()
