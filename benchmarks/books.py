"""Do the books balance: thousands of mixed calls, and a provider on loopback that keeps books of its own.

Plain calls, streams, tools, embeddings, reranks, cached and reasoning tokens, retries, fallbacks, errors of every kind,
answers without usage, streams that break, that are left, calls that are cancelled or time out. For each kind the table
shows what the provider billed, what the ledger booked, and the difference: nothing where the provider's count is known,
never below it where it is not (a call whose cost can't be known is booked at the most that it can cost).

    python benchmarks/books.py [--calls 10000] [--at-once 50] [--seed 0] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
sys.path.insert(0, str(Path(__file__).parent))

from upstream import bill

from orchestra import APISettings, MultiModelAPI, OrchestraError, ProviderConfig
from orchestra.testing.provider import Answer, Call, Failure, Fault, Provider, Reply
from orchestra.types import Attempt

WIRES = {"openai": "openai", "anthropic": "anthropic", "groq": "groq", "mistral": "mistral", "cohere": "cohere"}
MODELS = ("openai/gpt-4o", "openai/gpt-4o-mini", "anthropic", "groq/openai/gpt-oss-20b", "mistral")
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
TOOLS = {"tools": [TOOL], "tool_choice": "required"}
STORY = Answer(" ".join(f"word{n}" for n in range(40)), chunk_delay_s=0.002)

Ask = Callable[[MultiModelAPI, str, dict[str, Any]], Awaitable[tuple[Attempt, ...]]]
Does = Callable[[int], Reply]
"""What the provider does with the first, second … request of a call."""


async def plain(api: MultiModelAPI, prompt: str, options: dict[str, Any]) -> tuple[Attempt, ...]:
    return (await api.generate(prompt, **options)).attempts


async def stream(api: MultiModelAPI, prompt: str, options: dict[str, Any]) -> tuple[Attempt, ...]:
    chunks = api.generate_stream(prompt, **options)
    async for _ in chunks:
        pass
    return chunks.response.attempts


async def left(api: MultiModelAPI, prompt: str, options: dict[str, Any]) -> tuple[Attempt, ...]:
    async with api.generate_stream(prompt, **options) as chunks:
        async for _ in chunks:
            break
    return ()


async def cancelled(api: MultiModelAPI, prompt: str, options: dict[str, Any]) -> tuple[Attempt, ...]:
    task = asyncio.ensure_future(plain(api, prompt, options))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.wait([task])
    return ()


async def embedding(api: MultiModelAPI, prompt: str, options: dict[str, Any]) -> tuple[Attempt, ...]:
    return (await api.embed([prompt, "and more"], model="text-embedding-3-small", tags=options["tags"])).attempts


async def rerank(api: MultiModelAPI, prompt: str, options: dict[str, Any]) -> tuple[Attempt, ...]:
    return (await api.rerank(prompt, ["rain", "sun"], model="cohere:rerank", tags=options["tags"])).attempts


def then(*replies: Reply) -> Does:
    """The replies in their order, the last one for good."""
    return lambda number: replies[min(number, len(replies) - 1)]


ANSWERS = then(Answer())


@dataclass(frozen=True)
class Kind:
    """A kind of call; `known` where the provider's count is, so that there must be no difference."""

    ask: Ask
    does: Does = ANSWERS
    known: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = MODELS


CHAIN = {"chain": {"kind": "fallback", "models": ["gpt-4o", "gpt-4o-mini"]}}
REFUSED = (Fault.BAD_REQUEST, Fault.UNAUTHORIZED, Fault.NOT_FOUND, Fault.RATE_LIMITED)
KINDS: dict[str, Kind] = {
    "plain": Kind(plain),
    "stream": Kind(stream),
    "tools": Kind(plain, options=TOOLS, models=(*MODELS[:2], *MODELS[3:])),
    "streamed tools": Kind(stream, options=TOOLS, models=(*MODELS[:2], *MODELS[3:])),
    "cached input": Kind(plain, then(Answer("Rain.", input_tokens=900, cached_tokens=640)), models=MODELS[:2]),
    "reasoning": Kind(plain, then(Answer("Rain.", reasoning_tokens=60)), models=("o3-mini",)),
    "embedding": Kind(embedding),
    "rerank": Kind(rerank),
    "no choices": Kind(plain, then(Fault.NO_CHOICES), options={"max_retries": 0}, models=MODELS[:2]),
    "empty answer": Kind(plain, then(Fault.NO_CONTENT), options={"max_retries": 0}),
    **{f"{fault.name.lower()}": Kind(plain, then(fault), options={"max_retries": 0}) for fault in REFUSED},
    "retry after 429": Kind(plain, then(Fault.RATE_LIMITED, Answer())),
    "fallback after 404": Kind(plain, then(Fault.NOT_FOUND, Answer()), models=("chain",)),
    "retry after 503": Kind(plain, then(Fault.UNAVAILABLE, Answer()), known=False),
    "fallback after 503": Kind(plain, then(Fault.UNAVAILABLE, Fault.UNAVAILABLE, Answer()), False, models=("chain",)),
    "server error": Kind(stream, then(Fault.SERVER_ERROR), known=False),
    "dropped": Kind(plain, then(Fault.DROP), known=False),
    "malformed": Kind(plain, then(Fault.MALFORMED_JSON), known=False),
    "timed out": Kind(plain, then(Fault.HANG), known=False, options={"timeout": 1.0, "max_retries": 0}),
    "no usage": Kind(plain, then(Fault.NO_USAGE), known=False, models=MODELS[:2]),
    "stream without usage": Kind(stream, then(Fault.NO_USAGE), known=False, models=MODELS[:2]),
    "stream cut": Kind(stream, then(Failure(Fault.CUT, 5, answer=STORY)), known=False),
    "stream dropped": Kind(stream, then(Failure(Fault.DROP, 5, answer=STORY)), known=False),
    "stream left": Kind(left, then(STORY), known=False),
    "cancelled": Kind(cancelled, then(Answer(delay_s=10)), known=False),
}
SHARES = {"plain": 8, "stream": 6, "tools": 3, "streamed tools": 3}
"""How often a kind comes, beside one that is not named."""


