"""Promise 10: import stays light: no LiteLLM, and nothing else that is slow, before a call needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import orchestra

CLASSIC = Path(__file__).parents[2] / "config" / "classic.yaml"
SLOW = ("litellm", "openai", "pydantic", "structlog", "aiohttp", "httpx", "tiktoken", "jinja2", "yaml", "ruamel")
"""What takes from 20 ms (structlog) to 3 s (litellm) to import."""

AFTER = """
import atexit, sys
atexit.register(lambda: print("LOADED", *(name for name in {names!r} if name in sys.modules), file=sys.stderr))
"""


def loaded(code: str, names: tuple[str, ...] = SLOW) -> set[str]:
    """Which of the slow modules a fresh interpreter has loaded after running some code."""
    run = subprocess.run(
        [sys.executable, "-c", AFTER.format(names=names) + code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in run.stderr, run.stderr
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("LOADED")]
    return set(line.split()[1:])


def command(*arguments: str) -> str:
    return f"import sys\nsys.argv = ['orchestra', *{arguments!r}]\nfrom orchestra.cli import main\nmain()"


def test_importing_the_package() -> None:
    """Names are found when they are asked for."""
    assert loaded("import orchestra\nassert 'MultiModelAPI' in dir(orchestra)") == set()


def test_the_check_sees_what_is_loaded() -> None:
    """The test above can fail."""
    assert loaded("import pydantic, structlog") >= {"pydantic", "structlog"}


def test_every_public_name_without_litellm() -> None:
    """Whatever is taken from the package: LiteLLM waits for the first call."""
    code = "import orchestra\nfor name in orchestra.__all__: getattr(orchestra, name)"
    assert "litellm" not in loaded(code)


def test_building_a_client_and_explaining_a_decision() -> None:
    """Prices, windows and abilities are read from LiteLLM's files without importing it."""
    code = """
from orchestra import MultiModelAPI
with MultiModelAPI() as api:
    api.explain_sync("Prove it.", task_type="reasoning")
"""
    assert "litellm" not in loaded(code)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("check", str(CLASSIC)),
        ("explain", "Prove it.", "--task", "reasoning", "-c", str(CLASSIC)),
        ("models", "-c", str(CLASSIC)),
        ("schema",),
        ("settings", "show", "-c", str(CLASSIC)),
    ],
    ids=lambda arguments: " ".join(arguments[:1]),
)
def test_a_command_that_needs_no_call(arguments: tuple[str, ...]) -> None:
    """It starts without LiteLLM and without the libraries that only calls need."""
    assert not loaded(command(*arguments)) & {"litellm", "openai", "aiohttp", "httpx", "tiktoken"}


def test_a_submodule_of_litellm_is_not_imported_at_the_top_of_any_file() -> None:
    """All imports of LiteLLM stand in functions."""
    import ast

    for path in Path(orchestra.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.partition(".")[0] == "litellm" for name in names), path
