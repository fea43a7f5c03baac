"""Rules in order: the first that holds, and whose model can serve, decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from orchestra.errors import NoModelAvailable
from orchestra.resilience.cooldown import Cooldowns
from orchestra.routing.arm import Arm
from orchestra.routing.facts import Facts, facts_of
from orchestra.settings.nodes import When
from orchestra.types import Choice, Request


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: when it holds, the first of `arms` that can serve."""

    name: str
    when: When
    arms: tuple[Arm, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """The strategy `task_based`: the caller's preferred model, then the rules in order, then `otherwise`.

    `find` resolves a preferred model's name. The choice's `chain` is the order in which arms are asked: the chosen one,
    then those of `fallback` that can serve. Raises `NoModelAvailable` where nothing can, naming each one's reason.
    """

    rules: tuple[Rule, ...]
    otherwise: Arm
    fallback: tuple[Arm, ...] = ()
    find: Callable[[str], Arm] | None = field(default=None, repr=False, compare=False)
    cooldowns: Cooldowns = field(default_factory=Cooldowns, repr=False, compare=False)

    async def __call__(self, request: Request) -> Choice:
        return self.decide(facts_of(request), live=True)

    def arms(self, facts: Facts) -> Iterator[tuple[str, str, Arm]]:
        """Every candidate in the order of preference, as (rule, reason, arm)."""
        if facts.preferred_model and self.find is not None:
            yield "preferred_model", f"the caller prefers {facts.preferred_model}", self.find(facts.preferred_model)
        for rule in self.rules:
            if holds(rule.when, facts):
                for arm in rule.arms:
                    yield rule.name, rule.reason or str(rule.when), arm
        yield "otherwise", "no rule holds", self.otherwise

    def decide(self, facts: Facts, live: bool = False) -> Choice:
        """The decision; `live` counts missing keys and cool-downs, else it is made as if every key were there."""
        passed: list[tuple[str, str]] = [
            (f"{rule.name} → {', '.join(arm.name for arm in rule.arms)}", missed(rule.when, facts))
            for rule in self.rules
            if not holds(rule.when, facts)
        ]
        choice = choose(list(self.arms(facts)), self.fallback, facts, self.cooldowns if live else None, passed)
        later = tuple(
            (f"{rule.name} → {', '.join(arm.name for arm in rule.arms)}", f"{choice.rule} comes before it")
            for rule in self._after(choice.rule)
            if holds(rule.when, facts)
        )
        return replace(choice, passed_over=choice.passed_over + later)

    def _after(self, name: str | None) -> tuple[Rule, ...]:
        names = [rule.name for rule in self.rules]
        if name == "preferred_model":
            return self.rules
        return self.rules[names.index(name) + 1 :] if name in names else ()


def choose(
    candidates: list[tuple[str, str, Arm]],
    fallback: tuple[Arm, ...],
    facts: Facts,
    cooldowns: Cooldowns | None,
    passed: list[tuple[str, str]],
) -> Choice:
    """The first candidate that can serve, with the chain behind it.

    Arms that cool down go to the end of the chain: they are asked only when nothing else is left.
    """
    able: dict[str, tuple[str, str]] = {}
    cooling: dict[str, tuple[str, str]] = {}
    for rule, reason, arm in (*candidates, *(("fallback", "the first of the fallbacks that can", a) for a in fallback)):
        if arm.name in able or arm.name in cooling or any(name == arm.name for name, _ in passed):
            continue
        why_not = arm.unable(facts)
        if why_not is None and cooldowns is not None:
            why_not = arm.unready()
        if why_not is not None:
            passed.append((arm.name, why_not))
        elif cooldowns is not None and (left_s := arm.cooling_s(cooldowns)):
            passed.append((arm.name, f"cools down for {left_s:.0f} s more"))
            cooling[arm.name] = (rule, reason)
        else:
            able[arm.name] = (rule, reason)
    if not able and not cooling:
        raise NoModelAvailable(_nothing_left(passed, candidates, fallback))
    chosen = next(iter(able or cooling))
    rule, reason = (able | cooling)[chosen]
    # What another rule takes is no fallback of this one: behind the chosen arm come its rule's own, then the fallbacks.
    behind = [arm.name for r, _, arm in candidates if r == rule] + [arm.name for arm in fallback]
    well, ill = ([name for name in behind if name in these and name != chosen] for these in (able, cooling))
    return Choice(
        arm=chosen,
        rule=rule,
        reason=reason,
        passed_over=tuple(passed),
        features=facts.shown(),
        chain=tuple(dict.fromkeys([chosen, *well, *ill])),
    )


def holds(when: When, facts: Facts) -> bool:
    """Every condition of a rule is met."""
    return not missed(when, facts)


def missed(when: When, facts: Facts) -> str:
    """The first condition that is not met, in words; empty when all are."""
    if when.task is not None and facts.task not in when.task:
        return f"task is {facts.task or 'not given'}, not {' or '.join(when.task)}"
    if when.priority is not None and facts.priority not in when.priority:
        return f"priority is {facts.priority}, not {' or '.join(when.priority)}"
    if when.input_tokens is not None and not when.input_tokens.holds(facts.input_tokens):
        return f"input is {'about ' if facts.estimated else ''}{facts.input_tokens} tokens, not {when.input_tokens}"
    for key, values in (when.tags or {}).items():
        if facts.tags.get(key) not in values:
            return f"tag {key} is {facts.tags.get(key)!r}, not {' or '.join(values)}"
    for name in ("images", "audio", "video", "files", "tools", "structured"):
        wanted = getattr(when, name)
        if wanted is not None and wanted is not getattr(facts, name):
            return f"has no {name}" if wanted else f"has {name}"
    return ""


def _nothing_left(
    passed: list[tuple[str, str]], candidates: list[tuple[str, str, Arm]], fallback: tuple[Arm, ...]
) -> str:
    arms = {arm.name: arm for arm in (*(arm for _, _, arm in candidates), *fallback)}
    reasons = [f"{name}: {why}" for name, why in passed if name in arms]
    variables = sorted({v for arm in arms.values() for member in arm.members if (v := member.missing_key)})
    hint = f"; set {' or '.join(variables)}" if variables else ""
    return f"no model can serve this request ({'; '.join(reasons)}){hint}"
