"""What a structured answer must look like: a pydantic class, a JSON schema, or LiteLLM's `response_format`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestra.ensemble.forms.data import json_values
from orchestra.errors import ConfigError
from orchestra.types import Response


@dataclass(frozen=True, slots=True)
class Schema:
    """A pydantic class or a JSON schema; `None`: any JSON object."""

    given: Any = None

    def __post_init__(self) -> None:
        if self._class is None and isinstance(self.given, Mapping):
            from jsonschema import SchemaError
            from jsonschema.validators import validator_for

            try:
                validator_for(self.given).check_schema(dict(self.given))
            except SchemaError as error:
                raise ConfigError(f"no JSON schema: {error.message}") from error

    @classmethod
    def of(cls, response_format: Any) -> Schema:
        """The schema in a `response_format`, or one that is given bare."""
        if isinstance(response_format, Mapping) and response_format.get("type") in ("json_object", "json_schema"):
            named = response_format.get("json_schema") or {}
            return cls(named.get("schema") or response_format.get("response_schema"))
        return cls(response_format)

    def problems(self, value: Any) -> list[str]:
        """What is wrong with a value, one line each; none when it fits."""
        if self._class is not None:
            from pydantic import ValidationError

            try:
                self._class.model_validate(value)
            except ValidationError as error:
                return [f"{_place(found['loc'])}: {found['msg']}" for found in error.errors(include_url=False)]
            return []
        if self.given is None:
            return []
        from jsonschema.validators import validator_for

        found = validator_for(self.given)(self.given).iter_errors(value)
        return [f"{_place(tuple(error.absolute_path))}: {error.message}" for error in found]

    @property
    def json(self) -> Any:
        """The schema as JSON schema; `None` where any object will do."""
        return self.given if self._class is None else self._class.model_json_schema()

    def instance(self, value: Any) -> Any:
        """A value that fits, as its class where there is one."""
        return value if self._class is None else self._class.model_validate(value)

    @property
    def _class(self) -> Any:
        return self.given if hasattr(self.given, "model_validate") else None


def _place(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path)) or "the whole"


def data_of(response: Response) -> Any:
    """The structured answer in a response, as plain data: its first JSON object or list; `None` when there is none."""
    if response.parsed is not None:
        dump = getattr(response.parsed, "model_dump", None)
        return response.parsed if dump is None else dump(mode="json")
    return json.loads(json.dumps(next(json_values(response.text), None), default=float))
