"""JSON and code literals, by value."""

from __future__ import annotations

import ast
import json
import math
import re
import unicodedata
import warnings
from collections.abc import Hashable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

DEEPEST = 40
LARGEST_EXPONENT = 300
LONGEST_LITERAL = 20_000
MOST_FAILED = 200
"""Braces and brackets of one text that turn out not to begin JSON; after so many it is taken to have none."""
DECODER = json.JSONDecoder(strict=False, parse_float=Decimal)
FENCE = re.compile(r"```[\w+-]*[ \t]*\n?(.*?)```", re.DOTALL)


def json_form(text: str) -> Hashable | None:
    """The first JSON object or array of a text, by value; `None` where there is none."""
    for value in json_values(text):
        return canonical(value)
    return None


def json_values(text: str) -> Iterator[Any]:
    """Each JSON object or array of a text that is not inside another, in order."""
    at = failed = 0
    while (
        failed < MOST_FAILED
        and (begin := min((p for p in (text.find("{", at), text.find("[", at)) if p >= 0), default=-1)) >= 0
    ):
        try:
            value, at = DECODER.raw_decode(text, begin)
        except (ValueError, RecursionError):
            at, failed = begin + 1, failed + 1
            continue
        yield value


def canonical(value: Any, depth: int = 0) -> Hashable:
    """A value as what it is compared by: the order of keys, the form of numbers and an absent null do not count."""
    if depth > DEEPEST:
        return ("deep", repr(value))
    match value:
        case None:
            return None
        case bool():
            return ("bool", value)
        case int() | Decimal() | float():
            return ("number", Fraction(value) if _finite(value) else str(value))
        case str():
            return ("text", unicodedata.normalize("NFC", value).strip())
        case Mapping():
            parts = {str(name): canonical(part, depth + 1) for name, part in value.items() if part is not None}
            return ("object", tuple(sorted(parts.items(), key=lambda part: part[0])))
        case list() | tuple():
            return ("list", tuple(canonical(part, depth + 1) for part in value))
        case _:
            return (type(value).__name__, repr(value))


def code_form(text: str) -> Hashable:
    """A Python literal by value; what is none is a string. Outer quotes do not count: a JSON field loses them."""
    fenced = FENCE.fullmatch(text.strip())
    value: Any = None
    inner: Any = _literal(fenced[1] if fenced else text)
    while isinstance(inner, str) and inner != value:
        value, inner = inner, _literal(inner) if inner == inner.strip() else inner
    return _typed(inner)


def _literal(text: str) -> Any:
    if len(text) > LONGEST_LITERAL:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape that Python does not know, in an answer
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text


def _typed(value: Any, depth: int = 0) -> Hashable:
    if depth > DEEPEST:
        return ("deep", repr(value))
    match value:
        case bool() | None | str() | bytes():
            return (type(value).__name__, value)
        case int() | float() | complex():
            return ("number", value if value == value else "nan")  # a nan differs from itself
        case list() | tuple():
            return (type(value).__name__, tuple(_typed(part, depth + 1) for part in value))
        case set() | frozenset():
            return ("set", frozenset(_typed(part, depth + 1) for part in value))
        case dict():
            return (
                "dict",
                frozenset((_typed(name, depth + 1), _typed(part, depth + 1)) for name, part in value.items()),
            )
        case _:
            return (type(value).__name__, repr(value))


def _finite(value: float | Decimal) -> bool:
    """It is a number that can be written out: not one such as 1e999999999, as whose fraction memory would end."""
    if isinstance(value, Decimal):
        return value.is_finite() and abs(value.adjusted()) <= LARGEST_EXPONENT
    return isinstance(value, int) or math.isfinite(value)
