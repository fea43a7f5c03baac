"""The files that ship with the package."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal


def shipped(kind: Literal["prompts", "config"]) -> Traversable:
    """The `prompts/` or `config/` folder this package came with: inside the wheel, or beside it in a checkout."""
    packaged = files("orchestra") / "_data" / kind
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / kind
