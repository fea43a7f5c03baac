"""A secret: named in the file, read when it is needed, never shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

ENVIRONMENT = "os.environ/"


def revealed(value: Any) -> Any:
    """A configured value, read now where it names an environment variable; any other as it is."""
    named = isinstance(value, str) and value.startswith(ENVIRONMENT)
    return os.environ.get(value.removeprefix(ENVIRONMENT)) if named else value


class Secret:
    """A key that is `os.environ/NAME`, a callable that returns it, or (with a warning from `check`) the key itself.

    Its repr and its serialised form never hold the key.
    """

    __slots__ = ("_source",)

    def __init__(self, source: str | Callable[[], str]) -> None:
        self._source = source

    def reveal(self) -> str | None:
        """The key, read now; `None` when its environment variable is not set."""
        if callable(self._source):
            return self._source()
        if self.variable is not None:
            return os.environ.get(self.variable) or None
        return self._source

    @property
    def variable(self) -> str | None:
        """The environment variable that holds it, `None` when it is held otherwise."""
        named = isinstance(self._source, str) and self._source.startswith(ENVIRONMENT)
        return str(self._source).removeprefix(ENVIRONMENT) if named else None

    @property
    def literal(self) -> bool:
        """The key itself was written down."""
        return isinstance(self._source, str) and self.variable is None

    def __repr__(self) -> str:
        return f"Secret('{ENVIRONMENT}{self.variable}')" if self.variable else "Secret('***')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._source == other._source

    def __hash__(self) -> int:
        return hash(self._source)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.variable is None:
            raise TypeError("a literal or callable secret is not pickled; name it as 'os.environ/NAME'")
        return Secret, (self._source,)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any) -> Secret:
            if isinstance(value, Secret):
                return value
            if callable(value) or (isinstance(value, str) and value.strip()):
                return Secret(value)
            raise ValueError(f"expected '{ENVIRONMENT}NAME', a callable or a key")

        def show(value: Secret) -> str:
            return f"{ENVIRONMENT}{value.variable}" if value.variable else "***"

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(show)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "description": f"'{ENVIRONMENT}NAME'; a literal key works but draws a warning"}
