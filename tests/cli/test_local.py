"""`orchestra local`: the weights of the local model."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra import local
from orchestra.errors import ConfigError


def test_install_says_where_the_weights_are(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished install names the file."""
    monkeypatch.setattr(local, "install_weights", lambda progress: Path("/there/model.gguf"))
    assert run("local", "install").out == f"{local.MODEL} is installed: /there/model.gguf\n"
    assert run("local", "install", "--json").json == {"model": local.MODEL, "weights": "/there/model.gguf"}


def test_an_install_that_fails_is_an_error(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip said is told in a line."""

    def fails(progress: object) -> Path:
        raise ConfigError("pip could not install it: no space left")

    monkeypatch.setattr(local, "install_weights", fails)
    said = run("local", "install")
    assert (said.code, said.err) == (1, "error: pip could not install it: no space left\n")
