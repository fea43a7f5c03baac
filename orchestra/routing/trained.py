"""What `orchestra learn` found: how hard a text is for the cheapest arm, what others make good of it, a dial."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from orchestra.errors import ConfigError
from orchestra.routing.logistic import Logistic
from orchestra.settings.atomic import write

ANY = ""
"""Stands for the kinds of text that had too few examples of their own."""
KIND = "like "
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Trained:
    """A learned policy over `arms`, from the cheapest to the strongest.

    `models` say, by kind of text, how probably the cheapest arm does well; `gains`, by kind, which part of what it does
    badly each arm makes good; `costs` are the arms' costs relative to the strongest. An arm is worth its quality less
    its cost times the `dial`. `target` is what the dial was set for, `report` what it came to on the examples.
    """

    arms: tuple[str, ...]
    models: Mapping[str, Logistic] = field(repr=False)
    gains: Mapping[str, Mapping[str, float]]
    costs: Mapping[str, float]
    dial: float
    target: str
    report: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def qualities(self, traits: Mapping[str, float]) -> dict[str, float]:
        """How well each arm is expected to do with a text of these traits, in [0, 1]."""
        kind = kind_of(traits)
        cheapest = self.models.get(kind, self.models[ANY])(traits)
        gains = self.gains.get(kind, self.gains[ANY])
        return {arm: cheapest + (1 - cheapest) * gains[arm] for arm in self.arms}

    def worth(self, arm: str, quality: float) -> float:
        """What an arm of that expected quality is worth, its cost counted."""
        return quality - self.dial * self.costs[arm]

    def save(self, path: Path) -> None:
        """Write it in the place of `path`, in one step."""
        plain = {
            "format": FORMAT,
            "arms": list(self.arms),
            "target": self.target,
            "dial": self.dial,
            "costs": dict(self.costs),
            "gains": {kind: dict(gains) for kind, gains in self.gains.items()},
            "models": {kind: model.plain() for kind, model in self.models.items()},
            "report": dict(self.report),
        }
        write(path, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """The one in a file; raises `ConfigError` for what is none."""
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            if plain["format"] != FORMAT:
                raise ValueError(f"its format is {plain['format']}, this version reads {FORMAT}")
            models = {kind: Logistic.of(model) for kind, model in plain["models"].items()}
            found = cls(
                tuple(plain["arms"]),
                models,
                plain["gains"],
                plain["costs"],
                plain["dial"],
                plain["target"],
                plain["report"],
            )
            found.qualities({})
        except OSError as error:
            raise ConfigError(f"{path}: can't be read: {error.strerror}; 'orchestra learn' writes it") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{path}: is not what 'orchestra learn' writes: {error}") from error
        return found


def kind_of(traits: Mapping[str, float]) -> str:
    """What kind of task a text of these traits looks most like."""
    kinds = [name for name in traits if name.startswith(KIND)]
    return max(kinds, key=lambda name: (traits[name], name)).removeprefix(KIND) if kinds else ANY


def order_checked(trained: Trained, arms: Sequence[str], target: str) -> str | None:
    """Why a trained policy does not fit a route with these arms and that target; `None` when it does."""
    if trained.arms != tuple(arms):
        return f"it was trained for {', '.join(trained.arms)}, not for {', '.join(arms)}"
    return None if trained.target == target else f"it was trained for {trained.target}, not for {target}"
