"""What a route can choose: a model or a whole policy, with what it can serve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from orchestra.model_config import ModelConfig
from orchestra.resilience.cooldown import Cooldowns
from orchestra.routing.facts import Facts
from orchestra.types import Model

NEEDS = (
    ("images", "vision", "cannot see images"),
    ("audio", "audio_input", "cannot hear audio"),
    ("video", "video_input", "cannot see video"),
    ("tools", "tools", "has no tools"),
)
MODES = {"chat": ("chat", "responses"), "embedding": ("embedding",), "rerank": ("rerank",)}


@dataclass(frozen=True, slots=True)
class Arm:
    """What a route can choose. `members` are the models that can answer for it; one that can is enough."""

    name: str
    model: Model
    members: tuple[ModelConfig, ...] = field(repr=False)

    def unable(self, facts: Facts) -> str | None:
        """Why none of the members can serve the request; `None` when one can. Keys are another matter."""
        reasons = [unable(member, facts) for member in self.members]
        return None if not reasons or None in reasons else reasons[0]

    def unready(self) -> str | None:
        """Why none of the members can be called here and now; `None` when one can."""
        reasons = [member.unready() for member in self.members]
        return None if not reasons or None in reasons else reasons[0]

    def cooling_s(self, cooldowns: Cooldowns) -> float:
        """Seconds until the first of its members has cooled down; 0 when one is well."""
        return min((cooldowns.left_s(member.deployment) for member in self.members), default=0.0)


def unable(model: ModelConfig, facts: Facts) -> str | None:
    """Why a model cannot serve a request; `None` when it can, or when nothing is known of it."""
    card = model.card
    if not model.enabled:
        return f"provider {model.provider} is switched off"
    if not card.row and not card.abilities:
        return None
    if card.mode and card.mode not in MODES[facts.call] and card.mode in ("chat", "responses", "embedding", "rerank"):
        return f"is for {card.mode}, not for {facts.call}"
    room = facts.input_tokens + facts.answer_tokens
    if card.context_tokens is not None and room > card.context_tokens:
        answer = f" and {facts.answer_tokens} of answer" if facts.answer_tokens else ""
        about = "about " if facts.estimated else ""
        return f"too small: {about}{facts.input_tokens} tokens{answer} in a window of {card.context_tokens}"
    for fact, ability, reason in NEEDS:
        if getattr(facts, fact) and ability not in card.abilities:
            return reason
    if "drop_params" in facts.parameters:
        return None
    refused = sorted(facts.parameters & card.refuses)
    return f"refuses {', '.join(refused)}" if refused else None


def cheapest(members: Iterable[ModelConfig], facts: Facts) -> Decimal | None:
    """What the request will cost at the least, in USD, over the members that can serve it; `None`: no price known."""
    costs = [cost for m in members if unable(m, facts) is None and (cost := expected_usd(m, facts)) is not None]
    return min(costs, default=None)


def expected_usd(model: ModelConfig, facts: Facts) -> Decimal | None:
    """What the request will cost at the model's price, in USD; `None` when that is not known.

    The answer is taken to fill the room asked for; without one, a quarter of the input and at least 300 tokens.
    """
    if model.card.free:
        return Decimal(0)
    per_input, per_output = model.card.input_usd_per_mtok, model.card.output_usd_per_mtok
    if per_input is None or per_output is None:
        return None
    return (facts.input_tokens * per_input + answer_tokens(facts) * per_output) / 1_000_000


def answer_tokens(facts: Facts) -> int:
    """How long the answer is taken to be."""
    return facts.answer_tokens or max(300, facts.input_tokens // 4)
