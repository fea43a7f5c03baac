"""The traits of a text: a few numbers that say how hard it may be. They hold nothing that could be read."""

from __future__ import annotations

import math
import re

from orchestra.routing.classify import Classifier
from orchestra.routing.text import FENCE

READ = 20_000
"""Characters that are read."""

WORD = re.compile(r"[^\W\d_]+")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
COUNTED = {
    "brackets": re.compile(r"[(){}\[\]]"),
    "operators": re.compile(r"[=<>+*/%^&|~-]"),
    "quotes": re.compile(r"[\"'`“”«»]"),
    "questions": re.compile(r"[?？]"),
    "sentences": re.compile(r"[.!?。！？](?:\s|$)"),
    "lines": re.compile(r"\n"),
    "money": re.compile(r"[$€£¥%]"),
    "slices": re.compile(r"\[[^\[\]]*:[^\[\]]*\]"),
    "indents": re.compile(r"\n(?:\t| {4})"),
    "deep_indents": re.compile(r"\n(?:\t\t| {8})"),
    "loops": re.compile(r"\b(?:for|while|each|every|until|repeat)\b", re.IGNORECASE),
    "calls": re.compile(r"\w\("),
    "members": re.compile(r"\w\.\w+\("),
    "conditions": re.compile(r"\b(?:if|elif|else|while|for|not|and|or|except|case|when|unless)\b", re.IGNORECASE),
    "comparisons": re.compile(
        r"\b(?:more|less|than|half|twice|times|each|every|per|percent|total|remaining|left|after|before|until)\b",
        re.IGNORECASE,
    ),
    "hard": re.compile(
        r"\b(?:prove|derive|optimal|minimi[sz]e|maximi[sz]e|algorithm|complexity|integral|theorem|probability|"
        r"explain why|step by step|trade-?offs?|analy[sz]e|compare|evaluate|design|debug)\b",
        re.IGNORECASE,
    ),
}


def traits(text: str, classifier: Classifier) -> dict[str, float]:
    """The traits of a text by name: its length, counts of its marks (as logarithms), what task it looks like."""
    text = text[:READ]
    words, numbers = WORD.findall(text), NUMBER.findall(text)
    found = {
        "length": math.log1p(len(text)),
        "words": math.log1p(len(words)),
        "numbers": math.log1p(len(numbers)),
        "digits": math.log1p(sum(map(len, numbers))),
        "longest_number": math.log1p(max(map(len, numbers), default=0)),
        "word_length": sum(map(len, words)) / len(words) if words else 0.0,
        "vocabulary": len({word.casefold() for word in words}) / len(words) if words else 0.0,
        "foreign": sum(not word.isascii() for word in words) / len(words) if words else 0.0,
        "longest_run": math.log1p(max(map(len, text.split()), default=0)),
        "quoted": math.log1p(sum(map(len, QUOTED.findall(text)))),
        "fence": float(FENCE in text),
    }
    found |= {name: math.log1p(len(pattern.findall(text))) for name, pattern in COUNTED.items()}
    found |= {f"like {task}": chance for task, chance in classifier.probabilities(text).items()}
    return {name: round(value, 4) for name, value in found.items()}
