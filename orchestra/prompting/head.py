"""The front matter of a prompt: what it is for, what it takes, how it is best asked, and how it is tested."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML

from orchestra.errors import ConfigError
from orchestra.prompting.data import fault, plain
from orchestra.settings.base import Spec
from orchestra.settings.file import load, problems

FENCE = re.compile(r"---[ \t]*\n(.*?\n)?---[ \t]*(\n|\Z)", re.DOTALL)

NO_PARAMETERS = frozenset(("api_base", "api_key", "base_url", "extra_headers", "messages", "model", "stream"))

Kind = Literal["any", "str", "int", "float", "bool", "list", "dict", "image"]


class Variable(Spec):
    """A variable of a prompt; one without a default must be given. An `image` is a URL, or LiteLLM's `image_url`."""

    type: Kind = "any"
    default: Any = None
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else {} if value is None else value

    @model_validator(mode="after")
    def _fits(self) -> Variable:
        if not self.required and (said := self.fault(self.default)):
            raise ValueError(f"the default {said}")
        return self

    @property
    def required(self) -> bool:
        return "default" not in self.model_fields_set

    def fault(self, value: Any) -> str:
        """What is wrong with a value, empty when nothing is; a variable whose default is null may be null."""
        if value is None and not self.required and self.default is None:
            return ""
        return fault(value, self.type)


class Expectation(Spec):
    """What must hold for an answer. A list means all of its members."""

    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    matches: str | None = None
    """A regular expression that is found in the answer."""
    equals: Any = None
    """The answer as it must be: text, or the data of a JSON answer."""

    @field_validator("contains", "lacks", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("matches")
    @classmethod
    def _expression(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return value


class Case(Spec):
    """A test of a prompt: variables, and what the answer must be like."""

    name: str = ""
    variables: dict[str, Any] = Field(default_factory=dict)
    expect: Expectation = Expectation()


class Head(Spec):
    """What stands between the two `---` of a prompt's file.

    `model`, `task_type` and `params` count where the caller says nothing; `output` is the JSON schema of the answer.
    """

    description: str = ""
    variables: dict[str, Variable] | None = None
    """`None`: whatever the text uses, of any type."""
    model: str | None = None
    task_type: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    output: dict[str, Any] | None = None
    tests: tuple[Case, ...] = ()

    @field_validator("params")
    @classmethod
    def _of_a_call(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in NO_PARAMETERS & value.keys():
            raise ValueError(f"{name!r} is nothing for a prompt to say: it is the caller's, or a provider's")
        return value

    @field_validator("variables", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return dict.fromkeys(value) if isinstance(value, list) else value


def split(text: str) -> tuple[str, str]:
    """The front matter and the body of a file; each is preceded by empty lines, so that its lines keep their numbers.

    A file need not have front matter.
    """
    text = text.replace("\r\n", "\n")
    found = FENCE.match(text)
    if found is None:
        return "", text
    lines = found.group().count("\n") - (0 if found.group().endswith("\n") else -1)
    return f"\n{found.group(1) or ''}", "\n" * lines + text[found.end() :]


def fenced(text: str) -> str:
    """The front matter as it is written, its `---` included; empty where there is none."""
    found = FENCE.match(text.replace("\r\n", "\n"))
    return found.group() if found else ""


def head_of(front: str, origin: str) -> Head:
    """The front matter as it was split off; raises `ConfigError` with one line for each mistake."""
    if not front.strip():
        return Head()
    data = load(front, origin)
    try:
        return Head.model_validate(plain(data))
    except TypeError as error:
        raise ConfigError(f"{origin}: {error}") from None
    except ValidationError as invalid:
        raise ConfigError(*problems(invalid, data, origin, Head)) from None


def description_of(text: str) -> str:
    """The description alone, and nothing checked: for lists of many prompts, where reading each would take seconds."""
    import yaml

    reader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = reader(split(text)[0]).get_single_data()
    except yaml.YAMLError:
        return ""
    return str(data.get("description") or "") if isinstance(data, dict) else ""


def written(head: Head) -> str:
    """The front matter as YAML, without what is not set; empty when nothing is."""
    data = head.model_dump(mode="json", exclude_unset=True)
    if not data:
        return ""
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # its type is that of its default
    out = StringIO()
    writer.dump(data, out)
    return f"---\n{out.getvalue()}---\n"
