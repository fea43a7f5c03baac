"""A LiteLLM proxy as a process of its own, and the OpenAI client of the tests for it."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai

from orchestra.testing import Provider

PATIENT_S = 180.0

SPENDING = """
import json, pathlib
from litellm.integrations.custom_logger import CustomLogger

FILE = pathlib.Path(__file__).with_name("spending.jsonl")

class Spending(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        about = kwargs["standard_logging_object"]
        with FILE.open("a") as file:
            file.write(json.dumps({"group": about["model_group"], "cost": about["response_cost"]}) + "\\n")

events = Spending()
"""
"""A spend logger as a user of the proxy writes it."""


@dataclass(frozen=True)
class Served:
    """A proxy that answers at `url`; `provider` is what stands behind it, `home` the folder that it runs in."""

    url: str
    provider: Provider
    home: Path

    def client(self, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="sk-caller", max_retries=0, **options)

    def async_client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key="sk-caller", max_retries=0)

    def spending(self, count: int) -> list[dict[str, Any]]:
        """What its spend logger was told, once that is `count` events."""
        path, until = self.home / "spending.jsonl", time.monotonic() + PATIENT_S
        while time.monotonic() < until:
            lines = path.read_text().splitlines() if path.exists() else []
            if len(lines) >= count:
                return [json.loads(line) for line in lines]
            time.sleep(0.05)
        raise TimeoutError(f"{count} events were expected")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], port: int, environment: dict[str, str], home: Path) -> Iterator[str]:
    """A proxy while it runs, once it answers; its address."""
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
    try:
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + PATIENT_S
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((home / "log").read_text())
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENT_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/liveliness", trust_env=False).is_success
    except httpx.TransportError:
        return False
