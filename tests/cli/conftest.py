"""The command, run in this process: what it said on each stream, and how it left."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestra.cli import main
from orchestra.door import door
from orchestra.testing.provider import Provider


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command in an empty folder; `stdin` is what is piped into it."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str | bytes = "") -> Said:
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        said = capsys.readouterr()
        return Said(int(left.value.code or 0), said.out, said.err)

    return run


@pytest.fixture(scope="package", autouse=True)
def closed_clients() -> Iterator[None]:
    """LiteLLM never closes the HTTP clients of a loop; the command uses the loop of all sync callers."""
    yield
    litellm = sys.modules.get("litellm")
    if litellm is not None:
        door.run(litellm.close_litellm_async_clients)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def policy(upstream: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A policy file whose providers are the stand-in; OpenAI and Groq have keys."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-openai")
    monkeypatch.setenv("GROQ_API_KEY", "gsk_test-groq")
    path = tmp_path / "policy.yaml"
    path.write_text(f"""\
version: 1
max_retries: 0
providers:
  openai: {{base_url: "{upstream.api_base("openai")}"}}
  groq: {{base_url: "{upstream.api_base("groq")}"}}
  mistral: {{enabled: false}}
policies:
  default:
    kind: route
    rules:
      - {{name: hard, when: {{task: reasoning, priority: high}}, use: openai, reason: the best}}
      - {{name: tagged, when: {{tags: {{team: red}}}}, use: "groq:fast"}}
    otherwise: groq
    fallback: [openai]
  careful: {{kind: fallback, models: [openai, groq]}}
""")
    return path
