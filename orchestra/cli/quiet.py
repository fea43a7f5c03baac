"""What reaches the user's screen: our own warnings and, when asked for, our events; nothing of the libraries below."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from orchestra.cli.output import err, warn
from orchestra.events import LOGGER

LITELLM_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")


@contextmanager
def own_warnings() -> Iterator[None]:
    """Show Orchestra's warnings, and its events of that level, in a line of their own.

    Those of other libraries are not the user's to mend.
    """

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if category.__module__.startswith("orchestra."):
            warn(str(message))

    logger, events = logging.getLogger(LOGGER), _Events(logging.WARNING)
    logger.addHandler(events)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = show
            yield
    finally:
        logger.removeHandler(events)


class _Events(logging.Handler):
    """Shows what went wrong while nobody waited for it."""

    def emit(self, record: logging.LogRecord) -> None:
        about = vars(record)
        warn(f"{about['event']}: {about['fields']['error']}" if "fields" in about else record.getMessage())


@contextmanager
def without_banners() -> Iterator[None]:
    """Keep LiteLLM, which prints advice to standard output and logs tracebacks, from the screen."""
    for name in LITELLM_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123  # it is no path of ours
        yield


def show_events(asked: bool) -> None:
    """Write Orchestra's events to standard error."""
    if not asked:
        return
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=err().color_system is not None),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
