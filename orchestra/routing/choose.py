"""From candidates in their order to a choice: the first that can serve, with the chain behind it, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestra.errors import NoModelAvailable
from orchestra.resilience.cooldown import Cooldowns
from orchestra.routing.arm import Arm
from orchestra.routing.facts import Facts
from orchestra.routing.purse import Purse
from orchestra.types import NOTHING, Choice

Measures = Mapping[str, Mapping[str, float]]
"""What a decision was reckoned from beside the facts: numbers by their names, for each arm by its name."""


Standing = Sequence[Any]
"""Why an arm should not be called at the moment, and whether it is called all the same when nothing else is left."""


class Now:
    """How the arms stand now for a request; what was found is kept in `noted`."""

    def __init__(self, facts: Facts, cooldowns: Cooldowns, purse: Purse | None) -> None:
        self._facts, self._cooldowns, self._purse = facts, cooldowns, purse
        self.noted: dict[str, Standing] = {}

    def __call__(self, arm: Arm) -> Standing | None:
        found = self._found(arm)
        if found is not None:
            self.noted[arm.name] = found
        return found

    def _found(self, arm: Arm) -> Standing | None:
        if unready := arm.unready():
            return [unready, False]
        if cooling_s := arm.cooling_s(self._cooldowns):
            return [f"cools down for {cooling_s:.0f} s more", True]
        # The purse only estimates: where nothing else is left, the hold of the call refuses, and says by how much.
        poor = None if self._purse is None else self._purse(arm, self._facts)
        return None if poor is None else [poor, True]


class Then:
    """How the arms stood when a decision was made; with nothing noted, as if every key were there."""

    def __init__(self, noted: Mapping[str, Standing] = NOTHING) -> None:
        self.noted = noted

    def __call__(self, arm: Arm) -> Standing | None:
        return self.noted.get(arm.name)


Candidate = tuple[str, str, Arm]
"""A rule, its reason, and the arm that it would take."""


def choose(
    candidates: Sequence[Candidate],
    fallback: tuple[Arm, ...],
    facts: Facts,
    stands: Now | Then,
    passed: list[tuple[str, str]],
    measured: Measures = NOTHING,
) -> Choice:
    """The first candidate that can serve, with the chain behind it; `passed` were passed over before.

    Arms that cool down or are too dear for a budget go to the end of the chain: they are asked only when nothing else
    is left. The choice's `record` is all that the decision was made from. Raises `NoModelAvailable` where nothing is
    left, naming each one's reason.
    """
    able: dict[str, tuple[str, str]] = {}
    last: dict[str, tuple[str, str]] = {}
    gone = {name for name, _ in passed} - {arm.name for arm in fallback}
    for rule, reason, arm in (*candidates, *(("fallback", "the first of the fallbacks that can", a) for a in fallback)):
        if arm.name in gone:
            continue
        gone.add(arm.name)
        unable = arm.unable(facts)
        why_not, still = stands(arm) or (None, True) if unable is None else (unable, False)
        if why_not is None:
            able[arm.name] = (rule, reason)
            continue
        passed.append((arm.name, why_not))
        if still:
            last[arm.name] = (rule, reason)
    if not able and not last:
        raise NoModelAvailable(_nothing_left(passed, candidates, fallback))
    chosen = next(iter(able or last))
    rule, reason = (able | last)[chosen]
    # What another rule takes is no fallback of this one: behind the chosen arm come its rule's own, then the fallbacks.
    behind = [arm.name for r, _, arm in candidates if r == rule] + [arm.name for arm in fallback]
    well, ill = ([name for name in behind if name in these and name != chosen] for these in (able, last))
    record = {"facts": facts.plain(), "measured": measured, "standing": stands.noted}
    return Choice(
        arm=chosen,
        rule=rule,
        reason=reason,
        passed_over=tuple(passed),
        features=facts.shown(),
        chain=tuple(dict.fromkeys([chosen, *well, *ill])),
        record={name: value for name, value in record.items() if value},
    )


def preferred(facts: Facts, find: Callable[[str], Arm] | None) -> list[Candidate]:
    """The model that the caller prefers, before every other candidate."""
    if not facts.preferred_model or find is None:
        return []
    return [("preferred_model", f"the caller prefers {facts.preferred_model}", find(facts.preferred_model))]


def _nothing_left(passed: list[tuple[str, str]], candidates: Sequence[Candidate], fallback: tuple[Arm, ...]) -> str:
    arms = {arm.name: arm for arm in (*(arm for _, _, arm in candidates), *fallback)}
    reasons = [f"{name}: {why}" for name, why in passed if name in arms]
    variables = sorted({v for arm in arms.values() for member in arm.members if (v := member.missing_key)})
    hint = f"; set {' or '.join(variables)}" if variables else ""
    return f"no model can serve this request ({'; '.join(reasons)}){hint}"
