"""Templates of `str.format`, and how they are told from Jinja's."""

from __future__ import annotations

import re
from collections.abc import Collection
from string import Formatter
from typing import Literal

from orchestra.errors import PromptError

Syntax = Literal["auto", "jinja", "format"]

JINJA = re.compile(r"\{\{|\{%|\{#")
PLACE = re.compile(r"(?P<name>[A-Za-z_]\w*)(?P<keys>(\[[^\]\[]+\])*)")
KEY = re.compile(r"\[([^\]]+)\]")


def converted(text: str, syntax: Syntax = "auto", declared: Collection[str] | None = None, template: str = "") -> str:
    """The text as Jinja. `auto` finds out what it is written in; `declared` are its variables, where they are known.

    Raises `PromptError` where that can't be told, and for what has no counterpart in Jinja; `template` is named in it.
    """
    try:
        if syntax == "auto":
            syntax = told(text, declared)
        return jinja(text) if syntax == "format" else text
    except PromptError as error:
        raise PromptError(str(error), template=template) from error


def told(text: str, declared: Collection[str] | None = None) -> Literal["jinja", "format"]:
    """What a text is written in: `str.format` where its fields are the declared variables and nothing speaks for Jinja.

    Raises `PromptError` where it could be either.
    """
    fields = fields_of(text)
    if not JINJA.search(text):
        return "format" if fields else "jinja"
    if not fields:
        if "{{" in text and fields is not None and declared is not None and not declared:
            raise _undecided()
        return "jinja"
    if declared is not None and fields == set(declared) and not _expressions(text) & fields:
        return "format"
    raise _undecided()


def jinja(text: str) -> str:
    """A `str.format` template as Jinja; raises `PromptError` for a field that Jinja writes in another way."""
    made, literal = "", ""
    try:
        for piece, field, spec, conversion in Formatter().parse(text):
            literal += piece  # a doubled brace ends a piece
            if field is not None:
                made += f"{_escaped(literal, before_field=True)}{{{{ {_expression(field, spec, conversion)} }}}}"
                literal = ""
    except ValueError as error:
        raise PromptError(f"no template of str.format: {error}; a literal brace is written twice") from None
    return made + _escaped(literal)


def fields_of(text: str) -> set[str] | None:
    """The names that a `str.format` template takes; `None` where the text is none."""
    try:
        fields = [field for _, field, _, _ in Formatter().parse(text) if field is not None]
    except ValueError:
        return None
    found = [PLACE.fullmatch(field) for field in fields]
    return None if None in found else {match["name"] for match in found if match}


def _expressions(text: str) -> set[str]:
    """The names that stand alone between double braces, as Jinja's variables do."""
    return set(re.findall(r"\{\{-?\s*(\w+)\s*-?\}\}", text))


def _escaped(literal: str, before_field: bool = False) -> str:
    """Text that Jinja leaves as it is."""
    text = re.sub(r"\{(?=[{%#])", "{{ '{' }}", literal)
    return text[:-1] + "{{ '{' }}" if before_field and text.endswith("{") else text


def _expression(field: str, spec: str | None, conversion: str | None) -> str:
    place = PLACE.fullmatch(field)
    if place is None:
        said = "has no name" if not field or field.isdigit() else "reads an attribute or is no name"
        raise PromptError(f"the field {{{field}}} {said}; give it a name of its own")
    if spec or conversion not in (None, "s"):
        raise PromptError(f"the field {{{field}}} has a format; in Jinja that is a filter, such as '|round(2)'")
    keys = [key if key.isdigit() else repr(key) for key in KEY.findall(place["keys"])]
    return place["name"] + "".join(f"[{key}]" for key in keys)


def _undecided() -> PromptError:
    return PromptError("it could be Jinja or a template of str.format; say which with syntax='jinja' or 'format'")
