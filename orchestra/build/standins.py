"""Models for parts of an ensemble that the policy leaves open, chosen for each request among those with a key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestra.build.builder import Builder, members
from orchestra.ensemble.family import family
from orchestra.errors import ConfigError
from orchestra.model_config import ModelConfig
from orchestra.routing import Arm, Route
from orchestra.routing.strategies import AsListed, Best, Ranked

FAST = ("openai", "google", "anthropic", "groq", "mistral", "cohere", "together", "perplexity", "local")
"""Providers in the order in which their fast model is asked."""


def strongest(builder: Builder, name: str, besides: Sequence[ModelConfig] = ()) -> Arm:
    """The best model there is, by price; one of another family than `besides` before any other."""
    taken = {family(model) for model in besides}
    arms = list(with_role(builder, "reasoning", [provider.name for provider in builder.tree.catalog.providers()]))
    others = tuple(arm for arm in arms if not any(family(model) in taken for model in arm.members))
    kin = tuple(arm for arm in arms if arm not in others)
    best = Best(name="strongest")
    return _chosen(builder, name, Ranked(best, others, kin, builder.tree.find, builder.runtime.cooldowns))


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
    arms = (*strategy.arms, *strategy.fallback)
    node = Route(strategy, {arm.name: arm for arm in arms}, builder.tree.find, builder.runtime.clock)
    return Arm(name, node, members(arms))
