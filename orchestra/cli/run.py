"""`orchestra run`: a program that uses LiteLLM and knows nothing of Orchestra."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestra.cli import options
from orchestra.errors import ConfigError


def run(
    program: Annotated[
        list[str],
        typer.Argument(
            metavar="PROGRAM …", help="A console script, `python …`, a script.py, or `-m MODULE`; and its arguments."
        ),
    ],
    config: options.Config = None,
) -> None:
    """Run a program in which `orchestra/auto`, and `orchestra/` before any policy or model, is a model of LiteLLM's.

    Put `--` before a program whose own options come first. Processes that it starts have the same.
    """
    from orchestra.build import build
    from orchestra.launch import environment
    from orchestra.settings import find, read
    from orchestra.settings.file import VARIABLE

    build(read(find(config)))  # a mistake in it is said here, not in the middle of the program
    command = _command(program)
    given = dict(os.environ) if config is None else {**os.environ, VARIABLE: str(config.resolve())}
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], command, environment(given))


def _command(program: list[str]) -> list[str]:
    """The program as it is started: `-m` and scripts by this Python; one that stands beside it goes before `$PATH`."""
    name = program[0]
    if name in ("-m", "-c") or (name.endswith(".py") and Path(name).is_file()):
        return [sys.executable, *program]
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=os.pathsep.join([beside, os.environ.get("PATH", os.defpath)]))
    if found is None:
        raise ConfigError(
            f"no program is called {name!r}; name a console script, `python …`, a script.py or `-m MODULE`"
        )
    return [found, *program[1:]]
