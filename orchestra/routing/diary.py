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
        made = {"request": request.id, "arm": choice.arm, "rule": choice.rule, "reason": choice.reason}
        self.ledger.event(DECISION, key, {**made, **choice.record})

    def answered(self, request: Request, choice: Choice, response: Response) -> None:
        """Write down which arm answered where it was not the chosen one, and how good the answer shows itself to be.

        That is 0 for one that does not hold (cut, unagreed, unverified) or lacks the form that was asked for, 1 for one
        that has it; of every other answer nothing is known.
        """
        value: float | None = None
        if not response.success:
            value = 0.0
        elif request.params.get("response_format") is not None:
            value = float(response.parsed is not None)
        depth = len(request.path)
        paths = [attempt.path for attempt in request.journal if attempt.path[:depth] == request.path]
        arm = paths[-1][depth] if paths and len(paths[-1]) > depth else choice.arm
        if value is not None or arm != choice.arm:
            told = {"request": request.id, "policy": choice.record.get("policy"), "arm": arm, "value": value}
            self.ledger.event(SIGNAL, "/".join((request.id, *request.path)), told)
