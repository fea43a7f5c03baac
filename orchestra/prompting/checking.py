"""Whether an answer is what a prompt's test expects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestra.llm.answers import FENCE
from orchestra.prompting.head import Expectation


def faults(answer: str, expect: Expectation, schema: Mapping[str, Any] | None = None) -> list[str]:
    """What is wrong with an answer, a line each; it must also fit the schema where there is one."""
    return [*_texts(answer, expect), *_data(answer, expect, schema)]


def schema_fault(schema: Mapping[str, Any]) -> str:
    """What is wrong with a JSON schema; empty when nothing is."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{error.json_path}: {error.message}"
    return ""


def _texts(answer: str, expect: Expectation) -> Iterator[str]:
    yield from (f"it does not contain {text!r}" for text in expect.contains if text not in answer)
    yield from (f"it contains {text!r}" for text in expect.lacks if text in answer)
    if expect.matches is not None and re.search(expect.matches, answer) is None:
        yield f"it does not match {expect.matches!r}"
    if isinstance(expect.equals, str) and answer.strip() != expect.equals.strip():
        yield f"it is not {expect.equals!r}"


def _data(answer: str, expect: Expectation, schema: Mapping[str, Any] | None) -> Iterator[str]:
    compared = expect.equals is not None and not isinstance(expect.equals, str)
    if not compared and schema is None:
        return
    fenced = FENCE.search(answer)
    try:
        data = json.loads(fenced.group(1) if fenced else answer)
    except ValueError as error:
        yield f"it is no JSON: {error}"
        return
    if compared and data != expect.equals:
        yield f"it is {json.dumps(data, ensure_ascii=False)}, not {json.dumps(expect.equals, ensure_ascii=False)}"
    if schema is not None:
        from jsonschema import Draft202012Validator

        for wrong in Draft202012Validator(schema).iter_errors(data):
            yield f"it does not fit the schema at {wrong.json_path}: {wrong.message}"
