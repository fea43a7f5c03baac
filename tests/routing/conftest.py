"""Arms that are what a test says, without a catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestra import ModelConfig
from orchestra.catalog import Card
from orchestra.routing import Arm
from orchestra.testing import Scripted

MakeArm = Callable[..., Arm]


@pytest.fixture
def arm() -> MakeArm:
    """Make an arm: `arm("m", context_tokens=8000, abilities={"vision"}, usd=(1, 2), key="M_KEY")`."""

    def make(name: str, *, usd: tuple[float, float] | None = (1.0, 2.0), key: str | None = None, **about: Any) -> Arm:
        row = {} if usd is None else {"input_cost_per_token": usd[0] / 1e6, "output_cost_per_token": usd[1] / 1e6}
        about = {"context_tokens": 100_000, "abilities": frozenset({"tools", "vision", "json"}), **about}
        card = Card(name, f"openai/{name}", about.pop("provider", "openai"), row={"mode": "chat", **row}, **about)
        variables = (key,) if key else ()
        config = ModelConfig(name, card, card.provider, key_variables=variables, needs_key=key is not None)
        return Arm(name, Scripted(name, name=name), (config,))

    return make
