"""The words: what travels down the tree (`Request`), what travels up (`Response`), and the three roles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from orchestra.types.attempt import Attempt, Budgets, Hold, Unlimited, Usage, Want
from orchestra.types.request import Access, Chunk, Request, Sink
from orchestra.types.response import Choice, Citation, Failure, Response, Verdict
from orchestra.types.words import NOTHING, Basis, Call, Message, Priority, new_id

__all__ = [
    "NOTHING",
    "Access",
    "Attempt",
    "Basis",
    "Budgets",
    "Call",
    "Choice",
    "Chunk",
    "Citation",
    "Failure",
    "Hold",
    "Judge",
    "Message",
    "Model",
    "OnMember",
    "Priority",
    "Request",
    "Response",
    "Sink",
    "Strategy",
    "Unlimited",
    "Usage",
    "Verdict",
    "Want",
    "new_id",
]

OnMember = Callable[[tuple[str, ...], Response | Failure], None]
"""Is told the path of a member and what became of it; must not block, and may be called from another thread."""

Model = Callable[[Request], Awaitable[Response]]
"""Answers a request: a leaf, or a tree built of models. A plain `async def` is one too."""

Strategy = Callable[[Request], Awaitable[Choice]]
"""Chooses an arm before the call."""

Judge = Callable[[Request, Sequence[Response]], Awaitable[Sequence[Verdict]]]
"""Scores answers after the call, one verdict for each response, in their order."""
