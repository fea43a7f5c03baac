"""Plain data: the only thing that goes into a template."""

from __future__ import annotations

from typing import Any

DEEPEST = 50
TYPES: dict[str, tuple[type, ...]] = {
    "any": (str, int, float, bool, type(None), list, dict),
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
    "image": (str, dict),
}


def plain(value: Any, depth: int = 0) -> Any:
    """A copy of a value of text, numbers, booleans, null, lists and dicts; a tuple becomes a list.

    Raises `TypeError` for any other object, which a template could call or read secrets of.
    """
    kind = type(value)
    if kind is str or kind is int or value is None or kind is float or kind is bool:
        return value
    if depth > DEEPEST:
        raise TypeError(f"it is more than {DEEPEST} lists and dicts deep")
    if isinstance(value, dict):
        if any(type(key) is not str for key in value):
            raise TypeError("the keys of a dict are text")
        return {key: plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part, depth + 1) for part in value]
    for base in (bool, int, float, str):  # as YAML readers and number libraries subclass them
        if isinstance(value, base):
            return base(value)
    raise TypeError(f"{_a(kind.__name__)} is no plain data: give text, numbers, booleans, None, lists or dicts of them")


def fault(value: Any, kind: str) -> str:
    """What is wrong with plain data as a value of `kind`; empty when nothing is."""
    if type(value) in TYPES[kind]:
        return ""
    return f"is {'null' if value is None else _a(type(value).__name__)}, not {_a(kind)}"


def _a(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
