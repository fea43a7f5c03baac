"""The smallest words, which the others are made of."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

Message = Mapping[str, Any]
"""One message as LiteLLM takes it: `{"role": "user", "content": …}`."""

Priority = Literal["high", "normal", "budget", "speed"]
"""What matters most in this call: the best answer, nothing special, the price, or the time."""

Basis = Literal["usage", "counted", "estimated", "reserved", "void"]
"""How an attempt's cost is known: the provider's count, our count of what came, a guess, its upper bound; or nothing
was generated (`void`)."""

Call = Literal["chat", "embedding", "rerank"]
"""What is asked of a model."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


def nothing() -> Mapping[str, Any]:
    return {}  # not NOTHING: a response can be copied and pickled


def new_id() -> str:
    return uuid.uuid4().hex
