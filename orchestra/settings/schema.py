"""The policy file as a JSON schema: with its short forms, and with what each key stands for when it is absent."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from orchestra.settings.api import OFF, APISettings
from orchestra.settings.nodes import Bounds, ModelSpec

TEXT: JsonSchemaValue = {"type": "string"}


def json_schema() -> dict[str, Any]:
    """What may stand in a policy file."""
    schema = APISettings.model_json_schema(schema_generator=_ShortForms)
    for name, value in OFF.items():
        schema["properties"][name]["default"] = value
    return {"$schema": _ShortForms.schema_dialect, **schema}


class _ShortForms(GenerateJsonSchema):
    """Adds to each schema the shorter ways in which its values may be written."""

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """A node: a name stands for the node that asks what has this name."""
        return {"anyOf": [TEXT, super().tagged_union_schema(schema)]}

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """A list that is read by a function of ours: one alone need not be put in a list."""
        made = super().function_before_schema(schema)
        return {"anyOf": [made["items"], made]} if "items" in made else made

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """A comparison is written as text or a list of texts, a model as its bare id."""
        made = super().model_schema(schema)
        if schema["cls"] is Bounds:
            return {"anyOf": [TEXT, {"type": "array", "items": TEXT}, made]}
        return {"anyOf": [TEXT, made]} if schema["cls"] is ModelSpec else made
