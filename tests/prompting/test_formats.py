"""Templates of str.format as Jinja, and how the two are told apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra import PromptError
from orchestra.prompting.formats import converted, jinja, told
from orchestra.prompting.template import read

PIECES = st.one_of(
    st.sampled_from(
        ["{{", "}}", "{a}", "{b}", "{a!s}", "{d[key]}", "{l[1]}", "{%", "%}", "{#", "#}", "{{{{", "\n", " "]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="{}\r", exclude_categories=["Cs"]), max_size=5),
)
VALUES = {"a": "one {b} {{ b }}", "b": 2, "d": {"key": "value"}, "l": [1, "two"]}


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_is_imported_says_what_str_format_said(text: str) -> None:
    """Whatever braces and delimiters are in it; blank space at its two ends aside."""
    try:
        before = text.strip().format(**VALUES)
    except (ValueError, KeyError, IndexError, AttributeError):
        return
    if not before.strip():
        return
    template = read("imported", 1, jinja(text.strip()))
    assert template.render({name: VALUES[name] for name in template.variables}).strip() == before.strip()


TOLD = {
    "fields that are declared": ("{a} {{literal}} {b}", ["a", "b"], "format"),
    "JSON with doubled braces": ('{a}: {{"x": 1}}', ["a"], "format"),
    "Jinja": ("{{ a }} {% if b %}x{% endif %}", ["a", "b"], "jinja"),
    "Jinja with JSON in it": ('{"x": 1} {{ a }}', ["a"], "jinja"),
    "fields, nothing declared": ("{a}", None, "format"),
    "plain text": ("hello", ["a"], "jinja"),
}


@pytest.mark.parametrize(("text", "declared", "wanted"), TOLD.values(), ids=TOLD)
def test_the_syntax_is_told_from_the_text(text: str, declared: list[str] | None, wanted: str) -> None:
    """Fields that are the declared variables are str.format; double braces around names are Jinja."""
    assert told(text, declared) == wanted


@pytest.mark.parametrize(
    ("text", "declared"), [("{a} {{ a }}", ["a"]), ("{a} {{ b }}", ["a", "b"]), ("{{ a }}", []), ("{a} {{b}}", None)]
)
def test_what_could_be_either_is_an_error(text: str, declared: list[str] | None) -> None:
    """Guessing would send the wrong prompt."""
    with pytest.raises(PromptError, match="syntax='jinja' or 'format'"):
        converted(text, "auto", declared)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "has no name"),
        ("{0}", "has no name"),
        ("{a.b}", "attribute"),
        ("{a:>10}", "filter"),
        ("{a!r}", "filter"),
        ("{a", "no template of str.format"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(text: str, said: str) -> None:
    """Never imported as something else."""
    with pytest.raises(PromptError, match=said):
        converted(text, "format")
