"""LiteLLM itself, imported when it is first needed."""

from __future__ import annotations

import asyncio
import sys
from typing import Any


async def library() -> Any:
    """The `litellm` module; its import takes seconds and is done off the event loop."""
    module = sys.modules.get("litellm")
    if module is None or getattr(module.__spec__, "_initializing", False):
        return await asyncio.to_thread(imported)
    return module


def imported() -> Any:
    """The `litellm` module, waiting for its import."""
    import litellm

    return litellm
