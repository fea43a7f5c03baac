"""How far a budget is overspent: Orchestra's, and every budget that LiteLLM's SDK has.

Each guard gets a limit of $0.01 and 200 calls of $0.001, which is also the most that such a call can cost. What counts
is the money that the provider billed: a server on loopback that keeps its own books. The calls come in a burst, 25 in
flight, one by one, from 4 processes (each in a burst, or each one by one), and one by one by a process that is killed
with its sixth call in flight and started again. One by one, a caller gives up when it is refused.

    python benchmarks/overshoot.py [--json] [GUARD …]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
sys.path.insert(0, str(Path(__file__).parent))

from upstream import CALL_USD, EXACT, MAX_TOKENS, MODEL, PROMPT, billed

from orchestra.testing import Provider

LIMIT_USD = Decimal("0.01")
CALLS = 200
KILLED_AT = 6


class Guard(Protocol):
    """A budget in front of a call."""

    async def call(self) -> bool:
        """Make one call; False when the budget refuses it."""
        ...


class Orchestra:
    def __init__(self, url: str) -> None:
        from orchestra import APISettings, MultiModelAPI, ProviderConfig

        self.api = MultiModelAPI(
            APISettings(
                providers={"openai": ProviderConfig(api_key="sk-none", base_url=url)},
                router=None,
                max_retries=0,
                max_requests_per_minute=None,
                daily_budget_usd=None,
                budgets={"cap": {"limit_usd": LIMIT_USD}},
                ledger={"path": "ledger.db"},
            )
        )

    async def call(self) -> bool:
        from orchestra import BudgetExceeded

        try:
            await self.api.generate(PROMPT, model=MODEL, max_tokens=MAX_TOKENS, deadline_s=10)
        except BudgetExceeded:
            return False
        return True


class BudgetManager:
    """As LiteLLM's documentation has it: look, call, update."""

    USER = "ann"

    def __init__(self, url: str) -> None:
        import litellm

        self.url = url
        with redirect_stdout(sys.stderr):
            self.manager = litellm.BudgetManager(project_name="overshoot", client_type="local")
        if not self.manager.is_valid_user(self.USER):
            self.manager.create_budget(total_budget=float(LIMIT_USD), user=self.USER)

    async def call(self) -> bool:
        if self.manager.get_current_cost(self.USER) > self.manager.get_total_budget(self.USER):
            return False
        response = await completion(self.url)
        self.manager.update_cost(completion_obj=response, user=self.USER)
        return True


class MaxBudget:
    """`litellm.max_budget`."""

    def __init__(self, url: str) -> None:
        import litellm

        litellm.max_budget = float(LIMIT_USD)
        self.url = url

    async def call(self) -> bool:
        import litellm

        try:
            await completion(self.url)
        except litellm.BudgetExceededError:
            return False
        return True


class Router:
    """LiteLLM's Router; `deployment` and `options` set the budget."""

    def __init__(self, url: str, deployment: dict[str, Any], options: dict[str, Any]) -> None:
        import litellm

        params = {"model": MODEL, "api_base": url, "api_key": "sk-none", **deployment}
        self.router = litellm.Router([{"model_name": "m", "litellm_params": params}], num_retries=0, **options)

    async def call(self) -> bool:
        try:
            await self.router.acompletion("m", messages(), max_tokens=MAX_TOKENS)
        except Exception as error:  # the Router has no class of its own for it
            if "budget" not in str(error).lower():
                raise
            return False
        return True


def provider_budget(url: str) -> Guard:
    limit = {"openai": {"budget_limit": float(LIMIT_USD), "time_period": "1d"}}
    return Router(url, {}, {"provider_budget_config": limit})


def deployment_budget(url: str) -> Guard:
    return Router(url, {"max_budget": float(LIMIT_USD), "budget_duration": "1d"}, {})


GUARDS: dict[str, Callable[[str], Guard]] = {
    "Orchestra": Orchestra,
    "BudgetManager": BudgetManager,
    "litellm.max_budget": MaxBudget,
    "Router, provider budget": provider_budget,
    "Router, deployment budget": deployment_budget,
}


async def completion(url: str) -> Any:
    import litellm

    return await litellm.acompletion(
        MODEL, messages(), max_tokens=MAX_TOKENS, api_base=url, api_key="sk-none", num_retries=0, max_retries=0
    )


