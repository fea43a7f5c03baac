"""The policy file in the making: each key with the line that it comes from, and what was not understood."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from orchestra.errors import ConfigError

KeyPath = tuple[str | int, ...]


class Page:
    """What a LiteLLM config says, in Orchestra's words. `place` names a key of the config for people."""

    def __init__(self, config: CommentedMap, place: Callable[[KeyPath], str]) -> None:
        self.config = config
        self.made = CommentedMap()
        self.unread: list[str] = []
        self._place = place

    def put(self, path: tuple[str, ...], value: Any, line: int) -> None:
        """Set a value that comes from a line; what was said first counts, but a name stands for one thing."""
        parent = self.made
        for step in path[:-1]:
            if step not in parent:
                _set(parent, step, CommentedMap(), line)
            parent = parent[step]
        if path[-1] not in parent:
            _set(parent, path[-1], value, line)
        elif len(path) > 1:
            self.refuse((), f"{'.'.join(path)} is named twice; give one of them another name")

    def has(self, section: str, name: str) -> bool:
        """The name is taken there."""
        return name in self.made.get(section, ())

    def leave(self, path: KeyPath, said: str) -> None:
        """Note a key that is not understood, or only in part; its value may be a key and is not shown."""
        self.unread.append(f"{self._place(path)}: {said}")

    def refuse(self, path: KeyPath, said: str) -> NoReturn:
        """Raise `ConfigError` for a key."""
        raise ConfigError(f"{self._place(path)}: {said}")

    def section(self, *path: str) -> Mapping[str, Any]:
        """A mapping of the config, empty where there is none; raises `ConfigError` where it is something else."""
        found: Any = self.config
        for step in path:
            found = found.get(step)
            if found is None:
                return CommentedMap()
            if not isinstance(found, CommentedMap):
                self.refuse(path, "this is no mapping")
        return found  # type: ignore[no-any-return]  # it is a CommentedMap

    def rows(self, path: KeyPath, parent: Any) -> Iterator[tuple[KeyPath, CommentedMap]]:
        """The mappings of a list; raises `ConfigError` where it is something else."""
        rows = parent.get(path[-1])
        if rows is not None and not isinstance(rows, CommentedSeq):
            self.refuse(path, "this is no list")
        for n, row in enumerate(rows or ()):
            if not isinstance(row, CommentedMap):
                self.refuse((*path, n), "this is no mapping")
            yield (*path, n), row


def line_in(data: Any, key: str | int) -> int:
    """The line, from 0, of a key."""
    return int(data.lc.data[key][0])


def _set(parent: CommentedMap, key: str, value: Any, line: int) -> None:
    parent[key] = value
    parent.lc.add_kv_line_col(key, [line, 0, line, 0])
