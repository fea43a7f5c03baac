"""`orchestra run`: programs that know nothing of Orchestra."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestra.testing import Provider

ROOT = Path(__file__).parents[2]
PROGRAM = """\
import os, sys
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
from litellm import completion

answer = completion(model="orchestra/auto", messages=[{"role": "user", "content": " ".join(sys.argv[1:])}])
print(answer.choices[0].message.content)
sys.exit(7)
"""

Started = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def start(tmp_path: Path, provider: Provider) -> Started:
    """Start `orchestra run …` in a folder with a policy file; more variables may be given."""
    provider.reset()
    base = provider.api_base("openai")
    policy = f'providers: {{openai: {{base_url: "{base}", api_key: k}}}}\npolicies: {{default: openai/gpt-4o}}\n'
    (tmp_path / "policy.yaml").write_text(policy)

    def start(*program: str, **variables: str) -> subprocess.CompletedProcess[str]:
        # Whatever pytest and coverage have put into the environment is not the program's.
        mine = {name: os.environ[name] for name in ("PATH", "HOME", "ORCHESTRA_HOME")}
        given = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", **variables}
        command = [sys.executable, "-m", "orchestra", "run", "--config", "policy.yaml", *program]
        return subprocess.run(command, cwd=tmp_path, env=mine | given, capture_output=True, text=True, timeout=120)

    return start


@pytest.mark.parametrize("kind", ["python", "script", "module", "console script"])
def test_a_program_that_calls_litellm_reaches_the_policies(kind: str, start: Started, tmp_path: Path) -> None:
    """Its arguments, its output and its exit code are its own; `completion` was imported before anything else."""
    (tmp_path / "program.py").write_text(PROGRAM)
    console = tmp_path / "program"
    console.write_text(f"#!{sys.executable}\n{PROGRAM}")
    console.chmod(0o755)
    command = {
        "python": ["--", "python", "program.py"],
        "script": ["program.py"],
        "module": ["--", "-m", "program"],
        "console script": [str(console)],
    }[kind]
    ran = start(*command, "--config", "mine")
    assert (ran.stdout, ran.returncode) == ("echo: --config mine\n", 7), ran.stderr


def test_the_processes_that_it_starts_reach_them_too(start: Started, tmp_path: Path) -> None:
    """A server's workers are such; so is what a shell script starts."""
    (tmp_path / "worker.py").write_text(PROGRAM)
    (tmp_path / "server.py").write_text(
        "import subprocess, sys\nsys.exit(subprocess.run([sys.executable, 'worker.py', 'hello']).returncode)\n"
    )
    ran = start("server.py")
    assert (ran.stdout, ran.returncode) == ("echo: hello\n", 7), ran.stderr


def test_a_program_without_litellm_pays_nothing_and_keeps_its_own_start(start: Started, tmp_path: Path) -> None:
    """Nothing is imported for it, its variables are as they were, and a sitecustomize of its own runs."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import builtins\nbuiltins.CUSTOMIZED = True\n")
    heavy = "{'litellm', 'pydantic', 'orchestra.api'} & set(sys.modules)"
    shown = f"print(CUSTOMIZED, {heavy} or None, os.environ.get('LITELLM_LOCAL_MODEL_COST_MAP'))"
    ran = start("--", "-c", f"import os, sys; {shown}", PYTHONPATH=f"{tmp_path / 'own'}:{ROOT}")
    assert ran.stdout == "True None None\n", ran.stderr


def test_mistakes_are_said_before_the_program_starts(start: Started, tmp_path: Path) -> None:
    """A broken policy file, and a program that is not there."""
    ran = start("no-such-program")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "no program is called 'no-such-program'" in ran.stderr
    (tmp_path / "policy.yaml").write_text("policies: {default: nobody-at-all}\n")
    ran = start("--", "-c", "print('started')")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "policy.yaml:1: policies.default: no model or policy is called 'nobody-at-all'" in ran.stderr
