"""Judges' verdicts, as models write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.ensemble.verdict import said, share, yes


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ('{"reason": "shorter", "better": "A"}', "A"),
        ('Let me see. {"better": "B"} was my first thought.\n```json\n{"better": "tie"}\n```', "tie"),
        ('{"reason": "he said "so", "better": "B"}', "B"),
        ("better: A", "A"),
        ("**Better**: B", "B"),
        ("Neither convinces.", None),
        ('{"verdict": {"better": "A"}}', "A"),
        ("echo: hello", None),
    ],
)
def test_a_field_is_read_from_good_and_from_broken_json(text: str, better: str | None) -> None:
    """The last word counts."""
    assert said(text, "better") == better


@pytest.mark.parametrize(
    ("value", "whole", "expected"),
    [
        (0.85, 1, 0.85),
        ("85 %", 1, 0.85),
        ("7/10", 1, 0.7),
        (7, 10, 0.7),
        (12, 10, 1.0),
        (True, 1, None),
        ("so", 1, None),
    ],
)
def test_a_share_is_read_from_any_form(value: Any, whole: float, expected: float | None) -> None:
    """Cut to what a share can be."""
    assert share(value, whole) == expected


@pytest.mark.parametrize(("value", "meaning"), [(True, True), ("No", False), ("maybe", None), (None, None)])
def test_yes_and_no(value: Any, meaning: bool | None) -> None:
    """In words and as JSON."""
    assert yes(value) is meaning


@given(st.text(alphabet='{}[]":, ab1\\n', max_size=60))
def test_no_text_breaks_the_reading(text: str) -> None:
    """Whatever a judge says, it is read or not read."""
    assert said(text, "c") is None
    said(text, "a")
