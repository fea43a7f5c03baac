"""What several texts agree on, and where they contradict each other, as far as their words show it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
MARKUP = re.compile(r"^[\s#>*+-]*(?:\d+[.)]\s+)?|[*_`]")
WORD = re.compile(r"[^\W\d_]{3,}")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
NEGATION = re.compile(r"\b(?:not|no|never|none|neither|nor|cannot|without)\b|n['’]t\b", re.IGNORECASE)
ALIKE = 0.6
"""The share of their words that two sentences about the same thing have in common."""
FEWEST = 3
"""Words of a sentence that says something."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, and the numbers of the drafts that say so, from 1."""

    text: str
    drafts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Claims:
    """`agreements` are said by more than one draft; each of `contradictions` lists sides that can't all be right.

    Two sentences of nearly the same words contradict each other when their figures differ, or only one of them says
    no. What is put in other words is not seen: this is a hint for a reader who checks.
    """

    agreements: tuple[Claim, ...]
    contradictions: tuple[tuple[Claim, ...], ...]

    @classmethod
    def of(cls, drafts: Sequence[str]) -> Claims:
        agreements: list[Claim] = []
        contradictions: list[tuple[Claim, ...]] = []
        for topic in _topics(drafts):
            sides: dict[object, Claim] = {}
            for said in topic:
                side = sides.get(said.stand)
                before = side.drafts if side else ()
                text = side.text if side else said.text
                sides[said.stand] = Claim(text, tuple(dict.fromkeys((*before, said.draft))))
            voices = {draft for side in sides.values() for draft in side.drafts}
            if len(sides) > 1 and len(voices) > 1:
                contradictions.append(tuple(sides.values()))
            elif len(voices) > 1:
                agreements += sides.values()
        return cls(tuple(agreements), tuple(contradictions))


@dataclass(frozen=True, slots=True)
class _Said:
    draft: int
    text: str
    words: frozenset[str]
    stand: object
    """What it holds of its topic: its figures, and whether it says no."""


def _topics(drafts: Sequence[str]) -> list[list[_Said]]:
    """The sentences of all drafts, those about the same thing together."""
    topics: list[list[_Said]] = []
    for number, draft in enumerate(drafts, 1):
        for said in _sentences(number, draft):
            near = next((topic for topic in topics if _alike(topic[0].words, said.words)), None)
            if near is None:
                topics.append([said])
            else:
                near.append(said)
    return topics


def _sentences(number: int, draft: str) -> Iterator[_Said]:
    for sentence in SENTENCE.split(draft):
        text = MARKUP.sub("", sentence).strip()
        words = frozenset(WORD.findall(NEGATION.sub(" ", text).casefold()))
        if len(words) >= FEWEST:
            figures = frozenset(figure.replace(",", "") for figure in NUMBER.findall(text))
            yield _Said(number, text, words, (figures, NEGATION.search(text) is None))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= ALIKE * len(one | other)
