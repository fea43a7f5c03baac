"""The public names: complete, sorted, lazy."""

from __future__ import annotations

import ast

import orchestra

from .conftest import ROOT


def test_every_public_name_is_there_and_is_what_type_checkers_see() -> None:
    """The lazy table, `__all__` and the names imported for type checkers are the same."""
    source = ast.parse((ROOT / "orchestra/__init__.py").read_text())
    guarded = next(node for node in source.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert (
        seen == set(orchestra.__all__) == {name for name in orchestra.__all__ if getattr(orchestra, name) is not None}
    )
    assert sorted(orchestra.__all__) == sorted(set(orchestra.__all__))
    assert dir(orchestra) == orchestra.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    assert not hasattr(orchestra, "Nothing")