def settings(provider: Provider, folder: str) -> APISettings:
    limit = {"limit_usd": "1000", "per": "total"}
    providers = {
        kind: ProviderConfig(api_key="sk-none", base_url=provider.api_base(wire)) for kind, wire in WIRES.items()
    }
    return APISettings(
        providers=providers,
        policies=CHAIN,
        router=None,
        max_retries=1,
        retry_delay_seconds=0,
        max_requests_per_minute=None,
        daily_budget_usd=None,
        default_max_tokens=200,
        budgets={"all": limit, "each": {**limit, "by": "kind"}},
        ledger={"path": f"{folder}/ledger.db"},
    )


@dataclass
class Sums:
    """One kind of call: how many, what was told to the caller, booked in the ledger and billed by the provider."""

    calls: int = 0
    requests: int = 0
    told: Decimal = Decimal(0)
    booked: Decimal = Decimal(0)
    billed: Decimal = Decimal(0)
    upper_bound: Decimal = Decimal(0)

    @property
    def difference(self) -> Decimal:
        return self.booked - self.billed


class Run:
    """So many calls of all kinds, and what became of them; `number: kind` of every call is in its prompt and tags."""

    def __init__(self, calls: int, at_once: int, seed: int) -> None:
        chance = random.Random(seed)
        kinds = chance.choices([*KINDS], [SHARES.get(kind, 1) for kind in KINDS], k=calls)
        self.plan = [(f"{number}:", kind, chance.choice(KINDS[kind].models)) for number, kind in enumerate(kinds)]
        self.at_once = at_once
        self.sums: dict[str, Sums] = defaultdict(Sums)
        self.wrong: list[str] = []
        self.seconds = 0.0
        self._kind_of = {marker: kind for marker, kind, _ in self.plan}
        self._seen: dict[str, int] = defaultdict(int)
        self._told: dict[str, Decimal | None] = {}

    def decide(self, call: Call) -> Reply:
        """What the provider does with a request: as the kind of call that its marker names."""
        marker = (call.question or call.query or call.texts[0]).partition(" ")[0]
        self._seen[marker] += 1
        return KINDS[self._kind_of[marker]].does(self._seen[marker] - 1)

    async def make(self, provider: Provider, folder: str) -> None:
        import litellm

        litellm.suppress_debug_info = True
        room = asyncio.Semaphore(self.at_once)
        async with MultiModelAPI(settings(provider, folder)) as api:
            begun = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                for marker, kind, model in self.plan:
                    group.create_task(self._one(api, marker, kind, model, room))
            self.seconds = time.perf_counter() - begun
            await asyncio.to_thread(provider.settled, 60)
            self._compare(api, provider)

    async def _one(self, api: MultiModelAPI, marker: str, kind: str, model: str, room: asyncio.Semaphore) -> None:
        options = {"model": model, "tags": {"kind": kind, "call": marker}, **KINDS[kind].options}
        async with room:
            try:
                attempts = await KINDS[kind].ask(api, f"{marker} what is the weather like?", options)
            except OrchestraError as error:
                attempts = tuple(error.journal)
        if attempts:
            costs = [attempt.usage.cost for attempt in attempts]
            self._told[marker] = None if None in costs else sum((cost for cost in costs if cost), Decimal(0))

    def _compare(self, api: MultiModelAPI, provider: Provider) -> None:
        import litellm

        ledger = api.tree.money.ledger
        rows = ledger.rows()
        booked: dict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            self.sums[row.tags["kind"]].upper_bound += (row.cost_usd or 0) if row.basis == "reserved" else 0
            booked[row.tags["call"]] += row.cost_usd or 0
            if row.cost_usd is None:
                self.wrong.append(f"call {row.tags['call']} has no cost")
        billed: dict[str, Decimal] = defaultdict(Decimal)
        for record in provider.calls:
            marker = marker_of(record.body)
            billed[marker] += bill(record, litellm.model_cost)
            self.sums[self._kind_of[marker]].requests += 1
        for marker, kind, _ in self.plan:
            sums = self.sums[kind]
            sums.calls += 1
            sums.booked += booked[marker]
            sums.billed += billed[marker]
            sums.told += self._told.get(marker, booked[marker]) or 0
            self._check(marker, kind, booked[marker], billed[marker])
        self._check_windows(ledger, rows)

    def _check(self, marker: str, kind: str, booked: Decimal, billed: Decimal) -> None:
        # A bill is exact; the books round it up to a nano-dollar for each request.
        if KINDS[kind].known and not 0 <= booked - billed < Decimal("2e-9"):
            self.wrong.append(f"{kind} {marker} booked {booked}, billed {billed}")
        if booked < billed:
            self.wrong.append(f"{kind} {marker} booked {booked} below {billed}")
        if self._told.get(marker, booked) != booked:
            self.wrong.append(f"{kind} {marker} told {self._told[marker]}, booked {booked}")

    def _check_windows(self, ledger: Any, rows: list[Any]) -> None:
        """Every grouping adds up to the same total: rows, kinds, and the windows of both budgets."""
        total = sum((row.cost_usd or Decimal(0) for row in rows), Decimal(0))
        windows: dict[str, int] = defaultdict(int)
        for window in ledger.windows():
            windows[window.budget] += window.spent
            if window.held or window.overrun:
                self.wrong.append(f"{window.budget} {window.scope} still holds {window.held}, overrun {window.overrun}")
        groups = {
            "kinds": sum((each.booked for each in self.sums.values()), Decimal(0)),
            **{name: Decimal(spent).scaleb(-9) for name, spent in windows.items()},
        }
        self.wrong += [
            f"{name} add up to {amount}, rows to {total}" for name, amount in groups.items() if amount != total
        ]
        self.wrong += ledger.audit()


