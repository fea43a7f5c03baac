"""The states of windows and holds as rows of tables, and back."""

from __future__ import annotations

import json
from typing import Any

from orchestra.ledger.entry import clean, packed
from orchestra.ledger.state import HoldState, WindowState

Row = tuple[Any, ...]

_NAMES = {"limit_nano": "limit"}
WINDOW_COLUMNS = (
    *("id", "budget", "rule", "scope", "starts", "ends", "limit_nano", "cap", "alert", "made", "alerted"),
    *("opening", "opening_overrun", "spent", "reserved", "overrun"),
)
HOLD_COLUMNS = ("id", "request", "model", "provider", "tags", "amount", "owner", "made", "state")
EVENT_COLUMNS = ("kind", "key", "payload", "cause", "owner", "at")


def window_of(row: Row) -> WindowState:
    found = {_NAMES.get(name, name): value for name, value in zip(WINDOW_COLUMNS, row, strict=True)}
    return WindowState(**found, loaded=(found["spent"], found["reserved"], found["overrun"]))


def window_row(window: WindowState) -> Row:
    return tuple(getattr(window, _NAMES.get(name, name)) for name in WINDOW_COLUMNS)


def hold_of(row: Row) -> HoldState:
    id, request, model, provider, tags, amount, owner, made, state = row
    return HoldState(
        id=id,
        request=request,
        model=model,
        provider=provider,
        tags={} if tags == "{}" else json.loads(tags),
        amount=amount,
        owner=owner,
        made=made,
        state=state,
        loaded=state,
    )


def hold_row(hold: HoldState) -> Row:
    named = (hold.id, clean(hold.request), clean(hold.model), clean(hold.provider), clean(packed(hold.tags)))
    return *named, hold.amount, hold.owner, hold.made, hold.state
