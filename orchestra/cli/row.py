"""A row of the ledger as a screen shows it: its cost and how that is known, what came of it, why it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestra.cli.figures import counted, measures, moment, money, seconds
from orchestra.ledger.money import shown
from orchestra.ledger.usage import local, task_of, totals

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from rich.text import Text

    from orchestra.ledger import Entry

KNOWN_BY: Mapping[str, str] = {
    "usage": "as the provider counted",
    "counted": "as counted here: the provider gave no count",
    "estimated": "as estimated: what was generated is not known",
    "reserved": "at most: what it came to can't be known, so its upper bound is booked",
    "void": "nothing was generated",
}
KINDS: Mapping[str, str] = {
    "post": "settled",
    "void": "settled: nothing was generated",
    "expire": "its process died or hung: the hold was charged in full",
    "correct": "charged in full while its process was silent, corrected when it came back",
}


def cost(row: Entry) -> str:
    """What a call cost: `≤` for an upper bound, `~` for an estimate, `?` where the price is not known."""
    if not row.priced:
        return "?"
    return {"reserved": "≤", "estimated": "~"}.get(row.basis, "") + money(row.amount)


def outcome(row: Entry) -> str:
    """What came of a call."""
    if row.error is not None:
        return " ".join(str(part) for part in (row.error, row.status) if part is not None)
    if row.saved:
        return f"cached, saved {money(row.saved)}"
    return "never sent" if row.basis == "void" else "ok"


def tags(named: Mapping[str, Any]) -> str:
    """Tags or labels in a line."""
    return " ".join(f"{name}={value}" for name, value in named.items())


def line(row: Entry) -> str:
    """A call in a line."""
    mark = "✓" if row.success else "✗"
    retry = f" (retry {row.retry})" if row.retry else ""
    said = f"{row.input_tokens:,} in + {row.output_tokens:,} out" if row.success else outcome(row)
    return f"{mark} {row.name or row.model}{retry} · {said} · {cost(row)} · {seconds(row.latency_s)}"


def drawn(row: Entry, request: Sequence[Entry], zone: ZoneInfo) -> Text:
    """A call in full; `request` are all calls of its request, oldest first."""
    from rich.text import Text

    text = Text()
    for name, value in _facts(row, request, zone):
        text.append(f"{name:<10}", style="bold")
        text.append(f"{value}\n")
    if len(request) > 1:
        text.append("\nall calls of the request\n", style="bold")
        for other in request:
            text.append(f"{'→' if other.id == row.id else ' '} {line(other)}\n")
    text.rstrip()
    return text


def request_drawn(request: Sequence[Entry], zone: ZoneInfo) -> Text:
    """All calls of a request, oldest first."""
    from rich.text import Text

    sums = totals(request)
    head = f"{sums.input_tokens:,} in + {sums.output_tokens:,} out · {money(sums.amount)}"
    lines = [
        f"request {request[0].request} · {counted(len(request), 'call')} · {head}",
        *(f"{row.id}  {moment(row.made, zone)}  {'/'.join(row.path)}  {line(row)}" for row in request),
    ]
    return Text("\n".join(lines))


def decided(made: Mapping[str, Any]) -> Text:
    """A decision that was made for a request, from the facts that it is written down with."""
    from rich.text import Text

    text = Text.assemble(("\ndecided   ", "bold"), f"{made.get('policy') or 'a route'} chose {made['arm']}")
    text.append(f" by {made['rule']}: {made.get('reason') or 'no reason was kept'}")
    facts = {name: value for name, value in made.get("facts", {}).items() if name != "request"}
    if facts:
        text.append(f"\nsaw       {tags(facts)}")
    for arm, found in made.get("measured", {}).items():
        text.append(f"\nmeasured  {arm}: {measures(found)}")
    if "hash" in made:
        text.append(f"\npolicy    version {made.get('version')}, hash {made['hash']}")
    return text


def _facts(row: Entry, request: Sequence[Entry], zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    yield "call", f"{row.id} ({row.call or 'call'})"
    if row.request:
        nth = next(n for n, other in enumerate(request, 1) if other.id == row.id)
        yield "request", f"{row.request} (call {nth} of {len(request)})"
    yield "time", f"{moment(row.made, zone)} {local(row.made, zone):%Z}"
    yield "asked", f"{row.name or row.model} → {row.model}{f' of {row.provider}' if row.provider else ''}"
    if row.served and row.served != row.model:
        yield "served", row.served
    yield "result", outcome(row)
    yield "why", "; ".join(_why(row, request))
    yield from _optional(row)
    cached = f", {row.cached_tokens:,} of them cached" if row.cached_tokens else ""
    thought = f", {row.reasoning_tokens:,} of them reasoning" if row.reasoning_tokens else ""
    yield "tokens", f"{row.input_tokens:,} in{cached} + {row.output_tokens:,} out{thought}"
    yield "cost", f"{'price unknown' if not row.priced else shown(row.amount)}, {KNOWN_BY[row.basis]}"
    over = f", {shown(row.overrun)} more than that was billed" if row.overrun else ""
    yield "held", f"{shown(row.held)}{over}" if row.held else "nothing"
    yield "booked", f"{moment(row.at, zone)}: {KINDS[row.kind]}{f'; prices {row.price}' if row.price else ''}"
    first = "" if row.first_token_s is None else f", first token after {seconds(row.first_token_s)}"
    yield "latency", f"{seconds(row.latency_s)}{first}"


def _optional(row: Entry) -> Iterator[tuple[str, str]]:
    if task := task_of(row):
        yield "task", f"{task} (guessed: the caller did not say)" if row.task_guessed else task
    if row.tags:
        yield "tags", tags(row.tags)
    if row.labels:
        yield "labels", tags(row.labels)


def _why(row: Entry, request: Sequence[Entry]) -> Iterator[str]:
    """The way to the call: the steps of the policy, and what failed before it."""
    yield f"reached by {' → '.join(row.path)}" if row.path else "asked for by name"
    before = [other for other in request if other.at <= row.made and other.id != row.id and not other.success]
    if before:
        yield f"after {', '.join(f'{other.name or other.model}: {outcome(other)}' for other in before)}"
    if row.retry:
        yield f"retry {row.retry}"
