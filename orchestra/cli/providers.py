"""`orchestra providers`: who can be asked, and whether they answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from orchestra.cli import options
from orchestra.cli.output import err, show_json, show_table, table
from orchestra.errors import ConfigError, OrchestraError

if TYPE_CHECKING:
    from rich.text import Text

    from orchestra.api import MultiModelAPI
    from orchestra.cli.provider_state import ProviderState

TEST_PROMPT = "Say OK."
TEST_TOKENS = 16
TEST_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a test call: `latency_ms` when it was answered, else `error`."""

    ok: bool
    latency_ms: float | None = None
    error: str | None = None


def providers(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Only these.", show_default=False)] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Ask each configured provider for a few tokens, which it bills.")
    ] = False,
    config: options.Config = None,
    as_json: options.Json = False,
    verbose: options.Verbose = False,
) -> None:
    """List the providers: whose key is set, and the model each one is asked for by default."""
    from orchestra.api import MultiModelAPI
    from orchestra.cli.provider_state import provider_states
    from orchestra.cli.quiet import without_banners
    from orchestra.door import sync

    with MultiModelAPI(config) as api:
        states = chosen(list(provider_states(api.tree)), names)
        outcomes: dict[str, Outcome] = {}
        if test:
            ready = [state for state in states if state.ready]
            if not ready:
                lacks = "; ".join(f"{state.title}: {state.lacks}" for state in states)
                raise ConfigError(f"no provider is configured that could be tested ({lacks})")
            with without_banners():
                outcomes = sync(tested, api, ready)
    if as_json:
        show_json(
            [
                asdict(state) | ({"test": asdict(outcomes[state.entry])} if state.entry in outcomes else {})
                for state in states
            ]
        )
    else:
        show(states, outcomes)
    if any(not outcome.ok for outcome in outcomes.values()):
        raise typer.Exit(1)


def chosen(states: list[ProviderState], names: list[str] | None) -> list[ProviderState]:
    """Those of the given names, all where none is given; raises `ConfigError` for a name that none has."""
    if not names:
        return states
    known = {state.entry: state for state in states}
    for name in names:
        if name not in known:
            raise ConfigError(f"no provider is called {name!r}; there are: {', '.join(known)}")
    return [known[name] for name in names]


async def tested(api: MultiModelAPI, states: list[ProviderState]) -> dict[str, Outcome]:
    """Ask all of them at once; each call costs a few tokens."""
    import asyncio

    from rich.progress import Progress

    outcomes: dict[str, Outcome] = {}
    console = err()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("asking", total=len(states))

        async def ask(entry: str) -> None:
            outcomes[entry] = await answered(api, entry)
            progress.advance(bar)

        async with asyncio.TaskGroup() as group:
            for state in states:
                group.create_task(ask(state.entry))
    return outcomes


async def answered(api: MultiModelAPI, entry: str) -> Outcome:
    """One provider's answer: an empty one that was cut by its length will do."""
    try:
        response = await api.generate(
            TEST_PROMPT,
            model=entry,
            max_tokens=TEST_TOKENS,
            max_retries=0,
            deadline_s=TEST_DEADLINE_S,
            drop_params=True,
        )
    except OrchestraError as error:
        return Outcome(ok=False, error=str(error))
    return Outcome(ok=True, latency_ms=round(response.latency_ms, 1))


def show(states: list[ProviderState], outcomes: dict[str, Outcome]) -> None:
    """Print the table."""
    from rich.text import Text

    addresses = ("address",) if any(state.base_url for state in states) else ()
    tests = ("test",) if outcomes else ()
    headers = ("provider", "key", "default model", *addresses, "state", *tests)
    made = table(*headers, whole=("provider", "key", "default model"))
    for state in states:
        cells: list[str | Text] = [state.entry, state.key_variable or "", state.default_model or ""]
        cells += [state.base_url or ""] if addresses else []
        cells += [Text("ready", style="green") if state.ready else Text(state.lacks or "", style="dim")]
        cells += [_said(outcomes.get(state.entry))] if outcomes else []
        made.add_row(*cells)
    show_table(made)


def _said(outcome: Outcome | None) -> Text:
    from rich.text import Text

    if outcome is None:
        return Text("")
    if outcome.ok:
        return Text(f"answered in {outcome.latency_ms:.0f} ms", style="green")
    return Text(outcome.error or "", style="red")
