"""`orchestra.litellm`: LiteLLM as a module, with our functions in the place of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MINE = "orchestra.litellm"
THEIRS = "litellm"
INNER = frozenset(
    {"__class__", "__dict__", "__spec__", "__loader__", "__path__", "__package__", "__name__", "__file__"}
)


class Mirror(ModuleType):
    """LiteLLM's module, but for our functions: everything else is read, set and deleted there.

    A function of ours that was replaced (by a test's patch) is ours again when it is deleted.
    """

    def __getattr__(self, name: str) -> Any:
        from orchestra.dropin.functions import function

        ours = None if name.startswith("_") else function(name)
        if ours is not None:
            self.__dict__[name] = ours
            return ours
        return getattr(import_module(THEIRS), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in INNER or _ours(name):
            super().__setattr__(name, value)
        else:
            setattr(import_module(THEIRS), name, value)

    def __delattr__(self, name: str) -> None:
        if _ours(name):
            self.__dict__.pop(name, None)
        else:
            delattr(import_module(THEIRS), name)

    def __dir__(self) -> list[str]:
        return dir(import_module(THEIRS))


def _ours(name: str) -> bool:
    from orchestra.dropin.functions import ASYNC, RERANK, SYNC

    return name in (*SYNC, *ASYNC, *RERANK)


class _Submodules(MetaPathFinder, Loader):
    """`orchestra.litellm.x` is `litellm.x` itself, not a second copy of it."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name.startswith(f"{MINE}.") else None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__spec__.name if module.__spec__ else module.__name__
        sys.modules[name] = import_module(THEIRS + name.removeprefix(MINE))


def mirrored(module: ModuleType) -> None:
    """Make a module the mirror of LiteLLM's; nothing is imported before something is asked of it."""
    module.__path__ = []
    if not any(isinstance(finder, _Submodules) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Submodules())
    for name in ("sys", "mirrored"):
        module.__dict__.pop(name, None)
    module.__class__ = Mirror
