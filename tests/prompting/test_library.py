"""The library: versions that never change, labels that move, and any number of writers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import orchestra
import orchestra.prompting.library as module
from orchestra import ConfigError, PromptError
from orchestra.prompting import Library
from orchestra.prompting.template import digest_of
from orchestra.resources import shipped

ROOT = Path(orchestra.__file__).parents[1]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a version by hand: `write("tone", 1, "Be kind.")`."""

    def write(name: str, version: int, text: str) -> Path:
        file = tmp_path / name / f"v{version}.j2"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    return write


def test_a_version_is_named_by_number_label_or_digest(tmp_path: Path, write: Write) -> None:
    """With none named it is the one in production, and the latest while nothing is promoted."""
    for n in (1, 2, 10):
        write("tone", n, f"Be kind {n}.")
    library = Library(tmp_path)
    assert library.versions("tone") == [1, 2, 10]
    assert library.get("tone").version == 10
    assert library.promote("tone", 2) == 2
    digest = library.get("tone", 1).digest
    wanted = {2: 2, "2": 2, "v10": 10, "production": 2, "latest": 10, None: 2, digest: 1, digest[:8]: 1}
    assert {version: library.get("tone", version).version for version in wanted} == wanted
    assert library.labels("tone") == {"production": 2, "latest": 10}


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (3, "there is no version 3; there are 1"),
        ("canary", "labels: latest"),
        ("abc", "labels"),
        ("v0", "no version 0"),
    ],
)
def test_a_version_that_is_not_there_is_told_from_those_that_are(
    tmp_path: Path, write: Write, version: Any, said: str
) -> None:
    """And a name that nobody has is met with the nearest one."""
    write("tone", 1, "Be kind.")
    library = Library(tmp_path)
    with pytest.raises(PromptError, match=said):
        library.get("tone", version)
    with pytest.raises(PromptError, match="no prompt is called 'tune'; did you mean 'tone'"):
        library.get("tune")


@pytest.mark.parametrize("name", ["../tone", "a/b", "", ".hidden", "a\x00b", "/etc/passwd", "x" * 101, "tone\n"])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    """Neither to read nor to write, and nothing is left behind."""
    library = Library(tmp_path / "prompts")
    for use in (library.get, library.promote, lambda name: library.register(name, "text")):
        with pytest.raises(PromptError, match="no name of a prompt"):
            use(name)
    assert list(tmp_path.iterdir()) == []


def test_labels_move_forward_and_back(tmp_path: Path, write: Write) -> None:
    """Rolling back twice goes back two promotions; each label has its own history; the first has nothing before it."""
    for n in (1, 2, 3):
        write("tone", n, f"Be kind {n}.")
    library, other = Library(tmp_path), Library(tmp_path, refresh_s=0)
    for n in (1, 2, 3):
        library.promote("tone", n)
    library.promote("tone", 3, "canary")
    assert [library.rollback("tone"), library.rollback("tone")] == [2, 1]
    assert library.labels("tone") == other.labels("tone") == {"production": 1, "canary": 3, "latest": 3}
    with pytest.raises(PromptError, match="was never on another version"):
        library.rollback("tone")
    assert library.get("tone").version == 1
    for label in ("latest", "a b", ""):
        with pytest.raises(PromptError, match="no label of yours"):
            library.promote("tone", 1, label)


def test_a_promotion_to_where_the_label_is_adds_no_step(tmp_path: Path, write: Write) -> None:
    """A rollback goes to another version, in a history with such steps too; where it went before stays so."""
    for n in (1, 2):
        write("tone", n, f"Be kind {n}.")
    library = Library(tmp_path)
    for n in (1, 2, 2):
        library.promote("tone", n)
    history = tmp_path / "tone" / "history"
    lines = history.read_text().splitlines(keepends=True)
    assert sum("promoted" in line for line in lines) == 2
    assert (library.rollback("tone"), library.labels("tone")["production"]) == (1, 1)
    history.write_text("".join([*lines, lines[-1]]))
    assert Library(tmp_path).rollback("tone") == 1
    history.write_text("".join([*lines, lines[-1], lines[-1].replace("promoted", "rolled-back")]))
    assert Library(tmp_path).labels("tone")["production"] == 2
    assert Library(tmp_path).rollback("tone") == 1


def test_a_version_that_was_changed_is_refused(tmp_path: Path, write: Write) -> None:
    """By whoever reads it next: once it was made by the library, promoted, or followed by another."""
    made = Library(tmp_path)
    assert made.register("tone", "Be kind.") == 1
    by_hand = write("mail", 1, "Dear {{ name }},")
    made.create_version("mail", "Hello {{ name }},")
    for file, name in ((tmp_path / "tone" / "v1.j2", "tone"), (by_hand, "mail")):
        kept = file.read_text()
        file.write_text(f"{kept}And brief.")
        with pytest.raises(
            PromptError, match=rf"prompt '{name}', version 1: its file .* was changed .* prompts new {name}"
        ):
            Library(tmp_path).get(name, 1)
        file.write_text(kept)
        assert Library(tmp_path).get(name, 1).version == 1


