"""Who is told when a budget's spending reaches its alert or its limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from orchestra.events import emit, warn
from orchestra.ledger.books import ALERT, OVERRUN
from orchestra.ledger.money import usd
from orchestra.ledger.ops import Alert, Notice, Outage, Overrun

UNAVAILABLE = "ledger.unavailable"
UNBOOKED = "nothing is booked until it can be used again"
WEBHOOK_FAILED = "budget.webhook_failed"
WEBHOOK_TIMEOUT_S = 5.0


class Alerts:
    """Logs every notice; tells callbacks and a webhook of alerts. All of it on threads of its own."""

    def __init__(self, webhook: str | None = None) -> None:
        self.callbacks: list[Callable[[Alert], object]] = []
        self._webhook = webhook
        self._threads: list[threading.Thread] = []

    def tell(self, notices: Sequence[Notice]) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._start(partial(_log, notices))
        for alert in notices:
            if isinstance(alert, Alert):
                for callback in self.callbacks:
                    self._start(partial(callback, alert))
                if self._webhook is not None:
                    self._start(partial(self._post, alert))

    def close(self) -> None:
        """Wait for what is still being told."""
        while self._threads:
            self._threads.pop().join(2 * WEBHOOK_TIMEOUT_S)

    def _start(self, job: Callable[[], object]) -> None:
        thread = threading.Thread(target=job, name="orchestra-alert", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending: it starts no more threads
            job()
        else:
            self._threads.append(thread)

    def _post(self, alert: Alert) -> None:
        import httpx

        assert self._webhook is not None
        try:
            httpx.post(self._webhook, json=plain(alert), timeout=WEBHOOK_TIMEOUT_S).raise_for_status()
        except httpx.HTTPError as error:
            warn(WEBHOOK_FAILED, budget=alert.standing.budget, error=type(error).__name__)


def _log(notices: Sequence[Notice]) -> None:
    for notice in notices:
        match notice:
            case Alert():
                emit(ALERT, **plain(notice))
            case Overrun():
                emit(OVERRUN, attempt=notice.attempt, model=notice.model, amount_usd=str(usd(notice.amount)))
            case Outage():
                warn(UNAVAILABLE, error=f"{notice.error}; {UNBOOKED}", waiting=notice.waiting)


def plain(alert: Alert) -> dict[str, Any]:
    """An alert as data for JSON; amounts are decimal text, in USD."""
    standing = alert.standing
    return {
        "budget": standing.budget,
        "scope": standing.scope,
        "threshold_usd": f"{usd(alert.threshold):f}",
        "limit_usd": f"{usd(standing.limit):f}",
        "spent_usd": f"{usd(standing.spent):f}",
        "held_usd": f"{usd(standing.held):f}",
        "starts": standing.starts,
        "ends": standing.ends,
    }
