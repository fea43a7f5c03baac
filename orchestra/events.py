"""What is logged: structured events with ids, models, tokens, cost and time; never a prompt, an answer or a key."""

from __future__ import annotations

import logging
from typing import Any

LOGGER = "orchestra"
CONFIG_UNREAD = "config.unread"
CALL_FINISHED = "call.finished"
ROUTE_CHOSEN = "route.chosen"
REQUEST_FINISHED = "request.finished"
MODEL_RETIRED = "model.retired"
BUDGET_DOWNGRADED = "budget.downgraded"
CACHE_HIT = "cache.hit"
CACHE_UNAVAILABLE = "cache.unavailable"


def emit(event: str, **fields: Any) -> None:
    """Log an event under `orchestra`.

    It goes to structlog as the application has configured it; where it has not, to the standard library's logger
    `orchestra`, because an unconfigured structlog prints to standard output.
    """
    _log(logging.INFO, event, fields)


def warn(event: str, *, error: str, **fields: Any) -> None:
    """Log at level warning what went wrong while nobody waited for it."""
    _log(logging.WARNING, event, {"error": error, **fields})


def _log(level: int, event: str, fields: dict[str, Any]) -> None:
    import structlog

    if structlog.is_configured():
        structlog.get_logger(LOGGER).log(level, event, **fields)
        return
    standard = logging.getLogger(LOGGER)
    if standard.isEnabledFor(level):
        said = " ".join(f"{name}={value!r}" for name, value in fields.items())
        standard.log(level, "%s %s", event, said, extra={"event": event, "fields": fields})
