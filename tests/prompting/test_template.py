"""One version of a prompt: its front matter, its turns, its variables, and where a mistake is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra import ConfigError, PromptError
from orchestra.prompting import Library
from orchestra.prompting.head import Case, Head, head_of, split, written
from orchestra.prompting.template import read

PLAIN = st.recursive(
    st.sampled_from(
        ["1e3", "0o7", "yes", "null", "~", "1_000", "2026-01-01", "", "- a", "a: b", "a\n\nb\n", "---", 1.0, True]
    )
    | st.none()
    | st.integers(-(2**40), 2**40)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab_", max_size=3), inner, max_size=3),
    max_leaves=6,
)

EXTRACTION = """\
---
description: Takes fields out of a page.
variables:
  fields: list
  html: {type: str, description: The page.}
  examples: {type: list, default: []}
  limit: {type: int, default: 10}
params: {temperature: 0}
---
{% system %}
You extract {{ fields|join(', ') }}; at most {{ limit }}.
{% endsystem %}

{% for example in examples %}
{% user %}{{ example.html }}{% enduser %}
{% assistant %}{{ example.answer|tojson }}{% endassistant %}
{% endfor %}

{% user %}
Page: {{ html }}
{% enduser %}
"""


def test_turns_come_out_as_messages_and_examples_as_turns() -> None:
    """The blank space of the file is left out, that of a variable is kept."""
    template = read("extraction", 2, EXTRACTION)
    shots = [{"html": "<b>$5</b>", "answer": {"price": "$5"}}]
    assert template.messages({"fields": ["price", "name"], "html": "  <i> \n", "examples": shots}) == (
        {"role": "system", "content": "You extract price, name; at most 10."},
        {"role": "user", "content": "<b>$5</b>"},
        {"role": "assistant", "content": '{"price": "$5"}'},
        {"role": "user", "content": "Page:   <i> \n"},
    )
    assert template.labels == {"prompt": "extraction", "prompt_version": "2"}


def test_a_text_without_turns_is_one_message_of_the_user() -> None:
    """With neither front matter nor declarations: what is used is what it takes."""
    template = read("plain", 1, "\nSay {{ word }} to {{ name }}.\n")
    assert list(template.variables) == ["word", "name"]
    assert template.messages({"word": "hi", "name": "Ada"}) == ({"role": "user", "content": "Say hi to Ada."},)


def test_images_stand_where_they_were_put() -> None:
    """As a URL, or as LiteLLM's own part with its detail; text around them stays text."""
    body = "{% user %}Left:{% image one %}right:{% image two %}{% enduser %}"
    text = f"---\nvariables: {{one: image, two: image}}\n---\n{body}"
    detailed = {"url": "data:image/png;base64,AA==", "detail": "low"}
    (message,) = read("compare", 1, text).messages({"one": "https://example.com/a.png", "two": detailed})
    assert message["content"] == [
        {"type": "text", "text": "Left:"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "text", "text": "right:"},
        {"type": "image_url", "image_url": detailed},
    ]
    with pytest.raises(PromptError, match="images"):
        read("compare", 1, text).render({"one": "a", "two": "b"})


def test_a_turn_that_comes_to_nothing_is_left_out() -> None:
    """And a prompt that comes to nothing is an error."""
    template = read("maybe", 1, "{% system %}{{ rules }}{% endsystem %}{% user %}{{ text }}{% enduser %}")
    assert template.messages({"rules": " ", "text": "hi"}) == ({"role": "user", "content": "hi"},)
    with pytest.raises(PromptError, match="comes to nothing"):
        template.messages({"rules": "", "text": ""})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"html": "x"}, "line 11: the variable 'fields' is missing"),
    "extra": ({"fields": [], "html": "x", "hmtl": 1}, "line 1: it takes no variable 'hmtl'; it takes fields, html"),
    "text for a list": ({"fields": "a", "html": "x"}, "line 11: the variable 'fields' is a str, not a list"),
    "list for a text": ({"fields": [], "html": []}, "line 20: the variable 'html' is a list, not a str"),
    "boolean for a number": (
        {"fields": [], "html": "", "limit": True},
        "line 11: the variable 'limit' is a bool, not an",
    ),
    "null": ({"fields": [], "html": None}, "line 20: the variable 'html' is null, not a str"),
    "a part that is not there": (
        {"fields": [], "html": "", "examples": [{"html": "x"}]},
        "line 16: 'dict object' has no attribute 'answer'",
    ),
}


