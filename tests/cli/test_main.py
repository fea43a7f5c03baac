"""The command as a process: how it starts, how it ends, and what it never shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestra.testing.provider import Fault, Provider

COMMAND = (sys.executable, "-m", "orchestra")
COMMANDS = ("ask", "explain", "check", "models", "providers", "schema", "init", "settings", "local")


def test_without_arguments_it_lists_its_commands(run) -> None:
    """Help is what one gets for asking nothing."""
    said = run()
    assert all(command in said.out + said.err for command in COMMANDS)


@pytest.mark.parametrize(
    "command", [(c,) for c in COMMANDS] + [("settings", "set"), ("local", "install")], ids=" ".join
)
def test_every_command_explains_itself(run, command: tuple[str, ...]) -> None:
    """`--help` works everywhere."""
    assert run(*command, "--help").code == 0


@pytest.mark.parametrize(
    "command",
    [("explain", "x"), ("check",), ("models", "groq"), ("providers",), ("schema",), ("init",), ("settings", "show")],
    ids=" ".join,
)
def test_every_command_speaks_json(run, command: tuple[str, ...]) -> None:
    """`--json` prints one document and nothing else, on standard output."""
    said = run(*command, "--json")
    assert (said.code, said.err) == (0, "")
    assert said.json


def test_the_version_is_the_packages(run) -> None:
    """`--version` says what is installed."""
    from importlib.metadata import version

    assert run("--version").out == f"orchestra {version('orchestra')}\n"


def test_what_needs_no_call_never_loads_litellm(tmp_path: Path) -> None:
    """Importing LiteLLM takes seconds: neither starting nor explaining, checking and listing pays for it."""
    code = (
        "import sys\n"
        "from orchestra.cli import main\n"
        "for command in (['explain', 'x'], ['check'], ['models'], ['providers'], ['settings', 'show'], ['schema']):\n"
        "    try:\n"
        "        main(command)\n"
        "    except SystemExit as left:\n"
        "        assert not left.code, command\n"
        "sys.exit('litellm' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
        check=False,
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)


def test_starting_loads_nothing_slow() -> None:
    """Before a command runs, and for `--version`, neither pydantic nor rich nor anything of ours is loaded."""
    code = (
        "import sys, orchestra.cli.app\n"
        "heavy = {'litellm', 'pydantic', 'rich', 'structlog', 'asyncio', 'ruamel.yaml', 'orchestra.settings'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_ends_it_cleanly(upstream: Provider, policy: Path, tmp_path: Path) -> None:
    """An interrupted answer leaves with 130, without a traceback, and the provider's connection is closed."""
    before = len(upstream.calls)
    upstream.on("groq").fail(Fault.HANG, after_chunks=1)
    with subprocess.Popen(
        [*COMMAND, "ask", "hi", "-c", str(policy)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.read(1)  # the first word of the answer
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, errors) == (130, "")
    (call,) = upstream.settled()[before:]
    assert call.closed_early


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """`orchestra models --all | head` ends quietly."""
    done = subprocess.run(
        f"{' '.join(COMMAND)} models --all --json | head -c 100",
        shell=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
        check=False,
    )
    assert (len(done.stdout), done.stderr) == (100, "")


def test_letters_that_the_terminal_lacks_are_replaced(tmp_path: Path) -> None:
    """An old terminal gets `?` for an arrow, not a traceback."""
    done = subprocess.run(
        [*COMMAND, "explain", "hi"],
        capture_output=True,
        cwd=tmp_path,
        env=environment(tmp_path) | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?" in done.stdout


def test_kept_keys_are_loaded_by_the_command_and_not_by_the_library(
    run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`keys.env` reaches the environment when a command starts; importing or using Orchestra never reads it."""
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path))
    monkeypatch.setenv("COHERE_API_KEY", "")
    monkeypatch.delenv("COHERE_API_KEY")
    (tmp_path / "keys.env").write_text("export COHERE_API_KEY='kept key'\n")
    from orchestra.api import MultiModelAPI

    MultiModelAPI()
    assert "COHERE_API_KEY" not in os.environ
    run("providers", "cohere")
    assert os.environ["COHERE_API_KEY"] == "kept key"


def test_a_broken_key_file_is_named(run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its line is told, and its content is not."""
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path))
    (tmp_path / "keys.env").write_text("A=1\nsk-secret\n")
    said = run("check")
    assert (said.code, said.err) == (1, f"error: {tmp_path / 'keys.env'}:2: not NAME=value\n")


def environment(home: Path) -> dict[str, str]:
    """This process's environment with a home of the test's own."""
    return os.environ | {"ORCHESTRA_HOME": str(home / "home"), "HOME": str(home)}
