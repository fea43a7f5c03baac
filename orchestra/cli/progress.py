"""One line on a terminal that says what is being waited for."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from orchestra.cli.output import err


class Progress:
    """A spinner on standard error where that is a terminal; silent elsewhere. Any thread may speak through it."""

    def __init__(self) -> None:
        from rich.status import Status

        console = err()
        self._status = Status("", console=console) if console.is_terminal else None

    def say(self, text: str) -> None:
        """Show what is being waited for now."""
        if self._status is not None:
            self._status.update(text)

    def stop(self) -> None:
        """The wait is over: clear the line."""
        if self._status is not None:
            self._status.stop()

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
