"""Answers, compared with what a prompt's test expects."""

from __future__ import annotations

from typing import Any

import pytest

from orchestra.prompting.checking import faults, schema_fault
from orchestra.prompting.head import Expectation

SCHEMA = {"type": "object", "required": ["price"], "properties": {"price": {"type": "number"}}}


@pytest.mark.parametrize(
    ("answer", "expect", "wrong"),
    [
        ("It costs $5.", {"contains": ["$5", "costs"], "lacks": "sorry", "matches": r"\$\d"}, []),
        (
            "Sorry.",
            {"contains": "$5", "lacks": ["Sorry"], "matches": r"\d"},
            ["contain '$5'", "contains 'Sorry'", "match"],
        ),
        (" yes\n", {"equals": "yes"}, []),
        ("no", {"equals": "yes"}, ["it is not 'yes'"]),
        ('{"a": [1]}', {"equals": {"a": [1]}}, []),
        ('```json\n{"a": 1}\n```', {"equals": {"a": 1}}, []),
        ('{"a": 2}', {"equals": {"a": 1}}, ['it is {"a": 2}, not {"a": 1}']),
        ("a: 1", {"equals": {"a": 1}}, ["it is no JSON"]),
    ],
)
def test_each_expectation_is_checked_by_itself(answer: str, expect: dict[str, Any], wrong: list[str]) -> None:
    """A line for each that is not met."""
    found = faults(answer, Expectation(**expect))
    assert len(found) == len(wrong)
    assert all(part in line for part, line in zip(wrong, found, strict=True))


def test_an_answer_must_fit_the_schema_of_its_prompt() -> None:
    """Whatever else is expected; each place that does not fit is named."""
    assert faults('{"price": 5}', Expectation(), SCHEMA) == []
    assert faults('{"price": "5"}', Expectation(), SCHEMA) == [
        "it does not fit the schema at $.price: '5' is not of type 'number'"
    ]
    assert "it is no JSON" in faults("five", Expectation(), SCHEMA)[0]
    assert schema_fault(SCHEMA) == ""
    assert schema_fault({"type": "number", "minimum": "x"}).startswith("$.minimum: ")
