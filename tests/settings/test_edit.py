"""A policy file that is changed by a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.errors import ConfigError
from orchestra.settings import PolicyFile, parse
from orchestra.settings.edit import SettingsFile, blank
from orchestra.settings.flat import policies
from orchestra.settings.keys import KeyFile


def editable(folder: Path, text: str | None = None, wrong: str = "") -> SettingsFile:
    """A file in `folder`; the check refuses what has `wrong` in it."""

    def check(file: PolicyFile) -> None:
        if wrong and wrong in str(file.data):
            raise ConfigError(f"{wrong} is wrong")

    path = folder / "orchestra.yaml"
    if text is not None:
        path.write_text(text)
    known = {"openai": ("OPENAI_API_KEY",), "google": ("GEMINI_API_KEY", "GOOGLE_API_KEY")}
    return SettingsFile(path, KeyFile(folder / "keys.env"), check, lambda name: known.get(name, ()))


def test_a_new_file_decides_as_the_shipped_default(tmp_path: Path) -> None:
    """Beginning a file changes nothing but what is set in it."""
    assert policies(parse(blank())) == policies(parse("version: 1\n"))
    file = editable(tmp_path)
    file.set("deadline_s", "9")
    assert file.path.read_text() == blank() + "deadline_s: 9\n"


def test_what_the_check_refuses_is_not_written(tmp_path: Path) -> None:
    """Neither the file nor the key is there afterwards."""
    file = editable(tmp_path, "deadline_s: 5\n", wrong="nonsense")
    for key, value in (("default_model", "nonsense"), ("providers.nonsense.api_key", "sk-x")):
        with pytest.raises(ConfigError, match="nonsense is wrong"):
            file.set(key, value)
    assert file.path.read_text() == "deadline_s: 5\n"
    assert not file.keys.path.exists()


def test_a_file_that_is_wrong_already_is_reported_not_changed(tmp_path: Path) -> None:
    """Its own mistakes come first."""
    file = editable(tmp_path, "deadlin_s: 5\n")
    with pytest.raises(ConfigError, match=r"orchestra.yaml:1: deadlin_s: no such key"):
        file.set("max_retries", "1")
    assert file.path.read_text() == "deadlin_s: 5\n"


@pytest.mark.parametrize(
    ("text", "entry", "variable"),
    [
        ("", "google", "GEMINI_API_KEY"),
        ("providers: {google: {api_key: os.environ/MINE}}\n", "google", "MINE"),
        ("providers: {google: {api_key: written-down}}\n", "google", "GEMINI_API_KEY"),
        ("providers: {eu: {provider: openai}}\n", "eu", "EU_API_KEY"),
        ("providers: {my-house: {base_url: 'http://127.0.0.1:1'}}\n", "my-house", "MY_HOUSE_API_KEY"),
    ],
)
def test_a_key_goes_by_the_variable_of_its_entry(tmp_path: Path, text: str, entry: str, variable: str) -> None:
    """The one that the entry names, its provider's usual one, or, for a second entry, one of its own."""
    file = editable(tmp_path, text)
    assert file.set(f"providers.{entry}.api_key", " the-key \n") == variable
    assert file.keys.read() == {variable: "the-key"}
    assert f"os.environ/{variable}" in file.path.read_text()
    assert "written-down" not in file.path.read_text()


def test_resetting_everything_keeps_a_copy(tmp_path: Path) -> None:
    """The old file lies beside the new one; where there was none there is no copy."""
    file = editable(tmp_path, "deadline_s: 5\n")
    kept = file.reset_all()
    assert kept is not None
    assert (kept.name, kept.read_text(), file.path.read_text()) == ("orchestra.yaml.bak", "deadline_s: 5\n", blank())
    file.path.unlink()
    assert file.reset_all() is None
