"""Models for parts of an ensemble that the policy leaves open, chosen for each request among those with a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestra.build.builder import Builder, members
from orchestra.ensemble.family import family
from orchestra.errors import ConfigError
from orchestra.model_config import ModelConfig
from orchestra.names import LOCAL
from orchestra.routing import Arm, Facts, Route
from orchestra.routing.choose import Measures
from orchestra.routing.strategies import AsListed, Best, Place, Ranked, Ranking

FAST = ("openai", "google", "anthropic", "groq", "mistral", "cohere", "together", "perplexity", "local")
"""Providers in the order in which their fast model is asked."""


@dataclass(frozen=True, slots=True)
class Strongest:
    """By `ranking`; of the family of `besides`, or the local one, only for want of others."""

    besides: Callable[[Facts], Sequence[ModelConfig]] = field(repr=False, compare=False)
    ranking: Ranking = field(default_factory=Best)
    name: str = "strongest"

    def measure(self, arms: Sequence[Arm], facts: Facts) -> Measures:
        taken = {family(model) for model in self.besides(facts)}
        last = {arm.name for arm in arms for model in arm.members if family(model) in taken or model.provider == LOCAL}
        measured = self.ranking.measure(arms, facts)
        return {name: {**measure, "last": float(name in last)} for name, measure in measured.items()}

    def rank(self, measured: Measures, facts: Facts) -> Mapping[str, Place]:
        places = self.ranking.rank(measured, facts)
        return {name: replace(place, key=(measured[name]["last"], *place.key)) for name, place in places.items()}


def strongest(builder: Builder, name: str, besides: Callable[[Facts], Sequence[ModelConfig]] = lambda _: ()) -> Arm:
    """The best model there is, of another family than `besides` if there is one."""
    arms = tuple(with_role(builder, "reasoning", [provider.name for provider in builder.tree.catalog.providers()]))
    return _chosen(builder, name, Ranked(Strongest(besides), arms, cooldowns=builder.runtime.cooldowns))


def fast(builder: Builder, name: str) -> Arm:
    """A fast model: that of the first provider that has one and a key."""
    arms = tuple(with_role(builder, "fast", FAST))
    return _chosen(builder, name, Ranked(AsListed("fast"), arms, cooldowns=builder.runtime.cooldowns))


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


def _chosen(builder: Builder, name: str, strategy: Ranked) -> Arm:
    node = Route(strategy, {arm.name: arm for arm in strategy.arms}, builder.tree.find, builder.runtime.clock)
    return Arm(name, node, members(strategy.arms))
