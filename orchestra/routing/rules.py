"""Rules in order: the first that holds, and whose model can serve, decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from orchestra.resilience.cooldown import Cooldowns
from orchestra.routing.arm import Arm
from orchestra.routing.choose import Measures, Now, Then, choose, preferred
from orchestra.routing.facts import Facts
from orchestra.routing.purse import Purse
from orchestra.settings.nodes import When
from orchestra.types import NOTHING, Choice


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: when it holds, the first of `arms` that can serve."""

    name: str
    when: When
    arms: tuple[Arm, ...]
    reason: str = ""
    shown: str = field(init=False, repr=False, compare=False)
    """The rule and what it takes, as it is passed over."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", f"{self.name} → {', '.join(arm.name for arm in self.arms)}")

    def said(self, facts: Facts) -> str:
        """Why it decides; that the task is estimated, where it looks at the task."""
        said = self.reason or str(self.when)
        return f"{said} ({facts.task_said})" if self.when.task and facts.task_said else said


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
    purse: Purse | None = field(default=None, repr=False, compare=False)

    def decide(self, facts: Facts, live: bool = False) -> Choice:
        """The decision; `live` counts missing keys, cool-downs and budgets, else every key is taken to be there."""
        return self.decided(facts, NOTHING, Now(facts, self.cooldowns, self.purse) if live else Then())

    def decided(self, facts: Facts, measured: Measures, stands: Now | Then) -> Choice:
        """The decision from all that it depends on: the facts, and how the arms stand. Nothing is measured."""
        candidates, passed, holding = preferred(facts, self.find), [], []
        for rule in self.rules:
            if reason := missed(rule.when, facts):
                passed.append((rule.shown, reason))
            else:
                holding.append(rule)
                said = rule.said(facts)
                candidates += [(rule.name, said, arm) for arm in rule.arms]
        candidates.append(("otherwise", "no rule holds", self.otherwise))
        choice = choose(candidates, self.fallback, facts, stands, passed)
        names = [rule.name for rule in holding]
        done = names.index(choice.rule) + 1 if choice.rule in names else 0
        if done or choice.rule == "preferred_model":
            later = tuple((rule.shown, f"{choice.rule} comes before it") for rule in holding[done:])
            choice = replace(choice, passed_over=choice.passed_over + later)
        return choice


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