def marker_of(body: Any) -> str:
    """The marker of the call that a request was made for."""
    text = body.get("query") or (body["input"][0] if "input" in body else body["messages"][-1]["content"])
    return str(text if isinstance(text, str) else text[0]["text"]).partition(" ")[0]


def total(sums: Mapping[str, Sums], known: bool) -> Sums:
    chosen = [each for kind, each in sums.items() if KINDS[kind].known is known]
    names = ("told", "booked", "billed", "upper_bound")
    added = {name: sum((getattr(each, name) for each in chosen), Decimal(0)) for name in names}
    return Sums(sum(each.calls for each in chosen), sum(each.requests for each in chosen), **added)


def show(run: Run) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{len(run.plan)} mixed calls, {run.at_once} at once, {run.seconds:.0f} s")
    for name in ("kind", "calls", "requests", "billed", "booked", "difference", "at its bound"):
        table.add_column(name, justify="left" if name == "kind" else "right")

    def add(name: str, sums: Sums, style: str | None = None) -> None:
        money = (sums.billed, sums.booked, sums.difference, sums.upper_bound)
        table.add_row(name, str(sums.calls), str(sums.requests), *(f"${amount:.9f}" for amount in money), style=style)

    for known in (True, False):
        for kind in KINDS:
            if KINDS[kind].known is known and kind in run.sums:
                add(kind, run.sums[kind])
        add("usage known" if known else "usage unknown", total(run.sums, known), "bold")
        table.add_section()
    console = Console(width=max(120, Console().width))
    console.print(table)
    for line in run.wrong[:20]:
        console.print(f"[red]wrong:[/] {line}")
    console.print("The books balance." if not run.wrong else f"{len(run.wrong)} things are wrong.")


def as_dict(run: Run) -> dict[str, Any]:
    def plain_of(sums: Sums) -> dict[str, Any]:
        money = {name: f"{getattr(sums, name):f}" for name in ("told", "booked", "billed", "difference", "upper_bound")}
        return {"calls": sums.calls, "requests": sums.requests, **money}

    return {
        "calls": len(run.plan),
        "seconds": round(run.seconds, 2),
        "known": plain_of(total(run.sums, True)),
        "unknown": plain_of(total(run.sums, False)),
        "kinds": {kind: plain_of(sums) for kind, sums in run.sums.items()},
        "wrong": run.wrong,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    given = parser.parse_args()
    run = Run(given.calls, given.at_once, given.seed)
    with Provider() as provider, tempfile.TemporaryDirectory() as folder:
        provider.always(run.decide)
        asyncio.run(run.make(provider, folder))
    if given.json:
        print(json.dumps(as_dict(run), indent=2))
    else:
        show(run)
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
