"""What Orchestra adds to LiteLLM: the import, the first call, and a warm call beside plain `litellm.acompletion`.

All ask the same provider on loopback, in a process of its own, through the same HTTP. A round makes one call of each
kind, in an order that changes; what is compared is the difference within each round. `ledger off` is the same tree over
`Unlimited`, `ledger` books every call in a SQLite file with synchronous=FULL, `budget` also holds before it calls.
`drop-in` is `litellm.acompletion("orchestra/…")`, which goes through LiteLLM twice.

    python benchmarks/overhead.py [--rounds 300] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
sys.path.insert(0, str(Path(__file__).parent))

from upstream import MAX_TOKENS, MODEL, PROMPT

from orchestra import APISettings, MultiModelAPI, ProviderConfig, install, uninstall
from orchestra.testing.provider import Answer, Provider
from orchestra.types import Request, Unlimited

ANSWER = Answer(" ".join(f"word{n}" for n in range(20)))
WARM_UP = 20
Way = Callable[[], Awaitable[float | None]]
"""Makes a call; the seconds to its first token where those are measured, `None`: the call itself is."""

IMPORTS = {
    "import orchestra": "import orchestra",
    "import orchestra, a client": "from orchestra import MultiModelAPI; MultiModelAPI()",
    "import litellm": "import litellm",
}


def serve(parent: Connection) -> None:
    with Provider() as provider:
        provider.always(ANSWER)
        parent.send(provider.api_base("openai"))
        parent.recv()


@contextmanager
def upstream() -> Iterator[str]:
    """The address of a provider in another process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,))
    process.start()
    yield ours.recv()
    ours.send("stop")
    process.join()


class Client:
    """One client, asked as its users ask it, and by its tree with nothing around."""

    def __init__(self, url: str, folder: str, name: str, **settings: Any) -> None:
        self.api = MultiModelAPI(
            APISettings(
                providers={"openai": ProviderConfig(api_key="sk-none", base_url=url)},
                router=None,
                max_requests_per_minute=None,
                daily_budget_usd=None,
                ledger={"path": f"{folder}/{name}.db"},
                **settings,
            )
        )
        self._tree = self.api.tree.find(MODEL).model

    async def plain(self) -> None:
        await self.api.generate(PROMPT, model=MODEL, max_tokens=MAX_TOKENS)

    async def stream(self) -> None:
        await until_first(self.api.generate_stream(PROMPT, model=MODEL, max_tokens=MAX_TOKENS))

    async def first(self) -> float:
        begun = time.perf_counter()
        return await until_first(self.api.generate_stream(PROMPT, model=MODEL, max_tokens=MAX_TOKENS)) - begun

    async def unlimited(self) -> None:
        """The tree alone, under no budget and without a ledger."""
        await self._tree(Request(messages=tuple(messages()), params={"max_tokens": MAX_TOKENS}, budgets=Unlimited()))


async def until_first(chunks: AsyncIterator[Any]) -> float:
    """Read a stream to its end; when its first chunk came."""
    first = 0.0
    async for _ in chunks:
        first = first or time.perf_counter()
    return first


def messages() -> list[dict[str, str]]:
    return [{"role": "user", "content": PROMPT}]


