"""Learning from scored texts which of them need a stronger arm, and how many of them may have it."""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestra.errors import ConfigError
from orchestra.routing.curve import apgr, cpt, ordered, recovered
from orchestra.routing.logistic import Logistic, chosen
from orchestra.routing.trained import ANY, Trained, kind_of

FEWEST = 60
OF_A_KIND = 150
"""Examples from which on a kind of text has a model of its own."""
MOST = 4_000
DOUBT = 5.0
"""Failures that a kind's gains are drawn towards those of all for."""
SPARED = ("length",)
DIALS = 201
TELLS = 0.55
"""An APGR from which on a text can be said to tell something."""


@dataclass(frozen=True, slots=True)
class Example:
    """A text's traits, and the scores in [0, 1] of the arms that answered it."""

    traits: Mapping[str, float]
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """What the dial is set for: a share of requests for the strongest, or a loss of quality in hundredths."""

    strong_share: float | None = None
    quality: str | None = None
    lost: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        found = re.search(r"([\d.]+)pt", self.quality or "")
        object.__setattr__(self, "lost", float(found[1]) / 100 if found else 0.0)

    def __str__(self) -> str:
        return f"quality {self.quality}" if self.strong_share is None else f"strong_share {self.strong_share:g}"


def learned(
    examples: Sequence[Example], arms: Sequence[str], costs: Mapping[str, float], target: Target, seed: int = 0
) -> Trained:
    """A policy over `arms`, the cheapest first; the same examples and seed give the same one.

    `costs` are relative to the strongest. Raises `ConfigError` where there are too few examples of an arm.
    """
    cheapest, strongest = arms[0], arms[-1]
    for arm in arms:
        count = sum(arm in example.scores for example in examples)
        if count < FEWEST:
            raise ConfigError(
                f"{count} scored examples of {arm!r} are too few to learn from; it takes {FEWEST}: score more of its "
                f"answers (api.score; preferred_model={arm!r} asks it), or give labelled prompts with --labelled FILE"
            )
    examples = random.Random(seed).sample(examples, min(len(examples), MOST))
    models, known = _models(examples, cheapest)
    gains = _gains(examples, known, arms)
    trained = Trained(tuple(arms), models, gains, costs, 0.0, str(target))
    expected = [_expected(trained, example, chance) for example, chance in zip(examples, known, strict=True)]
    dial = _dial(trained, examples, expected, target)
    trained = Trained(tuple(arms), models, gains, costs, dial, str(target))
    report = {"seed": seed, **_report(trained, examples, expected)}
    pairs = [(e.scores[cheapest], e.scores[strongest]) for e in examples if {cheapest, strongest} <= e.scores.keys()]
    if pairs:
        both = [n for n, e in enumerate(examples) if {cheapest, strongest} <= e.scores.keys()]
        curve = recovered(ordered(pairs, [expected[n][strongest] - expected[n][cheapest] for n in both]))
        lengths = recovered(ordered(pairs, [examples[n].traits.get("length", 0.0) for n in both]))
        report |= {
            "apgr": apgr(curve),
            "apgr_length": apgr(lengths),
            "cpt50": cpt(curve, 0.5),
            "cpt80": cpt(curve, 0.8),
        }
        report["tells"] = apgr(curve) >= TELLS
    return Trained(tuple(arms), models, gains, costs, dial, str(target), report)


def _models(examples: Sequence[Example], arm: str) -> tuple[dict[str, Logistic], list[float]]:
    """How probably `arm` does well, by kind of text; and what each example was said before it was known."""
    scored = [n for n, example in enumerate(examples) if arm in example.scores]
    everyone, said = _fitted(examples, scored, arm)
    models = {ANY: everyone}
    known = [everyone(example.traits) for example in examples]
    for n, chance in zip(scored, said, strict=True):
        known[n] = chance
    kinds = defaultdict(list)
    for n in scored:
        kinds[kind_of(examples[n].traits)].append(n)
    for kind, rows in sorted(kinds.items()):
        if OF_A_KIND <= len(rows) < len(scored):
            models[kind], said = _fitted(examples, rows, arm)
            for n, chance in zip(rows, said, strict=True):
                known[n] = chance
    return models, known


