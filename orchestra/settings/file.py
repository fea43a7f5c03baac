"""A policy file: where it is found, how it is read, and what is said when it is wrong."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from importlib.resources.abc import Traversable
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from orchestra.errors import ConfigError
from orchestra.resources import shipped
from orchestra.settings.api import OFF, APISettings
from orchestra.settings.litellm_config import MODEL_LIST, translated

SHAPES = {
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "dict_type": "should be a mapping",
    "model_type": "should be a mapping",
    "string_type": "should be text",
}
"""What a value should be, in the words of the file."""
VARIABLE = "ORCHESTRA_CONFIG"
BESIDE = Path("orchestra.yaml")

KeyPath = tuple[str | int, ...]
"""The way to a key: `("policies", "default", "rules", 0, "use")`."""


def find(config: str | Path | None = None) -> Path | Traversable:
    """The policy file that counts: the argument, `$ORCHESTRA_CONFIG`, `./orchestra.yaml`, or the shipped default."""
    named = config or os.environ.get(VARIABLE)
    if named:
        path = Path(named)
        if not path.is_file():
            said = "" if config else f" (named by ${VARIABLE})"
            raise ConfigError(f"no policy file at {str(path)!r}{said}; 'orchestra init' writes one")
        return path
    return BESIDE if BESIDE.is_file() else shipped("config") / "default.yaml"


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """Settings, and where each part of them was written."""

    settings: APISettings
    origin: str = "settings"
    data: Any = field(default_factory=dict, repr=False, compare=False)
    fingerprint: str = ""
    """A short hash of the text: which version of the file decided."""
    unread: tuple[str, ...] = ()
    """What of a LiteLLM `config.yaml` is not understood, or only in part: a line each."""

    @property
    def hash(self) -> str:
        """The fingerprint, or that of the settings where there is no file."""
        return self.fingerprint or fingerprint(self.settings.model_dump_json())

    def place(self, path: KeyPath) -> str:
        """`file:line: path.of.the.key`, as precise as it is known."""
        return placed(self.origin, self.data, path)


def read(source: Path | Traversable) -> PolicyFile:
    """The settings in a file; raises `ConfigError` with one line for each mistake in it."""
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{source}: can't be read: {error}") from error
    return parse(text, str(source))


def parse(text: str, origin: str = "policy") -> PolicyFile:
    """The settings in the text of a file; `origin` is what its mistakes are reported under.

    A LiteLLM `config.yaml` (it has a `model_list`) is read as it is.
    """
    data = load(text, origin)
    unread: tuple[str, ...] = ()
    if MODEL_LIST in data:
        data, unread = translated(data, partial(placed, origin, data))
    try:
        settings = APISettings.model_validate({**OFF, **data})
    except ValidationError as invalid:
        raise ConfigError(*problems(invalid, data, origin)) from None
    named = settings.model_fields_set - (OFF.keys() - data.keys())
    settings = settings.model_construct(_fields_set=named, **dict(settings))
    return PolicyFile(settings, origin, data, fingerprint(text), unread)


def fingerprint(text: str) -> str:
    """Twelve hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def load(text: str, origin: str) -> CommentedMap:
    """The text as YAML 1.2 with the place of every key; duplicate keys are refused."""
    reader = YAML(typ="rt", pure=True)
    try:
        data = reader.load(StringIO(text))
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        said = str(error.problem).splitlines()[0].partition(" with value")[0]  # the values may be keys
        raise ConfigError(f"{origin}:{line}: {said}") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(f"{origin}:{line}: not YAML: {error.problem}") from None
    except YAMLError as error:
        raise ConfigError(f"{origin}: not YAML: {error}") from None
    if data is None:
        return CommentedMap()
    if not isinstance(data, CommentedMap):
        raise ConfigError(f"{origin}:1: a policy file is a mapping of 'providers', 'models', 'policies' and so on")
    return data


def problems(invalid: ValidationError, data: Any, origin: str, model: type[BaseModel] = APISettings) -> Iterator[str]:
    """One line for each mistake that pydantic found: file, line, path of the key, what is wrong, what was meant."""
    for error in invalid.errors(include_url=False):
        path = list(_in_file(error["loc"], data, error["type"]))
        line = line_of(data, path)
        place = f"{origin}:{line}" if line else origin
        yield f"{place}: {dotted(path)}: {_said(error, model)}"


def dotted(path: list[str | int]) -> str:
    """A path as it is spoken: `policies.default.rules[0].use`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"


def placed(origin: str, data: Any, path: KeyPath) -> str:
    """`file:line: path.of.the.key`, as precise as it is known."""
    here = list(_in_file(path, data, "")) if data else list(path)
    line = line_of(data, here)
    return f"{origin}:{line}: {dotted(here)}" if line else f"{origin}: {dotted(here)}"


def line_of(data: Any, path: list[str | int]) -> int | None:
    """The line (from 1) of the key at `path`, or of the nearest key above it."""
    line = None
    for part in path:
        if isinstance(data, (CommentedMap, CommentedSeq)):
            place = data.lc.data.get(part) if data.lc.data else None
            if place is not None:
                line = place[0] + 1
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            break
    return line


def _in_file(loc: KeyPath, data: Any, kind: str) -> Iterator[str | int]:
    """The path without the tags of unions, which pydantic puts in and the file does not have."""
    for n, part in enumerate(loc):
        last = n == len(loc) - 1
        if _has(data, part):
            data = data[part]
        elif not (last and kind == "missing"):
            continue
        yield part


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _said(error: ErrorDetails, model: type[BaseModel]) -> str:
    message = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "extra_forbidden":
            name = str(error["loc"][-1])
            close = get_close_matches(name, _keys(error["loc"], model), n=1)
            return f"no such key {name!r}" + (f"; did you mean {close[0]!r}?" if close else "")
        case "missing":
            return "is missing"
        case "union_tag_invalid":
            context = error.get("ctx", {})
            known = str(context.get("expected_tags", "")).replace("'", "").split(", ")
            close = get_close_matches(str(context.get("tag")), known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
            return f"no kind of node is called {context.get('tag')!r}{hint}"
        case "union_tag_not_found":
            return "expected the name of a model or policy, or a node with its 'kind'"
        case "too_short":
            return f"needs {error['ctx']['min_length']} or more, and has {error['ctx']['actual_length']}"
        case kind:
            message = SHAPES.get(kind, message)
            given = error.get("input")
            # A value under `providers` or `ledger`, or one that our own validators refused, may hold a secret.
            secret = error["type"] == "value_error" or error["loc"][0] in ("providers", "ledger")
            shown = not secret and isinstance(given, (str, int, float))
            return message[:1].lower() + message[1:] + (f" (it is {given!r})" if shown else "")


def _keys(loc: KeyPath, model: Any) -> set[str]:
    """Every key that may stand where `loc` points in `model`, for a suggestion."""
    names = set(model.model_fields)
    for part in loc[:-1]:
        for spec in _specs(model):
            if part in spec.model_fields:
                model = spec.model_fields[part].annotation
                break
            if spec.model_fields.get("kind") is not None and spec.model_fields["kind"].default == part:
                model = spec
                break
        found = _specs(model)
        names = {name for spec in found for name in spec.model_fields} or names
    return names


def _specs(annotation: Any) -> list[type[BaseModel]]:
    """The models that stand in an annotation, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [spec for part in getattr(annotation, "__args__", ()) for spec in _specs(part)]
