"""A YAML file that remembers how it was written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.errors import ConfigError
from orchestra.settings.document import Document, spoken, steps, value_of

CONFIG = Path(__file__).parents[2] / "config"
TEXT = """\
# top
a:
    b: 'one'    # first
    c: {d: [1, 2], "e.f": null}

list:
- x   # in a list
- {y: ~}
last: |
  some
  lines
# end
"""

words = st.text(st.characters(exclude_characters='"', exclude_categories=("Cs", "Cc")), min_size=1)
paths = st.lists(words | st.integers(0, 99), min_size=1).map(tuple)


@pytest.mark.parametrize("name", ["classic.yaml", "default.yaml"])
def test_an_unchanged_file_stays_as_it_was_to_the_letter(name: str) -> None:
    """Comments, quotes, flow style, blank lines and indentation outlive the reading and writing."""
    text = (CONFIG / name).read_text()
    assert Document(text).text == text


def test_a_change_touches_one_line() -> None:
    """What was written around the key is there afterwards."""
    document = Document((CONFIG / "classic.yaml").read_text())
    before = document.text.splitlines()
    document.put(("policies", "default", "rules", 3, "use"), "gpt-4o")
    document.put(("max_retries",), 5)
    changed = [(old, new) for old, new in zip(before, document.text.splitlines(), strict=True) if old != new]
    assert [old.strip().partition(":")[0] for old, _ in changed] == ["max_retries", "- {name"]


def test_a_null_is_written_out() -> None:
    """`null` says more than nothing at all."""
    document = Document("a: null\n")
    document.put(("b",), None)
    assert document.text == "a: null\nb: null\n"


def test_the_way_to_a_new_key_is_made() -> None:
    """Maps that are not there, or that are empty, are made on the way."""
    document = Document("a:\n")
    document.put(("a", "b", "c"), 1)
    document.put(("x", "y"), 2)
    assert document.data == {"a": {"b": {"c": 1}}, "x": {"y": 2}}


@pytest.mark.parametrize("path", [("list", 2), ("list", "x"), ("list", 2, "y"), ("a", 0)], ids=spoken)
def test_a_list_is_not_made_longer(path: tuple[str | int, ...]) -> None:
    """A place that a list does not have is refused, with the places that it has."""
    with pytest.raises(ConfigError, match=r"is a list of 2: its entries are \[0\] to \[1\]|is no list"):
        Document(TEXT).put(path, 1)


def test_taking_a_key_takes_the_maps_that_it_leaves_empty() -> None:
    """Nothing that says nothing stays behind."""
    document = Document("a: {b: {c: 1}}\nd: {e: 1, f: 2}\n")
    document.take(("a", "b", "c"))
    document.take(("d", "e"))
    assert document.data == {"d": {"f": 2}}
    with pytest.raises(ConfigError, match="'a.b' is not set"):
        document.take(("a", "b"))


def test_what_was_put_is_found() -> None:
    """`get` reads through maps and lists, and gives `None` for what is not there."""
    document = Document(TEXT)
    assert document.get(("a", "c", "d", 1)) == 2
    assert document.get(("a", "c", "e.f")) is None
    assert document.get(("a", "zzz", "d")) is None
    assert document.get(("last", "d")) is None


@given(paths)
def test_a_path_is_read_as_it_is_spoken(path: tuple[str | int, ...]) -> None:
    """Every path has a spoken form, quotes where they are needed, and reading it gives the path."""
    assert steps(spoken(path)) == path


@pytest.mark.parametrize("key", ["a..b", ".a", "a.", 'a."b', "a[x]", "a[0]b", "a b]"])
def test_what_is_no_path_is_refused(key: str) -> None:
    """The error shows how keys are written."""
    with pytest.raises(ConfigError, match="is no key; keys are written as"):
        steps(key)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("groq:fast", "groq:fast"),
        ("[a, b]", ["a", "b"]),
        ("{a: 1}", {"a": 1}),
        ("> 5000", "> 5000"),
        ("@x", "@x"),
    ],
)
def test_values_are_yaml_and_else_text(text: str, value: object) -> None:
    """What a shell user types is what a file would hold."""
    assert value_of(text) == value
