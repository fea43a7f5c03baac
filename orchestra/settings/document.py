"""The text of a policy file as data that can be changed and remembers how it was written."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.util import load_yaml_guess_indent

from orchestra.errors import ConfigError
from orchestra.settings.file import KeyPath

PART = re.compile(r'"([^"]+)"|([^.\[\]"]+)|\[(\d+)\]')
ABSENT = object()


class _Representer(RoundTripRepresenter):
    """Writes a null as `null`."""

    def represent_null(self, _: None) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.represent_null)


class Document:
    """A YAML file that has been found to be sound (`parse`); comments, order and layout outlive a change."""

    def __init__(self, text: str) -> None:
        _, indent, offset = load_yaml_guess_indent(text)
        self._yaml = _yaml()
        self._yaml.indent(mapping=2, sequence=indent or 4, offset=2 if offset is None else offset)
        self.data: CommentedMap = self._yaml.load(text) or CommentedMap()

    @property
    def text(self) -> str:
        """The file as it is to be written."""
        out = StringIO()
        self._yaml.dump(self.data, out)
        return out.getvalue()

    def get(self, path: KeyPath) -> Any:
        """The value at `path`, `None` where there is none."""
        value = self._at(path)
        return None if value is ABSENT else value

    def put(self, path: KeyPath, value: Any) -> None:
        """Set the value at `path`, making the maps that lead to it; raises `ConfigError` where a list is too short."""
        parent: Any = self.data
        for n, step in enumerate(path[:-1]):
            if isinstance(parent, dict) and not isinstance(parent.get(step), (dict, list)):
                parent[step] = CommentedMap()
            _fits(parent, step, path[:n])
            parent = parent[step]
        _fits(parent, path[-1], path[:-1])
        parent[path[-1]] = value

    def take(self, path: KeyPath) -> None:
        """Remove the key at `path`, and whatever above it is empty then; raises `ConfigError` when it is not there."""
        if self._at(path) is ABSENT:
            raise ConfigError(f"{spoken(path)!r} is not set in this file; its default counts")
        while path:
            parent = self._at(path[:-1])
            del parent[path[-1]]
            path = () if parent else path[:-1]

    def _at(self, path: KeyPath) -> Any:
        value: Any = self.data
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return ABSENT
        return value


def steps(key: str) -> KeyPath:
    """The way to a key as it is spoken: `router.strategy`, `policies.default.rules[0].use`, `models."gpt-4.1".params`.

    Raises `ConfigError` when it can't be read so.
    """
    found: list[str | int] = []
    at = 0
    while at < len(key):
        dot = key[at] == "." and bool(found)
        part = PART.match(key, at + dot)
        if part is None or (found and not dot and part[3] is None):
            raise ConfigError(
                f"{key!r} is no key; keys are written as router.strategy, policies.default.rules[0].use "
                'or models."gpt-4.1".litellm'
            )
        found.append(int(part[3]) if part[3] else part[1] or part[2])
        at = part.end()
    return tuple(found)


def spoken(path: KeyPath) -> str:
    """A path as `steps` reads it."""
    text = ""
    for step in path:
        word = f"[{step}]" if isinstance(step, int) else f'"{step}"' if PART.fullmatch(step) is None else step
        text += word if isinstance(step, int) or not text else f".{word}"
    return text


def value_of(text: str) -> Any:
    """A value as YAML reads it; what is no YAML (`> 5000`) is text."""
    try:
        return _yaml().load(text)
    except YAMLError:
        return text


def _fits(parent: Any, step: str | int, path: KeyPath) -> None:
    if isinstance(parent, list) and not (isinstance(step, int) and step < len(parent)):
        raise ConfigError(f"{spoken(path)!r} is a list of {len(parent)}: its entries are [0] to [{len(parent) - 1}]")
    if isinstance(parent, dict) and isinstance(step, int):
        raise ConfigError(f"{spoken(path)!r} is no list: it has no [{step}]")


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.Representer = _Representer
    return yaml