def _fitted(examples: Sequence[Example], rows: Sequence[int], arm: str) -> tuple[Logistic, list[float]]:
    return chosen([examples[n].traits for n in rows], [examples[n].scores[arm] for n in rows], SPARED)


def _gains(examples: Sequence[Example], known: Sequence[float], arms: Sequence[str]) -> dict[str, dict[str, float]]:
    """Which part of what the cheapest arm does badly each arm makes good, by kind of text."""
    better: dict[tuple[str, str], float] = defaultdict(float)
    bad: dict[tuple[str, str], float] = defaultdict(float)
    for example, chance in zip(examples, known, strict=True):
        cheapest = example.scores.get(arms[0], chance)
        for arm in arms[1:]:
            if arm in example.scores:
                for kind in {ANY, kind_of(example.traits)}:
                    better[kind, arm] += example.scores[arm] - cheapest
                    bad[kind, arm] += 1 - cheapest
    overall = {arm: better[ANY, arm] / bad[ANY, arm] if bad[ANY, arm] else 0.0 for arm in arms[1:]}
    found = {ANY: {arms[0]: 0.0, **overall}}
    for kind in sorted({kind for kind, _ in bad} - {ANY}):
        drawn = {a: (better[kind, a] + DOUBT * overall[a]) / (bad[kind, a] + DOUBT) for a in arms[1:]}
        found[kind] = {arms[0]: 0.0, **drawn}
    return found


def _expected(trained: Trained, example: Example, chance: float) -> dict[str, float]:
    gains = trained.gains.get(kind_of(example.traits), trained.gains[ANY])
    return {arm: chance + (1 - chance) * gains[arm] for arm in trained.arms}


def _arm(trained: Trained, expected: Mapping[str, float], dial: float) -> str:
    return max(trained.arms, key=lambda arm: expected[arm] - dial * trained.costs[arm])


def _dial(
    trained: Trained, examples: Sequence[Example], expected: Sequence[Mapping[str, float]], target: Target
) -> float:
    """The dial that meets the target: the smallest that keeps the share, or the largest that keeps the quality."""
    cheapest, strongest = trained.arms[0], trained.arms[-1]
    saved = max(trained.costs[strongest] - trained.costs[cheapest], 1e-9)
    steps = sorted((row[strongest] - row[cheapest]) / saved for row in expected)
    dials = [steps[(len(steps) - 1) * n // (DIALS - 1)] for n in range(DIALS)]
    if target.strong_share is not None:
        kept = [d for d in dials if _share(trained, expected, d) <= target.strong_share]
        return kept[0] if kept else dials[-1] + 1e-9
    always = _quality(examples, expected, [strongest] * len(examples))
    enough = [dials[0] - 1e-9]
    for dial in dials:
        arms = [_arm(trained, row, dial) for row in expected]
        if _quality(examples, expected, arms) >= always - target.lost:
            enough.append(dial)
    return enough[-1]


def _share(trained: Trained, expected: Sequence[Mapping[str, float]], dial: float) -> float:
    return sum(_arm(trained, row, dial) == trained.arms[-1] for row in expected) / len(expected)


def _quality(examples: Sequence[Example], expected: Sequence[Mapping[str, float]], arms: Sequence[str]) -> float:
    """The mean score when each example goes to its arm: as it was scored, else as it is expected."""
    found = [e.scores.get(arm, row[arm]) for e, row, arm in zip(examples, expected, arms, strict=True)]
    return math.fsum(found) / len(found)


def _report(trained: Trained, examples: Sequence[Example], expected: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """What the dial comes to on the examples, each as it was judged before it was known."""
    strongest = trained.arms[-1]
    arms = [_arm(trained, row, trained.dial) for row in expected]
    lost = [
        e.scores.get(strongest, row[strongest]) - e.scores.get(arm, row[arm])
        for e, row, arm in zip(examples, expected, arms, strict=True)
    ]
    mean = math.fsum(lost) / len(lost)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in lost) / len(lost))
    return {
        "examples": len(examples),
        "shares": {arm: arms.count(arm) / len(arms) for arm in trained.arms},
        "quality": _quality(examples, expected, arms),
        "quality_of": {arm: _quality(examples, expected, [arm] * len(arms)) for arm in trained.arms},
        "lost": mean,
        "lost_error": spread / math.sqrt(len(lost)),
        "cost": sum(trained.costs[arm] for arm in arms) / len(arms),
    }
