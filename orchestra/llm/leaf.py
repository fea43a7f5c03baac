"""The leaf: one model, asked once. With `call.py` the only place where LiteLLM is called."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestra.llm.call import OneCall
from orchestra.llm.cost import fingerprint
from orchestra.llm.library import library
from orchestra.model_config import ModelConfig
from orchestra.types import Request, Response


@dataclass(frozen=True, slots=True)
class Leaf:
    """One model, asked once: money is held, LiteLLM is called, the answer is checked, money is settled.

    Costs what the model costs. Every exit appends one `Attempt` to the journal. With a sink the answer is streamed
    into it as it comes. Under a budget every call says how long its answer may be: `default_max_tokens`, unless the
    caller or the settings say otherwise.
    """

    model: ModelConfig
    default_max_tokens: int = field(default=4096, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)
    wall: Callable[[], float] = field(default=time.time, repr=False, compare=False)  # noqa: TID251  # it is the clock
    price: str = field(init=False, repr=False, compare=False)
    """A fingerprint of the prices that its calls are reckoned at."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "price", fingerprint(self.model.card.row))

    async def __call__(self, request: Request) -> Response:
        call = OneCall(self, await library(), request)
        await call.prepare()
        return await call.made(await call.hold())
