"""The spec as it is written: its code blocks, its classes, its screens; and its examples, run."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[3] / "shared" / "spec" / "multi-model-api.md"
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def page() -> str:
    """The text of the spec; a checkout without it skips the test."""
    if not PAGE.is_file():
        pytest.skip("the spec is not beside this checkout")
    return PAGE.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of a language, in their order."""
    return [body for name, body in FENCE.findall(page()) if name == language]


def example(containing: str, start: str = "", stop: str = "") -> str:
    """The one Python block with `containing` in it, from the line that begins with `start` to before `stop`."""
    (block,) = [body for body in blocks("python") if containing in body]
    begin = block.index(start) if start else 0
    return block[begin : block.index(stop, begin) if stop else None]


async def run(source: str, **surroundings: Any) -> dict[str, Any]:
    """Run an example as it is written, with `await` at its top; returns its names.

    Only the import line is changed, and `surroundings` are the names that the example takes for granted.
    """
    source = source.replace("from webscraper_env import", "from orchestra import")
    code = compile(source, "the spec", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names = dict(surroundings)
    outcome = eval(code, names)
    if inspect.iscoroutine(outcome):
        await outcome
    return names


def classes() -> Iterator[ast.ClassDef]:
    """Every class that the spec defines."""
    for block in blocks("python"):
        yield from (node for node in ast.parse(block).body if isinstance(node, ast.ClassDef))


def methods() -> dict[str, list[str]]:
    """`Class.method` with the names of its parameters, `self` left out."""
    return {
        f"{owner.name}.{method.name}": [argument.arg for argument in method.args.args[1:]]
        for owner in classes()
        for method in owner.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def fields() -> dict[str, Any]:
    """`Class.field` with its default as it is written, `...` where there is none."""
    return {
        f"{owner.name}.{ast.unparse(field.target)}": "..." if field.value is None else ast.unparse(field.value)
        for owner in classes()
        for field in owner.body
        if isinstance(field, ast.AnnAssign)
    }


def screen(title: str) -> list[str]:
    """The lines of the drawing with that title, without its frames; empty ones left out."""
    (drawing,) = [body for body in blocks("") if title in body]
    lines = [line.strip("│┌┐└┘─├┤ \t") for line in drawing.splitlines()]
    return [line for line in lines if line]
