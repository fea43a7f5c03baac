"""How `orchestra run` gets into a program that knows nothing of it: installed as soon as LiteLLM is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

LITELLM = "litellm"
BOOTSTRAP = Path(__file__).parent / "bootstrap"
"""The folder with the `sitecustomize.py` that starts the watch; child processes inherit it."""


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """An environment in which every Python that starts has Orchestra in its LiteLLM."""
    path = [str(BOOTSTRAP), *filter(None, [given.get("PYTHONPATH")])]
    return {**given, "PYTHONPATH": os.pathsep.join(path)}


def watch() -> None:
    """Install Orchestra when LiteLLM is imported, and only then: a program that does not use it pays nothing."""
    if LITELLM not in sys.modules:
        sys.meta_path.insert(0, _Watch())


class _Watch(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != LITELLM:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            _install_after(spec.loader)
        return spec


def _install_after(loader: Any) -> None:
    """Let `loader`, once it has run the module, install Orchestra into it."""
    execute = loader.exec_module

    def executed(module: ModuleType) -> None:
        execute(module)
        from orchestra.dropin import install

        install()

    loader.exec_module = executed
