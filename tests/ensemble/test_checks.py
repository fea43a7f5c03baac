"""Judges that need no model."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from orchestra.ensemble.checks import Adds, Fits, Matches, Parses, Resembles
from orchestra.ensemble.schema import Schema
from orchestra.errors import ConfigError
from orchestra.types import Response

from .judging import request


class Lamp(BaseModel):
    name: str
    price: float


SCHEMA = {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]}


def issues(check: Any, text: str) -> list[str]:
    found: list[str] = check.issues(Response(text=text, model="m"))
    return found


@pytest.mark.parametrize(
    "schema", [SCHEMA, Lamp, {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}]
)
def test_an_answer_fits_its_schema(schema: Any) -> None:
    """JSON schema, pydantic class or `response_format`; each issue says where."""
    check = Fits(Schema.of(schema))
    assert issues(check, 'Here: ```json\n{"name": "x", "price": 2.5}\n```') == []
    (issue,) = issues(check, '{"name": "x", "price": "dear"}')
    assert issue.startswith("price: ")
    assert issues(check, "I don't know") == ["the answer has no JSON"]


def test_any_object_fits_where_nothing_is_said() -> None:
    """`json_object` asks for no more."""
    assert issues(Fits(Schema.of({"type": "json_object"})), '{"a": 1}') == []


def test_what_is_no_schema_is_refused() -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigError, match="no JSON schema"):
        Schema({"type": "lamp"})


def test_a_pattern_and_a_reference() -> None:
    """Found anywhere; the same by value."""
    assert issues(Matches(r"^\d+$"), "42") == []
    assert issues(Matches(r"^\d+$"), "about 42") != []
    assert issues(Resembles("$1,234.50"), "The answer is 1234.5 USD") == []
    assert issues(Resembles("41"), "42") == ["the answer is not the reference"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("First 3 × 14 = 42, then 42 - 2 = 40.", 0),
        ("So $3.50 * 2 = $7 and 10 / 3 = 3.33.", 0),
        ("We have 2 + 3 * (4 - 1) = 11.", 0),
        ("17 + 5 = 23 apples", 1),
        ("1,200 - 200 = 900 and 2+2=5", 2),
        ("x = 3, and on 2024-05-01 = nothing", 0),
        ("1 / 0 = 3", 0),
        ("that is 20% of 50 = 10", 0),
        ("9 ** 9 ** 9 ** 9 = 1", 0),
    ],
)
def test_equations_that_do_not_hold_are_found(text: str, wrong: int) -> None:
    """Those written out in plain numbers; rounding is no error."""
    assert len(issues(Adds(), text)) == wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("```python\nprint(1)\n```\nand ```py\nx = '\\d'\n```", 0),
        ("print(1)", 0),
        ("```python\nprint(1\n```", 1),
        ("```python\nok = 1\n```\n```python\ndef f(:\n```", 1),
        ("I would call print.", 1),
        ("```python\n__import__('os').abort()\n```", 0),
    ],
)
def test_python_is_parsed_and_never_run(text: str, wrong: int) -> None:
    """Every block of it; the issue says what and where."""
    assert len(issues(Parses(), text)) == wrong


async def test_a_check_is_a_judge() -> None:
    """One verdict for each answer: 1, or 0 with the issues."""
    good, bad = await Matches("x")(request(), [Response(text="x", model="m"), Response(text="y", model="m")])
    assert (good.score, bad.score, bad.reason) == (1.0, 0.0, "nothing in the answer matches 'x'")