def test_an_old_version_that_was_written_by_hand_is_kept_from_its_first_use_on(tmp_path: Path, write: Write) -> None:
    """The latest one may be worked on; a folder that can't be written to is only read."""
    first, second = write("tone", 1, "Be kind."), write("tone", 2, "Be kind and brief.")
    Library(tmp_path).get("tone", 2)
    second.write_text("Be brief.")
    assert Library(tmp_path).render("tone", {}, 2) == "Be brief."
    Library(tmp_path).get("tone", 1)
    first.write_text("Be rude.")
    with pytest.raises(PromptError, match="version 1: its file .* was changed"):
        Library(tmp_path).get("tone", 1)
    first.write_text("Be kind.")
    (tmp_path / "tone" / "history").unlink()
    (tmp_path / "tone" / "history").mkdir()
    assert Library(tmp_path).render("tone", {}, 1) == "Be kind."


def test_a_broken_version_does_not_stop_the_next_one(tmp_path: Path, write: Write) -> None:
    """One written by hand that can't be read is refused by its number alone."""
    write("tone", 1, "Be kind.")
    write("tone", 2, "{{ a")
    library = Library(tmp_path)
    with pytest.raises(PromptError, match="version 2"):
        library.get("tone", 2)
    library.promote("tone", 1)
    assert library.get("tone").version == 1
    write("tone", 2, "Be brief.")
    assert library.render("tone", {}, 2) == "Be brief."


def test_your_folder_lies_beside_the_shipped_one(tmp_path: Path) -> None:
    """A new version of a shipped prompt is yours; the installed package is never written to."""
    library = Library(tmp_path)
    before = sorted(str(file) for file in Path(str(shipped("prompts"))).rglob("*"))
    assert library.create_version("extraction", "Take {{ target_fields }} from {{ html_content }}.") == 2
    assert library.versions("extraction") == library.versions("extraction_v1") == [1, 2]
    assert library.get("extraction", 1).text == (shipped("prompts") / "extraction" / "v1.j2").read_text()
    assert (tmp_path / "extraction" / "v2.j2").is_file()
    assert sorted(str(file) for file in Path(str(shipped("prompts"))).rglob("*")) == before


def test_a_new_version_takes_over_the_front_matter(tmp_path: Path, write: Write) -> None:
    """Word for word where the variables are the same; those that came are declared, those that went are not."""
    variables = "variables: {name: {type: str, description: Whose.}, day: str}"
    head = f"---\ndescription: For mails.  # a comment\n{variables}\n---\n"
    write("mail", 1, head + "Dear {{ name }}, it is {{ day }}.")
    library = Library(tmp_path)
    assert library.create_version("mail", "Hello {name}! It is {day}.") == 2
    assert library.get("mail", 2).text == f"{head}Hello {{{{ name }}}}! It is {{{{ day }}}}.\n"
    assert library.create_version("mail", "Hello {{ name }} of {{ town }}!", syntax="jinja") == 3
    third = library.get("mail", 3)
    assert (third.head.description, list(third.variables)) == ("For mails.", ["name", "town"])
    assert third.variables["name"].description == "Whose."
    own = "---\nvariables: [x]\n---\n{{ x }}\n"
    assert library.get("mail", library.create_version("mail", own)).text == own


def test_nothing_is_written_of_a_text_that_is_wrong(tmp_path: Path) -> None:
    """Nor of one that nobody can tell the syntax of."""
    library = Library(tmp_path)
    library.register("tone", "Be {{ how }}.")
    for text in ("{{ how", "{how} {{ how }}", "---\nvariables: [a]\n---\nb", "---\nnope: 1\n---\nb"):
        with pytest.raises((PromptError, ConfigError)):
            library.create_version("tone", text)
    with pytest.raises(PromptError, match="'who' is declared and never used"):
        library.register("mail", "Dear {name}", ["name", "who"], "format")
    assert [str(file.relative_to(tmp_path)) for file in sorted(tmp_path.rglob("*.j2"))] == ["tone/v1.j2"]


def test_registering_again_changes_nothing_and_another_text_is_refused(tmp_path: Path) -> None:
    """So a program can register its prompts each time that it starts."""
    library = Library(tmp_path)
    assert [library.register("tone", "Be {how}.", ["how"]) for _ in range(2)] == [1, 1]
    assert Library(tmp_path).register("tone", "Be {how}.", ["how"]) == 1
    library.create_version("tone", "Stay {how}.")
    assert library.register("tone", "Be {how}.", ["how"]) == 1
    with pytest.raises(PromptError, match="create_version"):
        library.register("tone", "Never be {how}.", ["how"])
    assert library.versions("tone") == [1, 2]