def messages() -> list[dict[str, str]]:
    return [{"role": "user", "content": PROMPT}]


@dataclass(frozen=True)
class Mode:
    """How the calls come; `at_once` is in flight in each process."""

    at_once: int
    processes: int = 1
    killed: bool = False


MODES = {
    "burst": Mode(CALLS),
    "25 in flight": Mode(25),
    "one by one": Mode(1),
    "4 processes, burst": Mode(CALLS, 4),
    "4 processes, one by one": Mode(1, 4),
    "kill -9, restart": Mode(1, killed=True),
}


def run_calls(guard: str, url: str, folder: str, calls: int, at_once: int, parent: Connection) -> None:
    """What a process does: say that it is there, wait for the word, make its calls."""
    os.chdir(folder)
    asyncio.run(_run_calls(GUARDS[guard], url, calls, at_once, parent))


async def _run_calls(made: Callable[[str], Guard], url: str, calls: int, at_once: int, parent: Connection) -> None:
    guard = made(url)
    parent.send("ready")
    parent.recv()
    if at_once == 1:
        for _ in range(calls):
            if not await guard.call():
                break
    else:
        room = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with room:
                await guard.call()

        async with asyncio.TaskGroup() as group:
            for _ in range(calls):
                group.create_task(one())
    await asyncio.sleep(0.2)  # LiteLLM books in the background
    parent.send("done")


def measure(guard: str, mode: Mode) -> Decimal:
    """The money that the provider billed, in USD."""
    import litellm

    with Provider() as provider, tempfile.TemporaryDirectory() as folder:
        provider.always(EXACT)
        about = (guard, provider.api_base("openai"), folder)
        with callers(mode.processes, *about, CALLS // mode.processes, mode.at_once) as lines:
            for line in lines:
                line.send("go")
            if mode.killed:
                provider.arrived(KILLED_AT, 60)
            else:
                for line in lines:
                    line.recv()
        if mode.killed:
            with callers(1, *about, CALLS, mode.at_once) as (line,):
                line.send("go")
                line.recv()
        return billed(provider.settled(), litellm.model_cost)


@contextmanager
def callers(count: int, *about: Any) -> Iterator[list[Connection]]:
    """So many processes, ready; killed when it ends."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["litellm", "orchestra.api", "upstream"])
    lines, processes = [], []
    for _ in range(count):
        ours, theirs = context.Pipe()
        processes.append(context.Process(target=run_calls, args=(*about, theirs), daemon=True))
        processes[-1].start()
        theirs.close()
        lines.append(ours)
    for line in lines:
        line.recv()
    yield lines
    for process in processes:
        process.kill()
        process.join()


def holds(billed_usd: dict[str, Decimal]) -> bool:
    """The promise: not above the limit in any mode, and no call refused that would have fitted."""
    return all(LIMIT_USD - CALL_USD <= money <= LIMIT_USD for money in billed_usd.values())


def show(table: dict[str, dict[str, Decimal]]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=f"Billed under a limit of ${LIMIT_USD}: {CALLS} calls of ${CALL_USD}")
    shown.add_column("budget", no_wrap=True)
    for mode in MODES:
        shown.add_column(mode, justify="right")
    for guard, row in table.items():
        cells = [f"${money:.3f} ({money / LIMIT_USD:.1f}×)" for money in row.values()]
        shown.add_row(guard, *cells, style="bold" if guard == "Orchestra" else None)
    Console(width=max(140, Console().width)).print(shown)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("guards", nargs="*", metavar="GUARD", help=f"of {', '.join(GUARDS)} (all)")
    given = parser.parse_args()
    table: dict[str, dict[str, Decimal]] = {}
    for guard in given.guards or GUARDS:
        table[guard] = {}
        for name, mode in MODES.items():
            print(f"{guard}: {name} …", file=sys.stderr)
            table[guard][name] = measure(guard, mode)
    if given.json:
        amounts = {guard: {mode: f"{money:f}" for mode, money in row.items()} for guard, row in table.items()}
        print(json.dumps({"limit_usd": str(LIMIT_USD), "call_usd": str(CALL_USD), "billed_usd": amounts}, indent=2))
    else:
        show(table)
    return 0 if "Orchestra" not in table or holds(table["Orchestra"]) else 1


if __name__ == "__main__":
    sys.exit(main())
