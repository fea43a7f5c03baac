"""When a rule of a route holds."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from orchestra.settings.base import Spec
from orchestra.types import Priority

COMPARISON = re.compile(r"\s*(<=|>=|<|>|=)?\s*([\d_]+)\s*(k|m)?\s*", re.IGNORECASE)
UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


class Bounds(Spec):
    """How many: `"> 100000"`, `"<= 5k"`, or a list of several that all hold."""

    above: int | None = None
    """More than this."""
    below: int | None = None
    """Less than this."""

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        if isinstance(value, (str, list)):
            bounds: dict[str, int] = {}
            for part in value if isinstance(value, list) else [value]:
                bounds |= _bound(str(part))
            return bounds
        return value

    def holds(self, n: int) -> bool:
        return (self.above is None or n > self.above) and (self.below is None or n < self.below)

    def covers(self, other: Bounds) -> bool:
        """Whatever meets `other` meets this too."""
        above = self.above is None or (other.above is not None and other.above >= self.above)
        return above and (self.below is None or (other.below is not None and other.below <= self.below))

    def __str__(self) -> str:
        low = [] if self.above is None else [f"> {self.above}"]
        return " and ".join(low + ([] if self.below is None else [f"< {self.below}"]))


def _bound(text: str) -> dict[str, int]:
    match = COMPARISON.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a comparison such as '> 100000' or '<= 5k'")
    sign, digits, unit = match.groups()
    n = int(digits) * UNITS[(unit or "").lower()]
    match sign:
        case ">":
            return {"above": n}
        case ">=":
            return {"above": n - 1}
        case "<":
            return {"below": n}
        case "<=":
            return {"below": n + 1}
        case _:
            return {"above": n - 1, "below": n + 1}


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class When(Spec):
    """What must hold for a rule to fire; what is not named does not matter. A list means any of its members."""

    task: Words | None = None
    priority: Annotated[tuple[Priority, ...], BeforeValidator(_listed)] | None = None
    input_tokens: Bounds | None = None
    tags: dict[str, Words] | None = None
    images: bool | None = None
    audio: bool | None = None
    video: bool | None = None
    files: bool | None = None
    tools: bool | None = None
    structured: bool | None = None
    """A JSON answer is asked for (`response_format`)."""

    @model_validator(mode="before")
    @classmethod
    def _spec_words(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        for word, value, priority in (
            ("importance", "high", "high"),
            ("budget_mode", True, "budget"),
            ("latency_critical", True, "speed"),
        ):
            if data.get(word) == value and word in data:
                if "priority" in data:
                    raise ValueError(f"{word!r} and 'priority' are the same thing; name one")
                del data[word]
                data["priority"] = priority
        if "task_type" in data and "task" not in data:
            data["task"] = data.pop("task_type")
        return data

    def covers(self, other: When) -> bool:
        """Whatever meets `other` meets this too."""
        return all(_covers(getattr(self, name), getattr(other, name)) for name in type(self).model_fields)

    def __str__(self) -> str:
        parts = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple):
                parts.append(f"{name} {' or '.join(value)}")
            elif isinstance(value, Bounds):
                parts.append(f"{name} {value}")
            elif isinstance(value, dict):
                parts += [f"{key} {' or '.join(values)}" for key, values in value.items()]
            elif value is not None:
                parts.append(name if value else f"no {name}")
        return ", ".join(parts) or "always"


def _covers(mine: Any, theirs: Any) -> bool:
    if mine is None or theirs is None:
        return mine is None
    match mine:
        case Bounds():
            return mine.covers(theirs)
        case tuple():
            return set(theirs) <= set(mine)
        case dict():
            return all(key in theirs and set(theirs[key]) <= set(values) for key, values in mine.items())
        case _:
            return bool(mine == theirs)
