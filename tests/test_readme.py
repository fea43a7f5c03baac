"""Every block of the README is run: Python on the stand-in, YAML through the build, commands in their process."""

from __future__ import annotations

import ast
import asyncio
import io
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from orchestra.build import build
from orchestra.settings import parse
from orchestra.testing import Answer, Provider

from .conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
TEXTS = {language: [text for kind, text in BLOCKS if kind == language] for language in ("python", "yaml", "sh", "text")}
COMMANDS = [line for block in TEXTS["sh"] for line in block.splitlines() if line.strip()]
TIME = re.compile(r"\d+\.\d\d s")


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A reader's machine: the README's policy file, two keys, and providers that are the stand-in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orchestra.yaml").write_text(TEXTS["yaml"][0])
    with Provider() as provider:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("GROQ_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", provider.api_base("openai"))
        monkeypatch.setenv("GROQ_API_BASE", provider.api_base("groq"))
        yield provider


async def ran(code: str, names: dict[str, Any]) -> str:
    """What a block prints; it may use `await` as a notebook does, and leaves its names behind."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        result = eval(compile(code, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if asyncio.iscoroutine(result):
            await result
    return printed.getvalue()


async def test_every_python_block_runs_and_the_example_prints_its_trace(reader: Provider) -> None:
    """In their order, in one session; the trace is the printed one, times aside."""
    names: dict[str, Any] = {"__name__": "readme"}
    sky = "Sunlight is scattered by air, and blue light most of all."
    reader.reply(Answer(text=sky, input_tokens=14, output_tokens=12))
    printed = await ran(TEXTS["python"][0], names)
    assert TIME.sub("_", printed) == TIME.sub("_", TEXTS["text"][0])
    for code in TEXTS["python"][1:]:
        await ran(code, names)
    assert names["product"] is None or names["product"].name is not None
    assert len(names["vectors"]) == 2
    names["api"].close()


@pytest.mark.parametrize("text", TEXTS["yaml"], ids=lambda text: text.splitlines()[0].strip("# "))
def test_every_yaml_block_is_a_policy_file(text: str) -> None:
    """It builds without a mistake."""
    build(parse(text, "README.md"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_works(command: str, reader: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts are there to be run; commands of `orchestra` succeed on the reader's machine."""
    program, *arguments = shlex.split(command)
    if program.startswith("./"):
        script = ROOT / program
        assert script.is_file()
        assert script.stat().st_mode & 0o111
        return
    from orchestra.cli import main

    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code in (0, None), capsys.readouterr().err
    assert capsys.readouterr().out.strip()
