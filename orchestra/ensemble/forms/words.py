"""Choices, labels, truth and free text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

EDGES = " \t\r\n.,;:!*_`'\"“”‘’«»()[]"
CHOICE = re.compile(
    r"(?:(?:option|choice|answer|letter)\s*(?:is|:)?\s*)?[(\[*_`'\"]*([A-Za-z])[)\]*_`'\"]*(?=$|[).:,\]\s])",
    re.IGNORECASE,
)
LETTER = re.compile(r"(?<![\w'])[(\[]?([A-Z])(?:[)\].:,]|$|(?=\s))")
TRUE = frozenset(["yes", "true", "correct", "right", "y", "yep", "yeah", "supported"])
FALSE = frozenset(["no", "false", "incorrect", "wrong", "n", "nope", "unsupported"])
NEGATION = frozenset(["not", "isn't", "isnt", "never", "cannot", "can't"])


def text_form(text: str) -> str:
    """Free text without what is only typography: case, blanks, marks at its ends, quotes, compatibility forms."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").replace("“", '"').replace("”", '"')
    return " ".join(plain.casefold().split()).strip(EDGES)


def choice_form(text: str, *, whole: bool = False) -> str | None:
    """The letter of a multiple choice: "B", "(b)", "B) Paris", "Option B"; `None` where two letters compete."""
    stripped = text.strip()
    if match := CHOICE.match(stripped):
        rest = stripped[match.end() :]
        alone = not rest.strip(EDGES)
        marked = rest[:1] in (")", ".", ":", "]") or len(match[0].strip(EDGES)) > 1 or match[0][:1] in "([*"
        if alone or (marked and not whole):
            return match[1].upper()
    if whole:
        return None
    letters = {letter for letter in LETTER.findall(stripped) if letter not in ("A", "I")} or set(
        re.findall(r"[(*]([A-Z])[)*]", stripped)
    )
    return letters.pop() if len(letters) == 1 else None


def label_form(text: str, labels: Sequence[str]) -> str | None:
    """The one of `labels` that a text names; a label within a longer one ("supported", "not supported") is the longer.

    `None` where it names none, or several and begins with none of them.
    """
    said = text_form(text)
    known = {text_form(label): label for label in labels}
    if said in known:
        return known[said]
    words = "|".join(re.escape(label) for label in sorted(known, key=len, reverse=True))
    found = list(re.finditer(rf"(?<!\w)(?:{words})(?!\w)", said))
    named = {match[0] for match in found}
    if len(named) == 1 or (found and found[0].start() == 0):
        return known[found[0][0]]
    return None


def boolean_form(text: str, *, whole: bool = False) -> bool | None:
    """Whether a text says yes or no; `None` where it says neither, or both."""
    words = re.findall(r"[\w']+", text_form(text))
    if not words:
        return None
    said = [truth for n in range(len(words)) if (truth := _truth(words, n)) is not None]
    if whole:
        return said[0] if len(words) == 1 and said else None
    leading = _truth(words, 0) if words[0] not in NEGATION else _truth(words, 1) if len(words) > 1 else None
    if leading is not None:
        return leading
    return said[0] if len(set(said)) == 1 else None


def _truth(words: Sequence[str], n: int) -> bool | None:
    if words[n] not in TRUE and words[n] not in FALSE:
        return None
    negated = n > 0 and words[n - 1] in NEGATION
    return (words[n] in TRUE) != negated
