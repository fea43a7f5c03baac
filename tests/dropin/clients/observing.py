"""What a client's program saw, as JSON: values where it got them, the classes of the error where it did not."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from openai import OpenAIError

MODEL = sys.argv[1]
SEEN: dict[str, Any] = {}


def observe(case: Callable[[], Any]) -> None:
    """Run a case, and keep what it returns or raises under its name."""
    try:
        seen = case()
        if asyncio.iscoroutine(seen):
            seen = asyncio.run(seen)
    except Exception as error:  # noqa: BLE001  # it is what is observed
        seen = {"raised": [type(error).__name__, *_openai(error)], "status": getattr(error, "status_code", None)}
    SEEN[case.__name__] = seen


def _openai(error: BaseException | None) -> list[str]:
    """The classes of the first error of the openai package, the error itself or one that it was raised from."""
    while error is not None and not isinstance(error, OpenAIError):
        error = error.__cause__
    return [kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("openai")]


def report() -> None:
    """Write it all down, in a line of its own."""
    sys.stdout.write(f"\n{json.dumps(SEEN, default=str)}\n")
