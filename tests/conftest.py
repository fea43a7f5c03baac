"""What every test can rely on: no key, no home, no network, and no price map from anywhere but the disk."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["HF_HUB_OFFLINE"] = "1"
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite started in the background would be deaf to Ctrl-C
hypothesis_settings.register_profile("orchestra", deadline=None)
hypothesis_settings.load_profile("orchestra")

SHARED = Path(__file__).parents[2] / "shared"
ROOT = Path(__file__).parents[1]
LOOPBACK = ("127.0.0.1", "localhost", "::1", None, "")
MATRIX = re.compile(r"test_matrix\.py::test_(?P<what>plain|stream|tools|embeddings)\[(?P<kind>[a-z_]+)(?P<how>-\w+)?\]")
KEYS = ("_API_KEY", "_API_BASE", "_BASE_URL", "_API_TOKEN")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No provider key of the machine reaches a test, and no test touches the user's files."""
    for name in list(os.environ):
        if name.endswith(KEYS) or name.startswith("ORCHESTRA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that would leave this machine fails at once."""
    real = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in LOOPBACK:
            raise OSError(f"a test tried to reach {name!r}")
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", guarded)


@pytest.fixture(autouse=True)
def unconfigured_logging() -> Iterator[None]:
    """structlog is as it was; its `capture_logs` leaves it configured, and then it prints."""
    yield
    structlog = sys.modules.get("structlog")
    if structlog is not None:
        structlog.reset_defaults()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List the provider matrix by name: every provider of the spec, and what was driven over its wire format."""
    rows: dict[str, list[str]] = {}
    for outcome, mark in (("passed", "✓"), ("failed", "✗"), ("skipped", "-")):
        for report in terminalreporter.stats.get(outcome, []):
            name = MATRIX.search(report.nodeid)
            if name and (report.when == "call" or outcome == "skipped"):
                rows.setdefault(name["kind"], []).append(f"{name['what']}{name['how'] or ''} {mark}")
    if rows:
        terminalreporter.section("provider matrix")
        for kind, cells in rows.items():
            terminalreporter.write_line(f"{kind:<11} {'  '.join(cells)}")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
async def one_loop(anyio_backend: str) -> AsyncIterator[None]:
    """All async tests share one event loop, because LiteLLM keeps its HTTP clients by loop and never closes them."""
    loop = asyncio.get_running_loop()
    told = loop.get_exception_handler()

    def tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # LiteLLM 1.90 trips over its own tasks when it is used from two loops, as the sync twins do.
        if told is not None and not re.search(r"LoggingWorker|ClientSession\.close", repr(context)):
            told(loop, context)

    loop.set_exception_handler(tell)
    yield
    litellm = sys.modules.get("litellm")
    if litellm is not None:
        await litellm.close_litellm_async_clients()
