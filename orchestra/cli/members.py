"""The members of an ensemble, drawn as they come in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orchestra.cli.output import err, table
from orchestra.trace import money
from orchestra.types import Failure, Response

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 60
"""Characters of an answer that are shown."""


class Members:
    """A table on standard error, where that is a terminal: each member, its time, its cost, the answer's beginning.

    Called with the path and the outcome of each, from any thread. Below it: how many agree so far, where they answer
    the same (`votes`), and what it has cost.
    """

    def __init__(self, names: Sequence[str] = (), votes: bool = True) -> None:
        from rich.live import Live

        self._outcomes: dict[str, list[Response | Failure]] = {name: [] for name in names}
        self._named, self._voting = tuple(names), votes
        self._lock = Lock()
        console = err()
        self._live = Live(self._drawn(), console=console, refresh_per_second=8) if console.is_terminal else None

    def __call__(self, path: tuple[str, ...], outcome: Response | Failure) -> None:
        with self._lock:
            if len(path) == 1:
                self._outcomes.setdefault(path[0], []).append(outcome)
            if self._live is not None:
                self._live.update(self._drawn())

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def said(self) -> str:
        """How far it has come: `2 of 3 agree on '42', $0.0012 so far`."""
        from orchestra.ensemble.answers import Answers, joined

        total = sum((_cost(rows) or Decimal(0) for rows in self._outcomes.values()), Decimal(0))
        rows = [one for name in self._outcomes if self._votes(name) for one in self._outcomes[name]]
        read = [Answers().read(one) if isinstance(one, Response) else None for one in rows]
        keys = joined([answer and answer.key for answer in read])
        counts = Counter(key for key in keys if key is not None)
        if not counts:
            return f"{money(total)} so far"
        key, votes = counts.most_common(1)[0]
        first = next(answer.shown for answer, own in zip(read, keys, strict=True) if answer is not None and own == key)
        return f"{votes} of {max(len(self._named), len(rows))} agree on {_line(first)!r}, {money(total)} so far"

    def _votes(self, name: str) -> bool:
        """It answers the same as the others, and judges none of them."""
        return self._voting and (name in self._named if self._named else name != "judge")

    def _drawn(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        drawn = table("", "member", "time", "cost", "answer")
        for name, rows in self._outcomes.items():
            calls = f"{name} ×{len(rows)}" if len(rows) > 1 else name
            if not rows:
                drawn.add_row("…", calls, "", "", "")
                continue
            last = rows[-1]
            told = str(last.error) if isinstance(last, Failure) else last.text
            mark = "✗" if isinstance(last, Failure) else "✓"
            drawn.add_row(mark, calls, f"{last.latency_s:.2f} s", money(_cost(rows)), _line(told))
        return Group(drawn, Text(self.said(), style="dim"))


def _cost(rows: Sequence[Response | Failure]) -> Decimal | None:
    costs = [row.usage.cost for row in rows if isinstance(row, Response)]
    return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))


def _line(text: str) -> str:
    """An answer's beginning, on one line, with nothing that could steer a terminal."""
    line = "".join(sign for sign in " ".join(text.split()) if sign.isprintable())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"
