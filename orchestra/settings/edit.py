"""A policy file that is changed by a program: what a person wrote in it stays, and nothing wrong is ever written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestra.errors import ConfigError
from orchestra.resources import shipped
from orchestra.settings.atomic import write
from orchestra.settings.document import Document, steps, value_of
from orchestra.settings.file import KeyPath, PolicyFile, parse
from orchestra.settings.keys import KeyFile
from orchestra.settings.secret import ENVIRONMENT

TITLE = "Orchestra's settings: `orchestra settings show` draws them, `orchestra check` says what is wrong in them."


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A policy file that can be changed; it need not exist yet.

    `check` gets every new content before it is written, and raises `ConfigError` when something in it is wrong: then
    nothing is written. `variables` gives the environment variables that may hold the key of a provider, by its name.
    A key that is typed in goes to `keys`; the file names its variable.
    """

    path: Path
    keys: KeyFile
    check: Callable[[PolicyFile], object]
    variables: Callable[[str], tuple[str, ...]]

    def set(self, key: str, value: str) -> str | None:
        """Set one key (`router.strategy`, `providers.openai.api_key`) to a value, which is read as YAML.

        Returns the variable under which `keys` now holds a secret, `None` when the value was no secret.
        """
        path = steps(key)
        document = self._document()
        if not is_secret(path):
            document.put(path, value_of(value))
        elif value.startswith(ENVIRONMENT):
            document.put(path, value)
        else:
            return self._set_secret(document, path, value.strip())
        write(self.path, self._checked(document))
        return None

    def reset(self, key: str) -> None:
        """Take one key out of the file, so that its default counts again."""
        document = self._document()
        document.take(steps(key))
        write(self.path, self._checked(document))

    def reset_all(self) -> Path | None:
        """Put the shipped default in its place; returns where the old file is kept, `None` if there was none."""
        kept = None
        if self.path.is_file():
            kept = self.path.with_name(f"{self.path.name}.bak")
            write(kept, self._text())
        write(self.path, blank())
        return kept

    def _set_secret(self, document: Document, path: KeyPath, secret: str) -> str:
        if not secret:
            raise ConfigError("an empty key; 'orchestra settings reset KEY' takes one out of the file")
        variable = self._variable(document, str(path[1]))
        document.put(path, f"{ENVIRONMENT}{variable}")
        text = self._checked(document)
        self.keys.keep(variable, secret)
        write(self.path, text)
        return variable

    def _variable(self, document: Document, entry: str) -> str:
        """The variable for the key of an entry: the one it names, that of its provider, or one of its own."""
        named = document.get(("providers", entry, "api_key"))
        if isinstance(named, str) and named.startswith(ENVIRONMENT):
            return named.removeprefix(ENVIRONMENT)
        if document.get(("providers", entry, "provider")) in (None, entry) and (known := self.variables(entry)):
            return known[0]
        return re.sub(r"\W", "_", entry).upper() + "_API_KEY"

    def _document(self) -> Document:
        text = self._text() if self.path.is_file() else blank()
        parse(text, str(self.path))
        return Document(text)

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path}: can't be read: {error}") from error

    def _checked(self, document: Document) -> str:
        text = document.text
        self.check(parse(text, str(self.path)))
        return text


def is_secret(path: KeyPath) -> bool:
    """What stands at that place is a provider's key."""
    return len(path) == 3 and path[0] == "providers" and path[2] == "api_key"


def blank() -> str:
    """A file that decides as the shipped default does."""
    document = Document((shipped("config") / "default.yaml").read_text(encoding="utf-8"))
    document.take(("policies",))
    document.data.yaml_set_start_comment(TITLE)
    return document.text.rstrip() + "\n"
