"""Decisions, and what came of them, written down in the ledger: what replay, learning and `orchestra log` read."""

from __future__ import annotations

from dataclasses import dataclass

from orchestra.ledger import Ledger
from orchestra.types import Choice, Request, Response

DECISION = "decision"
SIGNAL = "signal"


@dataclass(frozen=True, slots=True)
class Diary:
    """Writes to a ledger; queued, never waits. There is no text of the request in it."""

    ledger: Ledger

    def chosen(self, request: Request, choice: Choice) -> None:
        """Write down a decision, with all that it was made from."""
        key = "/".join((request.id, *request.path))
        self.ledger.event(
            DECISION, key, {"request": request.id, "arm": choice.arm, "rule": choice.rule, **choice.record}
        )

    def answered(self, request: Request, arm: str, response: Response | None) -> None:
        """Write down what shows by itself how good an arm's answer was; nothing, where nothing shows it.

        It is 0 for a failure or an answer that does not hold, 1 for one that has the form that was asked for.
        """
        formed = request.params.get("response_format") is not None
        if response is None or not response.success:
            value = 0.0
        elif formed:
            value = float(response.parsed is not None)
        else:
            return
        key = "/".join((request.id, *request.path, arm))
        self.ledger.event(SIGNAL, key, {"request": request.id, "arm": arm, "value": value})
