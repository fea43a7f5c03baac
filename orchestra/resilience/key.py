"""What makes two requests the same: a digest of all that an answer can depend on."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType, MethodType
from typing import Any

from pydantic import BaseModel

from orchestra.llm import Leaf
from orchestra.llm.arguments import OURS
from orchestra.model_config import ModelConfig
from orchestra.resilience.cooldown import Cooled
from orchestra.resilience.fallback import Fallback
from orchestra.resilience.limit import Limited
from orchestra.resilience.retired import Retired
from orchestra.resilience.retry import Retry
from orchestra.types import Model, Request

SILENT = OURS | {"cache", "timeout", "metadata"}
"""Parameters that no answer depends on."""


def key_of(identity: str, facts: bool, request: Request) -> str | None:
    """The key of a request to the node of that `identity`; `None` where it can't be written as JSON.

    With `facts` it has all that a route reads of a request, beside what is asked.
    """
    asked: dict[str, Any] = {
        "node": identity,
        "call": request.call,
        "messages": request.messages,
        "params": {name: value for name, value in request.params.items() if name not in SILENT},
        "sample": request.sample,
    }
    if facts:
        asked["facts"] = {
            "task_type": request.task_type,
            "priority": request.priority,
            "tags": request.tags,
            "preferred_model": request.preferred_model,
            "input_tokens": request.input_tokens,
        }
    try:
        return _digest(asked)
    except (TypeError, ValueError, RuntimeError):  # a set, a circle, a class without a schema
        return None


def identity_of(model: Model) -> str:
    """A digest of a tree: the classes of its nodes and the fields that compare, of a leaf the model and its parameters.

    What says too little of itself (a lambda, a closure, a class of `__main__`) is one of a kind: its answers are found
    again only by the node that stored them.
    """
    return _digest(_described(model))


def reads_facts(model: Model) -> bool:
    """The tree may read more of a request than what is asked; the nodes that only keep a call alive do not."""
    match model:
        case Leaf():
            return False
        case Retry() | Limited() | Cooled():
            return reads_facts(model.model)
        case Retired():
            return reads_facts(model.model) or reads_facts(model.successor)
        case Fallback():
            return any(reads_facts(member) for _, member in model.models)
        case _:
            return True


def _digest(value: Any) -> str:
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    """What JSON does not know, as plain data that says the same."""
    if isinstance(value, type) and issubclass(value, BaseModel):
        return [value.__qualname__, value.model_json_schema()]
    if isinstance(value, BaseModel):
        return [type(value).__qualname__, value.model_dump(mode="json", warnings=False)]
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _described(value: Any) -> Any:
    match value:
        case None | str() | bool() | int() | float():
            return value
        case ModelConfig():
            about = (value.name, value.model, value.provider, value.base_url, value.organization)
            return [*about, _described(value.params)]
        case Mapping():
            return {str(name): _described(part) for name, part in value.items()}
        case list() | tuple():
            return [_described(part) for part in value]
        case set() | frozenset():
            return sorted(_canonical(_described(part)) for part in value)
        case BaseModel():
            return _plain(value)
        case type() | FunctionType():
            return _named(value)
        case MethodType():
            return [_named(value.__func__), _described(value.__self__)]
        case _ if is_dataclass(value):
            return [
                _named(type(value)),
                {f.name: _described(getattr(value, f.name)) for f in fields(value) if f.compare},
            ]
        case _:
            shown = repr(value)
            return [_named(type(value)), _one_of_a_kind() if " at 0x" in shown else shown]


def _named(thing: Any) -> str:
    """The name of a class or function, where it tells it from all others."""
    name = f"{thing.__module__}.{thing.__qualname__}"
    vague = thing.__module__ == "__main__" or "<" in thing.__qualname__ or getattr(thing, "__closure__", None)
    return f"{name} {_one_of_a_kind()}" if vague else name


def _one_of_a_kind() -> str:
    return uuid.uuid4().hex
