"""Promise 10: import stays light: no LiteLLM, and nothing else that is slow, before a call needs it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import orchestra

CLASSIC = str(Path(__file__).parents[2] / "config" / "classic.yaml")
SLOW = ("litellm", "openai", "pydantic", "structlog", "aiohttp", "httpx", "tiktoken", "jinja2", "yaml", "ruamel")
"""What takes from 20 ms (structlog) to 3 s (litellm) to import."""

STEPS = {
    "import orchestra": "import orchestra; assert 'MultiModelAPI' in dir(orchestra)",
    "orchestra --help": "command('--help')",
    "orchestra check": f"command('check', {CLASSIC!r})",
    "orchestra explain": f"command('explain', 'Prove it.', '--task', 'reasoning', '-c', {CLASSIC!r})",
    "orchestra models": f"command('models', '-c', {CLASSIC!r})",
    "orchestra experiment status": f"command('experiment', 'status', '-c', {CLASSIC!r})",
    "orchestra prompts list": "command('prompts', 'list')",
    "orchestra schema": "command('schema')",
    "orchestra settings show": f"command('settings', 'show', '-c', {CLASSIC!r})",
    "every public name": "import orchestra; [getattr(orchestra, name) for name in orchestra.__all__]",
    "a decision explained": "from orchestra import MultiModelAPI; MultiModelAPI().explain_sync('hello')",
}
"""What is done in one fresh interpreter, in this order."""

PROGRAM = """
import contextlib, io, json, sys

def command(*arguments):
    from orchestra.cli import main
    sys.argv = ["orchestra", *arguments]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main()

steps, slow = map(json.loads, sys.argv[1:])
for name, step in steps:
    exec(step)
    print(json.dumps([name, [module for module in slow if module in sys.modules]]))
"""


def after(steps: dict[str, str]) -> dict[str, set[str]]:
    """Which of the slow modules are loaded after each step."""
    program = [sys.executable, "-c", PROGRAM, json.dumps(list(steps.items())), json.dumps(SLOW)]
    run = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return {name: set(modules) for name, modules in map(json.loads, run.stdout.splitlines())}


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    return after(STEPS)


def test_importing_the_package_loads_nothing_slow(loaded: dict[str, set[str]]) -> None:
    """Names are found when they are asked for."""
    assert loaded["import orchestra"] == set()


@pytest.mark.parametrize("step", STEPS)
def test_litellm_is_not_loaded_by(loaded: dict[str, set[str]], step: str) -> None:
    """Prices, windows and abilities are read from LiteLLM's files; LiteLLM waits for the first call."""
    assert not loaded[step] & {"litellm", "openai", "aiohttp", "httpx", "tiktoken"}


def test_what_is_loaded_is_seen() -> None:
    """The tests above can fail."""
    assert after({"structlog": "import structlog"})["structlog"] >= {"structlog"}


def test_no_file_imports_litellm_at_its_top() -> None:
    """All imports of LiteLLM stand in functions, but behind the door of the drop-in: its classes are LiteLLM's."""
    package = Path(orchestra.__file__).parent
    doors = {package / "dropin" / "__init__.py", package / "dropin" / "installed.py", package / "litellm.py"}
    for path in package.rglob("*.py"):
        if path.parent.name == "dropin" and path not in doors:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.partition(".")[0] == "litellm" for name in names), path
