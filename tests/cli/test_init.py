"""`orchestra init`: a file that is sound from the start."""

from __future__ import annotations

import stat
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from orchestra.build import build
from orchestra.catalog import Catalog
from orchestra.cli.starter import starter
from orchestra.settings import parse

CATALOG = Catalog()
VARIABLES = {card.name: card.key_variables[0] for card in CATALOG.providers() if card.key_variables}
SOME = [*((name,) for name in VARIABLES), *combinations(VARIABLES, 2), tuple(VARIABLES), ()]


def test_it_names_the_keys_that_are_there_and_never_their_values(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file refers to the variables found, states what holds for every request, and passes `check`."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-very-secret")
    said = run("init")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("wrote orchestra.yaml (OPENAI_API_KEY, GOOGLE_API_KEY)")
    text = (tmp_path / "orchestra.yaml").read_text()
    assert "secret" not in text
    written = yaml.safe_load(text)
    assert {name: about["api_key"] for name, about in written["providers"].items()} == {
        "openai": "os.environ/OPENAI_API_KEY",
        "google": "os.environ/GOOGLE_API_KEY",
    }
    assert {"version", "deadline_s", "max_retries", "retry_delay_seconds", "on_retired"} <= written.keys()
    checked = run("check")
    assert (checked.code, checked.err) == (0, "")


def test_without_a_key_the_local_model_answers(run) -> None:
    """With nothing in the environment the file is sound too, and shows where a provider goes."""
    assert "no key, so the local model answers" in run("init", "here.yaml").out
    said = run("explain", "hi", "-c", "here.yaml", "--json")
    assert said.json["chosen"] == "local"


@pytest.mark.parametrize("names", SOME, ids="+".join)
def test_every_choice_of_providers_gives_a_sound_file(names: tuple[str, ...]) -> None:
    """Whichever keys are there, the policy that is written can be built, and asks only those providers."""
    text = starter(CATALOG, {name: VARIABLES[name] for name in names})
    tree = build(parse(text), catalog=CATALOG)
    assert {member.provider for member in tree.find("default").members} <= {*names, "local"}
    assert {member.provider for member in tree.find("default").members} >= {*names}


def test_a_file_that_is_there_is_not_written_over(run, tmp_path: Path) -> None:
    """Only `--force` replaces a file, and its permissions stay."""
    path = tmp_path / "orchestra.yaml"
    path.write_text("default_model: groq\n")
    path.chmod(0o640)
    said = run("init")
    assert (said.code, path.read_text()) == (1, "default_model: groq\n")
    assert "--force" in said.err
    assert run("init", "--force").code == 0
    assert "policies:" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_folder_gets_a_file_of_the_usual_name(run, tmp_path: Path) -> None:
    """A path that is a folder means the file in it."""
    (tmp_path / "there").mkdir()
    assert run("init", "there", "--json").json["path"] == "there/orchestra.yaml"
    assert (tmp_path / "there" / "orchestra.yaml").is_file()


def test_a_place_that_cannot_be_written_to_is_an_error(run, tmp_path: Path) -> None:
    """What the system refuses is told in one line."""
    (tmp_path / "file").write_text("")
    said = run("init", "file/orchestra.yaml")
    assert said.code == 1
    assert said.err.startswith("error: ")
    assert "can't be written" in said.err
