"""What a judge said, read out of its text: the fields of its JSON, well formed or not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestra.ensemble.forms.data import json_values

SHARE = re.compile(r"\s*(-?[\d.]+)\s*(?:(%)|/\s*([\d.]+))?\s*")


def said(text: str, field: str) -> Any:
    """The value of a field in the last JSON object that has it, else in something like one; `None` when not said."""
    for found in reversed(list(json_values(text))):
        if isinstance(found, Mapping) and field in found:
            return found[field]
    loose = re.findall(rf"\b{field}\b[\"'*]*\s*[:=][\s\"'*]*([\w.%/]+)", text, re.IGNORECASE)
    return loose[-1] if loose else None


def yes(value: Any) -> bool | None:
    """A yes or a no; `None` for what is neither."""
    word = str(value).strip().casefold()
    return True if word in ("true", "yes", "1") else False if word in ("false", "no", "0") else None


def share(value: Any, whole: float = 1.0) -> float | None:
    """A figure out of `whole` as a share in [0, 1]: `0.85`, `"85 %"`, `"7/10"`; `None` for what is no figure."""
    match = SHARE.fullmatch(str(value))
    if match is None or isinstance(value, bool):
        return None
    try:
        figure, of = float(match[1]), 100.0 if match[2] else float(match[3] or whole)
    except ValueError:
        return None
    return min(1.0, max(0.0, figure / of)) if of else None
