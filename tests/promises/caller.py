"""A process that calls when it is told to: a JSON object a line on standard input, one on standard output for each.

`{"url", "ledger", "budget", "calls", "at_once"}` makes that many exact calls of the stand-in at `url` and answers
`{"answers", "alerts"}`, the number of answers that came and of alerts that were told to this process.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from orchestra import APISettings, BudgetExceeded, MultiModelAPI, ProviderConfig
from tests.promises.money import ask_many, ledger_of


async def calls(order: dict[str, Any]) -> dict[str, int]:
    settings = APISettings(
        providers={"openai": ProviderConfig(api_key="sk-test", base_url=order["url"])},
        router=None,
        max_retries=0,
        max_requests_per_minute=None,
        daily_budget_usd=None,
        budgets=order["budgets"],
        ledger={"path": order["ledger"], "durability": "process"},
    )
    alerts: list[object] = []
    async with MultiModelAPI(settings) as api:
        ledger_of(api).on_alert(alerts.append)
        outcomes = await ask_many(api, order["calls"], order["at_once"], deadline_s=order.get("deadline_s", 60))
    wrong = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    if other := [error for error in wrong if not isinstance(error, BudgetExceeded)]:
        raise other[0]
    return {"answers": len(outcomes) - len(wrong), "alerts": len(alerts)}


async def main() -> None:
    import litellm

    print(json.dumps({"ready": litellm.__name__}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await calls(json.loads(line))), flush=True)


asyncio.run(main())