async def compared(url: str, folder: str, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of every call, by kind of call and by way, round by round."""
    import litellm

    litellm.suppress_debug_info = True
    about = {"max_tokens": MAX_TOKENS, "api_base": url, "api_key": "sk-none", "num_retries": 0, "max_retries": 0}
    budgets = {"cap": {"limit_usd": "1000", "per": "total"}}
    off, on, held = unledgered(url, folder), Client(url, folder, "on"), Client(url, folder, "held", budgets=budgets)

    async def plain() -> None:
        await litellm.acompletion(MODEL, messages(), **about)

    async def dropin() -> None:
        await litellm.acompletion(f"orchestra/{MODEL}", messages(), max_tokens=MAX_TOKENS)

    async def first() -> float:
        begun, options = time.perf_counter(), {"include_usage": True}
        chunks = await litellm.acompletion(MODEL, messages(), stream=True, stream_options=options, **about)
        return await until_first(chunks) - begun

    async def stream() -> None:
        await first()

    ways: dict[str, dict[str, Way]] = {
        "plain": {
            "litellm": plain,
            "the tree": off.unlimited,
            "ledger off": off.plain,
            "ledger": on.plain,
            "budget": held.plain,
            "drop-in": dropin,
        },
        "stream": {"litellm": stream, "ledger off": off.stream, "ledger": on.stream, "budget": held.stream},
        "first token": {"litellm": first, "ledger off": off.first, "ledger": on.first, "budget": held.first},
    }
    install(on.api)
    seconds = {kind: await rounds_of(chosen, rounds) for kind, chosen in ways.items()}
    uninstall()
    for client in (off, on, held):
        client.api.close()
    return seconds


def unledgered(url: str, folder: str) -> Client:
    """A client whose calls are under no budget and in no ledger."""
    client = Client(url, folder, "off")
    client.api.tree.budgets = lambda max_cost_usd=None: Unlimited()  # type: ignore[method-assign,assignment]
    return client


async def rounds_of(ways: dict[str, Way], rounds: int) -> dict[str, list[float]]:
    chance = random.Random(0)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(WARM_UP + rounds):
        for name in chance.sample([*ways], len(ways)):
            begun = time.perf_counter()
            first = await ways[name]()
            taken = time.perf_counter() - begun if first is None else first
            if number >= WARM_UP:
                seconds[name].append(taken)
    return seconds


def first_call(url: str, folder: str) -> tuple[float, float]:
    """Seconds from a fresh interpreter's `import` to the first answer: LiteLLM's own, and Orchestra's."""
    arguments = f"api_base={url!r}, api_key='k', max_tokens={MAX_TOKENS}"
    plain = f"import asyncio, litellm; asyncio.run(litellm.acompletion({MODEL!r}, {messages()!r}, {arguments}))"
    openai, ledger = {"api_key": "k", "base_url": url}, {"path": f"{folder}/first.db"}
    settings = f"providers={{'openai': {openai!r}}}, ledger={ledger!r}"
    ours = (
        "import asyncio; from orchestra import MultiModelAPI, APISettings; "
        f"api = MultiModelAPI(APISettings({settings})); "
        f"asyncio.run(api.generate({PROMPT!r}, model={MODEL!r}, max_tokens={MAX_TOKENS}))"
    )
    times = [(fresh(plain), fresh(ours)) for _ in range(3)]
    return min(plain for plain, _ in times), min(ours for _, ours in times)


def fresh(code: str) -> float:
    """Seconds of some code in a fresh interpreter, its start aside."""
    timed = f"import time; begun = time.perf_counter(); exec({code!r}); print(time.perf_counter() - begun)"
    place = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True, env=place)
    return float(run.stdout.split()[-1])


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def figures(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Milliseconds: of a call at its median, and of what it takes more than LiteLLM's in the same round."""
    plain = seconds["litellm"]
    found = {}
    for name, taken in seconds.items():
        more = [ours - theirs for ours, theirs in zip(taken, plain, strict=True)]
        found[name] = {
            "median_ms": statistics.median(taken) * 1000,
            "p99_ms": percentile(taken, 0.99) * 1000,
            "added_median_ms": statistics.median(more) * 1000,
            "added_p99_ms": percentile(more, 0.99) * 1000,
            "ratio": statistics.median(taken) / statistics.median(plain),
        }
    return found


def show(starts: dict[str, float], warm: dict[str, dict[str, dict[str, float]]], rounds: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    start = Table("start", "seconds", title="Of a fresh interpreter (best of 3)")
    for name, taken in starts.items():
        start.add_row(name, f"{taken:.3f}")
    console.print(start)
    for kind, rows in warm.items():
        table = Table(title=f"A warm call, {kind}: milliseconds over {rounds} rounds")
        for column in ("", "median", "p99", "added", "added p99", "ratio"):
            table.add_column(column, justify="right" if column else "left")
        for name, row in rows.items():
            table.add_row(name, *(f"{value:.2f}" for value in row.values()))
        console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    given = parser.parse_args()
    with upstream() as url, tempfile.TemporaryDirectory() as folder:
        starts = {name: min(fresh(code) for _ in range(3)) for name, code in IMPORTS.items()}
        starts["litellm, first call"], starts["orchestra, first call"] = first_call(url, folder)
        warm = {name: figures(taken) for name, taken in asyncio.run(compared(url, folder, given.rounds)).items()}
    if given.json:
        print(json.dumps({"start_s": starts, "rounds": given.rounds, "warm": warm}, indent=2))
    else:
        show(starts, warm, given.rounds)


if __name__ == "__main__":
    main()
