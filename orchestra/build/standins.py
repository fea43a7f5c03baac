"""Models for parts of an ensemble that the policy leaves open, chosen for each request among those with a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from orchestra.build.builder import Builder, members
from orchestra.ensemble.family import family
from orchestra.errors import ConfigError
from orchestra.model_config import ModelConfig
from orchestra.names import LOCAL
from orchestra.routing import Arm, Facts, Route, facts_of
from orchestra.routing.route import Decider
from orchestra.routing.strategies import Ordered, by_quality
from orchestra.types import Choice, Request

FAST = ("openai", "google", "anthropic", "groq", "mistral", "cohere", "together", "perplexity", "local")
"""Providers in the order in which their fast model is asked."""


@dataclass(frozen=True, slots=True)
class Strongest:
    """Choose the best of `arms`, by price; of the family of `besides`, or the local one, only for want of others."""

    arms: tuple[Arm, ...]
    besides: Callable[[Facts], Sequence[ModelConfig]] = field(repr=False, compare=False)
    ordered: Callable[[tuple[Arm, ...], tuple[Arm, ...]], Ordered] = field(repr=False, compare=False)

    async def __call__(self, request: Request) -> Choice:
        return self.decide(facts_of(request), live=True)

    def decide(self, facts: Facts, live: bool = False) -> Choice:
        taken = {family(model) for model in self.besides(facts)}
        kin = tuple(
            arm for arm in self.arms if any(family(model) in taken or model.provider == LOCAL for model in arm.members)
        )
        others = tuple(arm for arm in self.arms if arm not in kin)
        return self.ordered(others, kin).decide(facts, live)


def strongest(builder: Builder, name: str, besides: Callable[[Facts], Sequence[ModelConfig]] = lambda _: ()) -> Arm:
    """The best model there is, of another family than `besides` if there is one."""
    arms = tuple(with_role(builder, "reasoning", [provider.name for provider in builder.tree.catalog.providers()]))

    def ordered(others: tuple[Arm, ...], kin: tuple[Arm, ...]) -> Ordered:
        return Ordered("strongest", others, by_quality, kin, cooldowns=builder.runtime.cooldowns)

    return _chosen(builder, name, Strongest(arms, besides, ordered), arms)


def fast(builder: Builder, name: str) -> Arm:
    """A fast model: that of the first provider that has one and a key."""
    arms = tuple(with_role(builder, "fast", FAST))
    return _chosen(builder, name, Ordered("fast", arms, _as_listed, cooldowns=builder.runtime.cooldowns), arms)


def with_role(builder: Builder, role: str, providers: Sequence[str]) -> Iterator[Arm]:
    """The model that each provider has for a role, else its default."""
    for entry in dict.fromkeys([*builder.tree.settings.providers, *providers]):
        for name in (f"{entry}:{role}", entry):
            try:
                arm = builder.tree.find(name)
            except ConfigError:
                continue
            if all(member.card.mode in ("chat", "responses") for member in arm.members):
                yield arm
            break


def _chosen(builder: Builder, name: str, strategy: Decider, arms: tuple[Arm, ...]) -> Arm:
    node = Route(strategy, {arm.name: arm for arm in arms}, builder.tree.find, builder.runtime.clock)
    return Arm(name, node, members(arms))


def _as_listed(arm: Arm, facts: Facts) -> tuple[float, str]:
    return 0.0, "the first that has a key"
