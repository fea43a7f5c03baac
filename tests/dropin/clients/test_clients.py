"""Real clients, unmodified, see through Orchestra what they see of LiteLLM alone; so does the provider behind it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestra.testing import Provider

from .conftest import PYTHON, environment, needs_clients, reply

pytestmark = needs_clients

HERE = Path(__file__).parent
CONFIG = """\
providers: {openai: {base_url: "BASE"}}
policies: {default: openai/gpt-4o}
max_retries: 2  # as the openai package does for LiteLLM
retry_delay_seconds: 0.1
"""
CLIENTS = ("instructor", "smolagents", "agents")
DRAWN = ("id", "tool_call_id", "call_id", "stream_options")
PATIENT_S = 240.0


@dataclass(frozen=True)
class Run:
    """One client's program, and all that it saw and caused."""

    process: subprocess.Popen[str]
    provider: Provider

    def seen(self) -> dict[str, Any]:
        out, err = self.process.communicate(timeout=PATIENT_S)
        assert self.process.returncode == 0, err
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found

    def sent(self) -> list[Any]:
        """What reached the provider, in order, without ids that clients draw, and without that a stream has usage."""
        return [_plain(call.body) for call in self.provider.calls]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items() if key not in DRAWN}
    return [_plain(part) for part in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Run]]:
    """All clients at once, on LiteLLM alone and under `orchestra run`, each with a provider of its own."""
    home = tmp_path_factory.mktemp("home")
    started: dict[tuple[str, str], Run] = {}
    for client in CLIENTS:
        for how, model in (("plain", "openai/gpt-4o"), ("orchestra", "orchestra/auto")):
            provider = Provider().start()
            provider.always(reply)
            base = provider.api_base("openai")
            config = home / f"{client}.yaml"
            config.write_text(CONFIG.replace("BASE", base))
            program = [str(PYTHON), str(HERE / f"{client}_client.py"), model]
            if how == "orchestra":
                program = [str(PYTHON), "-m", "orchestra", "run", "--config", str(config), "--", *program]
            process = subprocess.Popen(
                program,
                cwd=home,
                env=environment(home, base),
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            started[client, how] = Run(process, provider)
    yield started
    for run in started.values():
        run.process.kill()
        run.process.communicate()
        run.provider.stop()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_sees_no_difference(client: str, runs: dict[tuple[str, str], Run]) -> None:
    """Tools, streams, structured output, usage and errors of each case are LiteLLM's own."""
    plain, ours = runs[client, "plain"], runs[client, "orchestra"]
    seen, expected = ours.seen(), plain.seen()
    assert len(expected) >= 7
    for case, what in expected.items():
        assert seen[case] == what, case
    assert ours.sent() == plain.sent()
