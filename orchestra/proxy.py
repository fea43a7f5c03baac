"""For the `config.yaml` of a LiteLLM proxy: `custom_handler: orchestra.proxy.handler`; installed when it is named."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "handler":
        from orchestra.dropin import installed

        return installed.handler()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
