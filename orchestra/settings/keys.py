"""Keys that were typed in: a file of their own, which only its owner can read, in place of the policy file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from orchestra.errors import ConfigError
from orchestra.settings.atomic import write

HOME = "ORCHESTRA_HOME"
PREFIXES = ("sk-proj-", "sk-ant-", "sk-or-", "sk-", "AIza", "gsk_", "pplx-", "xai-", "tgp_")
"""What the keys of a provider all begin with: it tells which key it is and gives nothing away."""


def config_folder() -> Path:
    """`$ORCHESTRA_HOME`, else the folder where this system keeps a user's configuration."""
    home = os.environ.get(HOME)
    if home:
        return Path(home)
    from platformdirs import user_config_path

    return user_config_path("orchestra", appauthor=False)


def masked(key: str) -> str:
    """A key as it may be shown: the beginning that it shares with every key of its provider, and dashes."""
    return next((prefix for prefix in PREFIXES if key.startswith(prefix)), "") + "‒" * 16


@dataclass(frozen=True, slots=True)
class KeyFile:
    """`keys.env`: one `NAME=value` a line, quoted as a shell would read it."""

    path: Path

    @classmethod
    def default(cls) -> KeyFile:
        """The one in the user's configuration folder."""
        return cls(config_folder() / "keys.env")

    def read(self) -> dict[str, str]:
        """The keys by the name of their variable, none without a file; raises `ConfigError` where it is broken."""
        try:
            lines = self.path.read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path}: can't be read: {error}") from error
        keys = {}
        for n, line in enumerate(lines, 1):
            try:
                words = shlex.split(line, comments=True)
            except ValueError as error:
                raise ConfigError(f"{self.path}:{n}: not NAME=value: {error}") from None
            for word in words:
                name, equals, value = word.partition("=")
                if equals:
                    keys[name] = value
                elif word != "export":
                    raise ConfigError(f"{self.path}:{n}: not NAME=value")
        return keys

    def load(self, environment: MutableMapping[str, str]) -> None:
        """Add the keys to `environment`; what is already there counts before the file."""
        for name, value in self.read().items():
            environment.setdefault(name, value)

    def keep(self, variable: str, key: str) -> None:
        """Write a key down, in the place of the one of that name; raises `ConfigError` for what is no key."""
        if not key.isprintable():
            raise ConfigError(f"{variable}: a key is one line without control characters")
        keys: Mapping[str, str] = {**self.read(), variable: key}
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in keys.items()]
        write(self.path, "# Written by `orchestra settings set`; for your eyes only.\n" + "".join(lines), private=True)
