"""`orchestra schema`: the policy file for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def schema(run) -> Any:
    found = run("schema").json
    jsonschema.Draft202012Validator.check_schema(found)
    return found


@pytest.mark.parametrize("name", ["classic.yaml", "default.yaml"])
def test_the_shipped_files_are_valid_by_it(schema: Any, name: str) -> None:
    """An editor that knows the schema finds nothing wrong in what ships, short forms included."""
    jsonschema.validate(yaml.safe_load((CONFIG / name).read_text()), schema)


@pytest.mark.parametrize(
    "wrong",
    [
        {"deadline": 3},
        {"policies": {"a": {"kind": "rout"}}},
        {"policies": {"a": {"kind": "route", "otherwise": 3}}},
        {"policies": {"a": {"kind": "route", "rules": [{"when": {"task": 3}, "use": "x"}], "otherwise": "x"}}},
        {"models": {"a": {"litellm": "x", "price": 3}}},
    ],
    ids=str,
)
def test_mistakes_are_not(schema: Any, wrong: dict[str, Any]) -> None:
    """The short forms do not open the schema to everything."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


@pytest.mark.parametrize(
    "right",
    [
        {"models": {"a": "groq/x"}},
        {"policies": {"a": "gpt-4o", "b": {"kind": "retry", "model": {"kind": "fallback", "models": ["a", "b"]}}}},
        {"policies": {"a": {"kind": "route", "rules": [{"when": {"input_tokens": ["> 5", "< 9"]}, "use": "x"}]}}},
        {"providers": {"openai": {"api_key": "os.environ/OPENAI_API_KEY"}}},
    ],
    ids=str,
)
def test_what_the_reader_takes_it_takes(schema: Any, right: dict[str, Any]) -> None:
    """Names for nodes, one for a list, text for comparisons."""
    jsonschema.validate(right, schema)


def test_a_key_that_is_absent_from_a_file_is_off(schema: Any) -> None:
    """The defaults are those of a file, not those of `APISettings()`."""
    found = {name: about.get("default") for name, about in schema["properties"].items()}
    assert (found["default_model"], found["max_requests_per_minute"], found["max_retries"]) == (None, None, 0)