@pytest.mark.parametrize(("variables", "wanted"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_variable_is_named_with_template_version_and_line(variables: dict[str, Any], wanted: str) -> None:
    """Before anything is sent: missing, unknown, of another type, or without a part that is used."""
    with pytest.raises(PromptError) as refused:
        read("extraction", 2, EXTRACTION).messages(variables)
    assert str(refused.value).startswith(f"prompt 'extraction', version 2, {wanted}")
    assert (refused.value.template, refused.value.version) == ("extraction", 2)


def test_types_take_what_fits_them() -> None:
    """A whole number is a float, a variable whose default is null may be null, `any` takes all plain data."""
    head = "variables: {a: float, b: {type: str, default: null}, c: any, d: bool, e: dict}"
    template = read("types", 1, f"---\n{head}\n---\n{{{{ [a, b, c, d, e] }}}}")
    assert template.render({"a": 1, "c": [None], "d": False, "e": {}}) == "[1, None, [None], False, {}]"
    assert template.render({"a": 1.5, "b": None, "c": 1, "d": True, "e": {"k": 1}}) == "[1.5, None, 1, True, {'k': 1}]"


MISTAKES = {
    "undeclared": (
        "---\nvariables: [a]\n---\n{{ a }}\n{{ b }}",
        PromptError,
        "line 5: the variable 'b' is not declared",
    ),
    "unused": ("---\nvariables: [a, b]\n---\n{{ a }}", PromptError, "the variable 'b' is declared and never used"),
    "syntax": ("---\nvariables: [a]\n---\n\n{{ a }", PromptError, "line 5: unexpected '}'"),
    "filter": ("{{ a }}\n{{ a|nope }}", PromptError, "line 2: No filter named 'nope'"),
    "loose text": ("Hi\n{% user %}a{% enduser %}", PromptError, "line 1: text outside of the turns"),
    "turn in a turn": (
        "{% user %}\n{% system %}a{% endsystem %}{% enduser %}",
        PromptError,
        "line 2: a turn can't stand",
    ),
    "unclosed": ("{% user %}\na", PromptError, "line 2: Unexpected end of template"),
    "unknown key": (
        "---\ndescripton: a\n---\nb",
        ConfigError,
        "o.j2:2: descripton: no such key 'descripton'; did you mean",
    ),
    "wrong type": (
        "---\n\nvariables:\n  a: string\n---\n{{ a }}",
        ConfigError,
        "o.j2:4: variables.a: input should be 'any', 'str'",
    ),
    "wrong default": (
        "---\nvariables: {a: {type: int, default: x}}\n---\n{{ a }}",
        ConfigError,
        "o.j2:2: variables.a: the",
    ),
    "yaml": ("---\na: [\n---\nb", ConfigError, "o.j2:3: not YAML"),
    "key twice": ("---\ndescription: a\ndescription: b\n---\nb", ConfigError, "o.j2:3: found duplicate key"),
    "an address": (
        "---\nparams: {api_base: x}\n---\nb",
        ConfigError,
        "o.j2:2: params: 'api_base' is nothing for a prompt",
    ),
    "expression": ("---\ntests: [{expect: {matches: '('}}]\n---\nb", ConfigError, "no regular expression"),
}


@pytest.mark.parametrize(("text", "kind", "wanted"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_file_is_found_at_its_line(text: str, kind: type[Exception], wanted: str) -> None:
    """When it is read, whoever reads it: nothing is skipped silently."""
    with pytest.raises(kind) as found:
        read("probe", 1, text, origin="o.j2")
    assert wanted in str(found.value)


@given(PLAIN)
def test_front_matter_that_is_written_is_read_again_as_it_was(value: Any) -> None:
    """Texts that look like numbers, dates or nulls included: a new version takes over what the last one said."""
    head = Head(description="é: #", tests=(Case(variables={"value": value}),))
    front, body = split(f"{written(head)}text")
    assert head_of(front, "o.j2") == head
    assert body.strip() == "text"


def test_a_yaml_tag_runs_nothing(tmp_path: Path) -> None:
    """It is refused where a value is expected, and the file that it would make is not there."""
    made = tmp_path / "made"
    text = f"---\ndescription: !!python/object/apply:pathlib.Path.touch ['{made}']\n---\nb"
    with pytest.raises((ConfigError, PromptError)):
        read("probe", 1, text)
    assert not made.exists()


@pytest.fixture
def shelf(tmp_path: Path) -> Callable[..., Library]:
    """A library of these texts: `shelf(tone="…", mail="…")`, or `("tone", 2)` by `shelf(tone=("…", "…"))`."""

    def make(**texts: str | tuple[str, ...]) -> Library:
        for name, versions in texts.items():
            for n, text in enumerate([versions] if isinstance(versions, str) else versions, 1):
                (tmp_path / name).mkdir(exist_ok=True)
                (tmp_path / name / f"v{n}.j2").write_text(text)
        return Library(tmp_path)

    return make


def test_a_partial_is_included_by_its_number(shelf: Callable[..., Library]) -> None:
    """With the variables of the place, loops included; those it needs from outside are the includer's too."""
    mail = "{% for person in people %}{% include 'line@2' %}{% endfor %}\n{% include 'tone@1' %}"
    library = shelf(line=("old {{ person }}", "{{ person }} ({{ tone }});"), tone="Be {{ tone }}.", mail=mail)
    template = library.get("mail")
    assert set(template.variables) == {"people", "tone"}
    assert template.render({"people": ["Ada", "Bob"], "tone": "kind"}) == "Ada (kind);Bob (kind);Be kind."


def test_a_partial_may_bring_its_turns(shelf: Callable[..., Library]) -> None:
    """A shared system message, for instance; text beside it must then be in a turn too."""
    rules = "{% system %}Be {{ tone }}.{% endsystem %}"
    library = shelf(
        rules=rules, ask="{% include 'rules@1' %}{% user %}{{ q }}{% enduser %}", bad="{% include 'rules@1' %}\nq"
    )
    assert [m["role"] for m in library.messages("ask", {"tone": "kind", "q": "?"})] == ["system", "user"]
    with pytest.raises(PromptError, match=r"prompt 'bad', version 1, line 2: text outside of the turns"):
        library.get("bad")


def test_a_partial_that_is_wrong_is_named_where_it_is_included(shelf: Callable[..., Library]) -> None:
    """One that is not there, one that is named without its number, and a circle."""
    library = shelf(
        a="x\n{% include 'nobody@1' %}",
        b="{% include 'a' %}",
        c="{% include 'd@1' %}",
        d="{% include 'c@1' %}",
        e="{{ x.y }}",
        f="\n{% include 'e@1' %}",
    )
    with pytest.raises(PromptError, match=r"prompt 'a', version 1, line 2: no prompt is called 'nobody'"):
        library.get("a")
    with pytest.raises(PromptError, match=r"line 1: 'a' is no address of a partial; .* a@1"):
        library.get("b")
    with pytest.raises(PromptError, match=r"partials include each other: c@1 → d@1 → c@1"):
        library.get("c")
    with pytest.raises(PromptError, match=r"prompt 'e', version 1, line 1: 'dict object' has no attribute 'y'"):
        library.messages("f", {"x": {}})


def test_includes_can_not_multiply_what_is_written(shelf: Callable[..., Library]) -> None:
    """A partial in a loop is paid for in advance, as any text in it."""
    library = shelf(big="a" * 1000, many="{% for a in range(99999) %}{% include 'big@1' %}{% endfor %}")
    with pytest.raises(PromptError, match="characters"):
        library.render("many")
