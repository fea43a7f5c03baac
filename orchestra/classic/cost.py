"""The spec's cost tracker and budget enforcer, over the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from orchestra.accounts import ledger_of
from orchestra.api import MultiModelAPI
from orchestra.catalog import Catalog
from orchestra.ledger import Ledger
from orchestra.ledger.money import usd
from orchestra.llm.answers import usage_of
from orchestra.settings import APISettings
from orchestra.settings.money import LedgerSpec
from orchestra.types import Attempt, Request, Response, Usage, new_id


class Pricing(Mapping[str, Mapping[str, float]]):
    """The catalogue's prices in USD per million tokens, read when they are first asked for."""

    def __init__(self) -> None:
        self.catalog = Catalog()

    def __getitem__(self, model: str) -> Mapping[str, float]:
        card = self.catalog.find(model)
        if card is None or card.input_usd_per_mtok is None or card.output_usd_per_mtok is None:
            raise KeyError(model)
        return {"input": float(card.input_usd_per_mtok), "output": float(card.output_usd_per_mtok)}

    def __iter__(self) -> Iterator[str]:
        return (card.name for card in self.catalog.cards() if card.name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, model: object) -> bool:
        try:
            return bool(self[str(model)])
        except KeyError:
            return False


class CostTracker:
    """What calls cost: prices of the catalogue, and a ledger in which calls made elsewhere can be booked too.

    `ledger` is where it books; `None`: where the settings of this machine say.
    """

    PRICING: Pricing = Pricing()

    def __init__(self, ledger: Ledger | None = None, timezone: str = "UTC") -> None:
        self.ledger = ledger or ledger_of(LedgerSpec())
        self._zone = ZoneInfo(timezone)

    def calculate_cost(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        """The cost in USD at list prices; `None` where the price is not known, which is not zero."""
        cost = self._cost(model, input_tokens, output_tokens)
        return None if cost is None else float(cost)

    def track_request(self, request: Any, response: Any) -> None:
        """Book a call, ours or one made elsewhere, once for each id; queued, never waits.

        `request` has a `model` and may have a `task_type`; `response` is a `Response` of ours or LiteLLM's own.
        """
        for attempt in self._attempts(request, response):
            self.ledger.book(attempt)

    async def track_request_durably(self, request: Any, response: Any) -> None:
        """The same; returns when it is durable."""
        for attempt in self._attempts(request, response):
            await asyncio.wrap_future(self.ledger.book(attempt))

    def get_today_cost(self) -> float:
        """What was spent since midnight, in USD."""
        now = datetime.now(self._zone)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return float(usd(sum(entry.amount for entry in self.ledger.entries(midnight.timestamp()))))

    def _cost(self, model: str, input_tokens: int, output_tokens: int) -> Decimal | None:
        price = self.PRICING.get(model)
        if price is None:
            return None
        per_input, per_output = (Decimal(repr(price[way])) for way in ("input", "output"))
        return (input_tokens * per_input + output_tokens * per_output) / 1_000_000

    def _attempts(self, request: Any, response: Any) -> tuple[Attempt, ...]:
        if isinstance(response, Response) and response.attempts:
            return response.attempts  # the ledger knows their ids, and books none of them twice
        usage = response.usage if isinstance(response.usage, Usage) else usage_of(response)
        model = getattr(request, "model", None) or response.model
        if usage.cost is None:
            usage = replace(usage, cost=self._cost(model, usage.input_tokens, usage.output_tokens))
        card = self.PRICING.catalog.find(model)
        success = getattr(response, "success", True)
        return (
            Attempt(
                id=str(getattr(response, "id", None) or new_id()),
                request=str(getattr(request, "id", "") or ""),
                path=("tracked",),
                call="chat",
                name=model,
                model=card.litellm if card else model,
                provider=card.provider if card else model.partition("/")[0],
                served=getattr(response, "model", None),
                usage=usage,
                started_at=time.time(),  # noqa: TID251  # a call made elsewhere has no other clock
                latency_s=_latency_s(response),
                error=None if success else "Failed",
                task_type=getattr(request, "task_type", None),
            ),
        )


class BudgetEnforcer:
    """Calls within a daily budget; when the asked model no longer fits, a cheaper one answers.

    `api` is the client that calls go through; `None`: one with the spec's settings and this budget.
    """

    def __init__(self, daily_budget_usd: float, api: MultiModelAPI | None = None) -> None:
        self.daily_budget = daily_budget_usd
        self.api = api or MultiModelAPI(APISettings(daily_budget_usd=daily_budget_usd))
        self.cost_tracker = CostTracker(self.api.tree.money.ledger)

    def check_budget(self) -> bool:
        """Something of today's budget is left."""
        return self.cost_tracker.get_today_cost() < self.daily_budget

    async def call_with_budget(self, request: Request) -> Response:
        """Answer within the budget: the money is held before the call, and a cheaper model asked when it does not fit.

        Raises `BudgetExceeded` when nothing fits.
        """
        return await self.api.answer(request)


def _latency_s(response: Any) -> float:
    if isinstance(response, Response):
        return response.latency_s
    milliseconds = getattr(response, "latency_ms", None) or getattr(response, "_response_ms", None) or 0.0
    return float(milliseconds) / 1000