def test_inline_prompts_are_version_1(tmp_path: Path, write: Write) -> None:
    """The next version is a file; a name that is in a folder too is an error."""
    library = Library(tmp_path, inline={"hello": "Hello {name}.", "extraction": "x"}, wall=lambda: 86_400.0)
    assert library.render("hello", {"name": "Ada"}) == "Hello Ada."
    assert library.created_at("hello", 1) == datetime.fromtimestamp(86_400, UTC)
    assert library.create_version("hello", "Hi {{ name }}.") == 2
    assert library.versions("hello") == [1, 2]
    with pytest.raises(PromptError, match="both in prompt_templates and in"):
        library.get("extraction")


def test_what_another_process_adds_is_seen_within_a_second(tmp_path: Path) -> None:
    """And at once by the one that added it."""
    now = [0.0]
    here, there = Library(tmp_path, clock=lambda: now[0]), Library(tmp_path)
    here.register("tone", "one")
    assert here.versions("tone") == [1]
    there.create_version("tone", "two")
    there.promote("tone", 2)
    assert (there.versions("tone"), here.versions("tone")) == ([1, 2], [1])
    now[0] += 1.1
    assert here.labels("tone") == {"production": 2, "latest": 2}


def test_a_thousand_prompts_are_read_one_by_one(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening, listing and describing the library compiles none; what is asked for is compiled once."""
    for n in range(1000):
        write(f"p{n}", 1, f"---\ndescription: number {n}\n---\nprompt {n}")
    compiled: list[str] = []
    real = module.read
    monkeypatch.setattr(module, "read", lambda name, *args, **kw: compiled.append(name) or real(name, *args, **kw))
    library = Library(tmp_path)
    names = [name for name in library.names() if name.startswith("p")]
    assert len(names) == 1000
    assert [library.description(name) for name in names[:3]] == ["number 0", "number 1", "number 10"]
    assert compiled == []
    assert {library.render("p7") for _ in range(3)} == {"prompt 7"}
    assert compiled == ["p7"]


WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from orchestra.prompting import Library
library = Library(sys.argv[1])
with ThreadPoolExecutor(500) as pool:
    made = pool.map(lambda n: library.create_version("tone", f"{sys.argv[2]} {n}"), range(500))
    print(*made)
"""


def test_no_number_is_given_twice(tmp_path: Path) -> None:
    """Two processes of 500 threads each make versions at once: each has its own number, with its text in it."""
    Library(tmp_path).register("tone", "one")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, who], stdout=subprocess.PIPE, env=environment, text=True) for who in "ab"]
    made = [[int(number) for number in writer.communicate(timeout=120)[0].split()] for writer in writers]
    assert sorted(number for numbers in made for number in numbers) == list(range(2, 1002))
    library = Library(tmp_path)
    for who, numbers in zip("ab", made, strict=True):
        assert [library.text("tone", number).strip() for number in numbers] == [f"{who} {n}" for n in range(500)]
    assert library.found("tone").digests == {n: digest_of(library.text("tone", n)) for n in range(1, 1002)}
    assert {file.name for file in (tmp_path / "tone").iterdir()} == {"history", *(f"v{n}.j2" for n in range(1, 1002))}


def test_two_programs_that_register_at_once_agree(tmp_path: Path) -> None:
    """The same text is one version, whoever wins."""
    libraries = [Library(tmp_path) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda library: library.register("tone", "Be {how}.", ["how"]), libraries)) == {1}


def test_a_history_that_was_spoilt_is_named_with_its_line(tmp_path: Path, write: Write) -> None:
    """As after a bad merge."""
    write("tone", 1, "Be kind.")
    Library(tmp_path).promote("tone")
    with (tmp_path / "tone" / "history").open("a") as file:
        file.write("<<<<<<< HEAD\n")
    with pytest.raises(PromptError, match=r"history:3: no line of a history"):
        Library(tmp_path).get("tone")


def every_shipped() -> list[str]:
    return sorted(place.name for place in shipped("prompts").iterdir() if place.is_dir())


@pytest.mark.parametrize("name", every_shipped())
def test_every_shipped_prompt_can_be_read_and_says_what_it_is_for(tmp_path: Path, name: str) -> None:
    """And the variables of its own tests fit it."""
    library = Library(tmp_path)
    for version in library.versions(name):
        template = library.get(name, version)
        assert template.head.description
        for case in template.head.tests:
            assert template.messages(case.variables)
