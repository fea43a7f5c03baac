"""The file of a new version: its text, under a front matter that fits it."""

from __future__ import annotations

from collections.abc import Collection

from orchestra.prompting.head import Head, Variable, fenced, written
from orchestra.prompting.template import Template


def drafted(text: str, declared: Collection[str] | None) -> str:
    """A first version; a text without front matter declares the variables that it was said to have."""
    if fenced(text):
        return text
    head = Head() if declared is None else Head(variables=dict.fromkeys(declared, Variable()))
    return f"{written(head)}{text.strip()}\n"


def redrafted(text: str, used: Collection[str], latest: Template) -> str:
    """A next version; a text without front matter takes over that of `latest`, for the variables that it uses."""
    if fenced(text):
        return text
    if set(used) == latest.variables.keys():
        return f"{fenced(latest.text)}{text.strip()}\n"
    kept = {variable: latest.variables.get(variable, Variable()) for variable in used}
    return f"{written(latest.head.model_copy(update={'variables': kept}))}{text.strip()}\n"


def same(one: Template, other: Template) -> bool:
    """They say the same, whatever their front matter tells of it."""
    return one.body == other.body and one.variables.keys() == other.variables.keys()
