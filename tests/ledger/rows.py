"""Rows of the ledger for the tests of its reports: made by hand, and made up."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from orchestra.ledger import Entry, nano

from .support import NOON

_numbers = itertools.count()
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For tests that make many rows, on machines that are busy."""
NAMES = st.sampled_from(["gpt", "claude", "llama"])


def row(cost: str | None = "0.001", **about: Any) -> Entry:
    """A call of `gpt` at noon that was answered in half a second."""
    id = f"id-{next(_numbers)}"
    basic: dict[str, Any] = {
        "id": id,
        "kind": "post",
        "amount": 0 if cost is None else nano(Decimal(cost)),
        "priced": cost is not None,
        "basis": "usage",
        "request": id,
        "call": "chat",
        "name": "gpt",
        "model": "openai/gpt",
        "provider": "openai",
        "input_tokens": 10,
        "output_tokens": 5,
        "latency_s": 0.5,
        "started_at": NOON,
        "made": NOON,
        "at": NOON,
    }
    return Entry(**{**basic, **about})


@st.composite
def rows(draw: st.DrawFn, since: float = 0, until: float = 2_200_000_000) -> list[Entry]:
    """Any calls, each with an id of its own."""
    made = draw(st.lists(st.floats(since, until, exclude_max=True), max_size=12))
    found = []
    for n, at in enumerate(made):
        model = draw(NAMES)
        found.append(
            Entry(
                id=f"call-{n}",
                kind=draw(st.sampled_from(["post", "void", "expire", "correct"])),
                amount=draw(st.integers(0, 10**17)),
                saved=draw(st.integers(0, 10**10)),
                priced=draw(st.booleans()),
                basis=draw(st.sampled_from(["usage", "counted", "estimated", "reserved", "void"])),
                request=draw(st.sampled_from(["", "r1", "r2"])),
                name=draw(NAMES),
                model=model,
                provider=model,
                task_type=draw(st.none() | NAMES),
                tags=draw(st.dictionaries(st.sampled_from(["team", "user"]), NAMES)),
                labels=draw(st.dictionaries(st.sampled_from(["prompt", "prompt_version"]), NAMES)),
                input_tokens=draw(st.integers(0, 2**53)),
                output_tokens=draw(st.integers(0, 2**53)),
                latency_s=draw(st.floats(0, 1e6)),
                error=draw(st.none() | st.just("Unavailable")),
                started_at=at,
                made=at,
                at=at,
            )
        )
    return found
