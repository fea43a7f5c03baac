"""Keys that were typed in, and how they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.errors import ConfigError
from orchestra.settings.keys import PREFIXES, KeyFile, config_folder, masked

printable = st.text(min_size=1).filter(str.isprintable)


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]*", fullmatch=True), printable, min_size=1))
def test_what_is_kept_is_read_back(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]) -> None:
    """Any key survives, whatever a shell would make of its letters; only the owner can read it."""
    file = KeyFile(tmp_path_factory.mktemp("keys") / "deep" / "keys.env")
    for name, key in keys.items():
        file.keep(name, "older")
        file.keep(name, key)
    assert file.read() == keys
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_permissions_are_narrowed_again(tmp_path: Path) -> None:
    """A key is never written into a file that others can read, even one that they could read before."""
    file = KeyFile(tmp_path / "keys.env")
    file.path.write_text("A=1\n")
    file.path.chmod(0o644)
    file.keep("B", "2")
    assert (file.read(), file.path.stat().st_mode & 0o777) == ({"A": "1", "B": "2"}, 0o600)


def test_a_file_written_by_hand_is_read_as_a_shell_would(tmp_path: Path) -> None:
    """Comments, quotes, blank lines and `export` are understood."""
    (tmp_path / "keys.env").write_text("# mine\n\nexport A=one\nB='two words' # spaced\nC=\"x=y\"\n")
    assert KeyFile(tmp_path / "keys.env").read() == {"A": "one", "B": "two words", "C": "x=y"}


@pytest.mark.parametrize("line", ["sk-secret", "A='open", "A=1 sk-secret"])
def test_a_broken_line_is_named_and_not_shown(tmp_path: Path, line: str) -> None:
    """The place of the mistake is told; what stands there may be a key."""
    (tmp_path / "keys.env").write_text(f"OK=1\n{line}\n")
    with pytest.raises(ConfigError, match=r"keys\.env:2: not NAME=value") as raised:
        KeyFile(tmp_path / "keys.env").read()
    assert "sk-secret" not in str(raised.value)


def test_the_environment_counts_before_the_file(tmp_path: Path) -> None:
    """Loading adds what is missing and changes nothing."""
    file = KeyFile(tmp_path / "keys.env")
    file.keep("A", "kept")
    file.keep("B", "kept")
    environment = {"A": "set"}
    file.load(environment)
    assert environment == {"A": "set", "B": "kept"}


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    """A second line would end up as a line of the file."""
    with pytest.raises(ConfigError, match="one line"):
        KeyFile(tmp_path / "keys.env").keep("A", "one\nB=two")


def test_no_file_is_no_keys(tmp_path: Path) -> None:
    """Most users have none."""
    assert KeyFile(tmp_path / "keys.env").read() == {}


@given(st.sampled_from(["", *PREFIXES]), printable)
def test_a_masked_key_gives_nothing_away(prefix: str, rest: str) -> None:
    """Only the prefix that all keys of a provider share is shown: two keys of one provider look alike."""
    shown = masked(prefix + rest)
    assert shown.rstrip("‒") in ("", *PREFIXES)
    assert shown.count("‒") == 16


def test_the_folder_is_orchestras_home_or_the_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`$ORCHESTRA_HOME` counts; without it, the place where this system keeps configuration."""
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path))
    assert config_folder() == tmp_path
    monkeypatch.delenv("ORCHESTRA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert (config_folder().name, tmp_path in config_folder().parents) == ("orchestra", True)
