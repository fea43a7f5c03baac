"""Promise 2: no call without a committed hold; nothing booked twice; nothing unknown booked as free."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestra import APISettings, LedgerError, LedgerUnavailable, MultiModelAPI, OrchestraError, Response, Runtime
from orchestra.ledger import Entry, Ledger, nano
from orchestra.testing import Answer, Fault, Provider
from orchestra.testing.provider import Call, Failure, Raw

from .money import ANSWER, CALL, COST, EXACTLY, PROMPT, ask, ask_many, bill, billed, booked, ledger_of

Client = Callable[..., MultiModelAPI]

LONG = Answer(" ".join(f"w{n}" for n in range(60)), input_tokens=10, output_tokens=60, chunk_delay_s=0.01)


def look(ledger: Ledger) -> list[tuple[str, int]]:
    """The holds of a ledger file as another process sees them: state and amount, oldest first."""
    with closing(sqlite3.connect(f"file:{ledger.place}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT state, amount FROM hold ORDER BY made").fetchall()


CALLS: dict[str, Callable[[MultiModelAPI], Any]] = {
    "plain": lambda api: api.generate(PROMPT, **EXACTLY),
    "stream": lambda api: read(api, **EXACTLY),
    "embedding": lambda api: api.embed([PROMPT], model="text-embedding-3-small"),
    "rerank": lambda api: api.rerank(PROMPT, ["rain", "sun"], model="cohere:rerank"),
}


async def read(api: MultiModelAPI, **options: Any) -> Response:
    stream = api.generate_stream(PROMPT, **options)
    async for _ in stream:
        pass
    return stream.response


@pytest.mark.parametrize("kind", CALLS)
async def test_when_a_request_arrives_its_hold_is_on_disk(provider: Provider, paying: Client, kind: str) -> None:
    """Committed, for at least what is then billed; what does not fit is not sent."""
    api = paying(budgets={"cap": {"limit_usd": "1", "per": "total"}})
    seen: list[list[tuple[str, int]]] = []

    def arriving(call: Call) -> Answer:
        seen.append(look(ledger_of(api)))
        return Answer("Rain.") if call.operation == "chat" else Answer()

    provider.always(arriving)
    await CALLS[kind](api)
    ((state, amount),) = seen[0]
    (row,) = ledger_of(api).rows()
    assert state == "held"
    assert amount >= row.amount == nano(billed(provider)) > 0
    assert (row.call, row.basis, row.success) == ("chat" if kind in ("plain", "stream") else kind, "usage", True)

    tight = paying(budgets={"tight": {"limit_usd": "0.00000001", "per": "total"}})
    with pytest.raises(Exception, match="budget 'tight' has no room"):
        await CALLS[kind](tight)
    assert len(provider.calls) == 1


async def test_every_try_holds_for_itself(provider: Provider, paying: Client) -> None:
    """A retry and a fallback each find their own hold committed; the earlier ones are settled, not reused."""
    fallback = {"kind": "fallback", "models": ["gpt-4o", "gpt-4o-mini"]}
    api = paying(budgets={"cap": {"limit_usd": "1", "per": "total"}}, policies={"chain": fallback}, max_retries=1)
    seen: list[list[str]] = []

    def failing(call: Call) -> Any:
        ledger_of(api).flush()
        seen.append([state for state, _ in look(ledger_of(api))])
        return Fault.UNAVAILABLE if len(seen) < 3 else ANSWER

    provider.always(failing)
    response = await api.generate(PROMPT, model="chain", max_tokens=90)
    assert seen == [["held"], ["posted", "held"], ["posted", "posted", "held"]]
    rows = ledger_of(api).rows()
    assert [(row.model, row.retry, row.basis) for row in rows] == [
        ("openai/gpt-4o", 0, "reserved"),
        ("openai/gpt-4o", 1, "reserved"),
        ("openai/gpt-4o-mini", 0, "usage"),
    ]
    assert {row.request for row in rows} == {response.id}
    assert response.cost_usd == booked(ledger_of(api)) == 2 * CALL + bill(provider.calls[-1])


async def test_a_try_without_room_is_not_made(provider: Provider, paying: Client) -> None:
    """The failure before it stands: neither the retry nor the dearer fallback leaves."""
    fallback = {"kind": "fallback", "models": ["gpt-4o-mini", "gpt-4o"]}
    api = paying(budgets={"cap": {"limit_usd": "0.0009", "per": "total"}}, policies={"chain": fallback}, max_retries=3)
    provider.always(Fault.UNAVAILABLE)
    with pytest.raises(Exception, match="gpt-4o-mini") as error:
        await api.generate(PROMPT, model="chain", max_tokens=90)
    assert type(error.value).__name__ == "Unavailable"
    assert [record.model for record in provider.calls] == ["gpt-4o-mini"] * 2


def not_a_folder(place: Path) -> None:
    place.parent.rmdir()
    place.parent.write_text("in the way")


def not_a_database(place: Path) -> None:
    place.write_bytes(b"not a database" * 1000)


def newer(place: Path) -> None:
    Ledger(place).flush()
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA user_version = 99")


def torn(place: Path) -> None:
    ledger = Ledger(place)
    ledger.flush()
    ledger.close()
    place.write_bytes(place.read_bytes()[:5000])


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("break_it", [not_a_folder, not_a_database, newer, torn])
async def test_a_ledger_that_cannot_be_written_stops_every_call(
    provider: Provider, paying: Client, tmp_path: Path, break_it: Callable[[Path], None], kind: str
) -> None:
    """The error says so, and no request reaches the provider."""
    place = tmp_path / "books" / "ledger.db"
    place.parent.mkdir()
    break_it(place)
    api = paying(ledger={"path": str(place)})
    with pytest.raises(LedgerUnavailable):
        await CALLS[kind](api)
    assert provider.calls == ()


@pytest.mark.parametrize("gone", ["deleted", "replaced"])
async def test_a_ledger_that_disappears_under_us_stops_the_next_call(
    provider: Provider, paying: Client, tmp_path: Path, gone: str
) -> None:
    """An open handle would go on taking money from a file that nobody else sees."""
    api = paying(ledger={"path": str(tmp_path / "books" / "ledger.db")})
    await ask(api)
    ledger_of(api).flush()
    shutil.rmtree(tmp_path / "books")
    if gone == "replaced":
        other = Ledger(tmp_path / "books" / "ledger.db")
        other.flush()
        other.close()
    assert isinstance(await ask(api), LedgerError)
    assert len(provider.calls) == 1


async def test_a_ledger_that_others_keep_locked_stops_the_call(
    provider: Provider, paying: Client, tmp_path: Path
) -> None:
    """After its patience; and afterwards it works again."""
    place = tmp_path / "ledger.db"
    Ledger(place).flush()
    base = paying().settings
    settings = APISettings(**{name: getattr(base, name) for name in base.model_fields_set} | {"ledger": {}})
    with (
        closing(sqlite3.connect(place, isolation_level=None)) as other,
        MultiModelAPI(settings, runtime=Runtime(ledger=Ledger(place, patience_s=0.3))) as api,
    ):
        other.execute("BEGIN EXCLUSIVE")
        assert isinstance(await ask(api), LedgerUnavailable)
        assert provider.calls == ()
        other.execute("COMMIT")
        assert isinstance(await ask(api), Response)
        assert ledger_of(api).audit() == []


async def test_calls_go_out_unheld_only_where_that_was_asked_for(
    provider: Provider, paying: Client, tmp_path: Path
) -> None:
    """`on_ledger_error: allow`: they leave, and count as soon as the ledger is back."""
    provider.always(ANSWER)
    place = tmp_path / "books" / "ledger.db"
    place.parent.write_text("in the way")
    api = paying(ledger={"path": str(place), "on_ledger_error": "allow"})
    responses = await ask_many(api, 3, 3)
    assert len(provider.calls) == 3
    place.parent.unlink()
    await asyncio.sleep(1.5)
    assert booked(ledger_of(api)) == sum(r.cost_usd or 0 for r in responses if isinstance(r, Response)) == 3 * COST
    assert ledger_of(api).windows()[0].spent == nano(3 * COST)


async def test_a_call_cancelled_while_it_waits_for_its_money_is_never_made(provider: Provider, paying: Client) -> None:
    """Nothing is sent, and nothing stays held."""
    provider.always(ANSWER)
    api = paying()
    for _ in range(10):
        task = asyncio.ensure_future(ask(api))
        await asyncio.sleep(0)
        task.cancel()
    for wait_s in (0.0005, 0.001, 0.002, 0.003):
        task = asyncio.ensure_future(ask(api))
        await asyncio.sleep(wait_s)
        task.cancel()
        await asyncio.wait([task])
    await asyncio.to_thread(provider.settled)
    ledger_of(api).flush()
    assert ledger_of(api).holds() == []
    assert booked(ledger_of(api)) >= billed(provider)
    assert ledger_of(api).audit() == []


def usage(**counts: Any) -> Raw:
    """An answer of OpenAI's whose usage says what is given, whatever that is."""
    message = {"role": "assistant", "content": "It rains, and it will rain."}
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        **({"usage": counts} if counts else {}),
    }
    return Raw(json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def lies(prompt_tokens: Any, completion_tokens: Any) -> Raw:
    return usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, total_tokens=1)


@dataclass(frozen=True)
class Case:
    """What the provider does, and what must be in the books for it.

    `booked` is in USD; the default is what `ANSWER` costs, `None` an amount that we counted ourselves.
    """

    name: str
    does: Any
    basis: str
    booked: Decimal | None = COST
    error: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


FREE = Decimal(0)
NO_BILL = [
    Case(fault.name.lower(), fault, "void", FREE, error)
    for fault, error in {
        Fault.BAD_REQUEST: "Refused",
        Fault.CONTEXT_WINDOW: "TooLong",
        Fault.CONTENT_POLICY: "Blocked",
        Fault.UNAUTHORIZED: "Denied",
        Fault.FORBIDDEN: "Denied",
        Fault.NOT_FOUND: "NotFound",
        Fault.RATE_LIMITED: "RateLimited",
    }.items()
]
UNKNOWN = [
    Case(fault.name.lower(), fault, "reserved", CALL, "Unavailable")
    for fault in (Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.DROP, Fault.ERROR_IN_200)
]
PLAIN = [
    Case("answered", ANSWER, "usage"),
    *NO_BILL,
    *UNKNOWN,
    *(
        Case(fault.name.lower(), fault, "reserved", CALL, "Unavailable")
        for fault in (Fault.MALFORMED_JSON, Fault.HTML, Fault.EMPTY_BODY)
    ),
    Case("a 5xx at once, voided by choice", Fault.UNAVAILABLE, "void", FREE, "Unavailable", {}, {"void_on_5xx": True}),
    Case("no answer in time", Fault.HANG, "reserved", CALL, "TimedOut", {"timeout": 0.3}),
    Case("no answer before the deadline", Fault.HANG, "reserved", CALL, "DeadlineExceeded", {"deadline_s": 0.4}),
    Case("no choices", Failure(Fault.NO_CHOICES, answer=ANSWER), "usage", COST, "Unavailable"),
    Case("no content", Failure(Fault.NO_CONTENT, answer=ANSWER), "usage", COST, "Unavailable"),
    Case("usage is absent", usage(), "counted", None),
    Case("usage is zero", lies(0, 0), "counted", None),
    Case("usage is negative", lies(-5, -7), "counted", None),
    Case("usage has no input", lies(0, 20), "counted", None),
    Case("usage has no output", lies(10, 0), "counted", None),
    Case("usage has a negative half", lies(-1000, 20), "counted", None),
    Case("usage is a float", lies(10.0, 20.0), "usage"),
    Case("usage is a string", lies("10", "20"), "usage"),
    Case("usage is huge", lies(10**30, 20), "usage", Decimal(100_000_000)),
    Case("usage is more than was held", lies(10, 200), "usage", Decimal("0.002025")),
]
STREAMS = [
    Case("answered", ANSWER, "usage"),
    *NO_BILL,
    *(Case(c.name, c.does, c.basis, c.booked, "Unavailable") for c in UNKNOWN),
    Case("no usage", Failure(Fault.NO_USAGE, answer=Answer("It rains and it will rain. " * 5)), "counted", None),
    Case("usage is zero", Answer("It rains.", input_tokens=0, output_tokens=0), "counted", None),
    Case("no content", Failure(Fault.NO_CONTENT, answer=ANSWER), "usage", COST, "Unavailable"),
    Case("dropped before it began", Failure(Fault.DROP, 0), "reserved", CALL, "Unavailable"),
    Case("cut before it began", Failure(Fault.CUT, 0), "reserved", CALL, "Unavailable"),
    *(
        Case(f"{fault.name.lower()} on its way", Failure(fault, 5, answer=LONG), "reserved", CALL, "Cut")
        for fault in (Fault.DROP, Fault.CUT, Fault.ERROR_IN_200)
    ),
    Case("stalled", Failure(Fault.HANG, 5, answer=LONG), "reserved", CALL, "Cut", {"timeout": 2.0}),
    Case("nothing before the deadline", Fault.HANG, "reserved", CALL, "DeadlineExceeded", {"deadline_s": 0.4}),
]


async def settled(provider: Provider, api: MultiModelAPI) -> Entry:
    """The one row of the books, once the provider's are final: nothing is held, and no more was billed.

    But for an estimate, which is a choice of the budget's.
    """
    (record,) = await asyncio.to_thread(provider.settled)
    ledger = ledger_of(api)
    (row,) = ledger.rows()
    assert ledger.holds() == []
    assert ledger.audit() == []
    assert row.cost_usd is not None
    assert row.cost_usd >= bill(record) or row.basis == "estimated"
    return row


@pytest.mark.parametrize(
    ("kind", "case"), [("plain", case) for case in PLAIN] + [("stream", case) for case in STREAMS], ids=str
)
async def test_what_is_booked(provider: Provider, paying: Client, kind: str, case: Case) -> None:
    """Table C2 of the reference: what is proven free is voided, what is known is booked, the rest at its hold."""
    provider.always(case.does)
    api = paying(budgets={"cap": {"limit_usd": "1", "per": "total", **case.policy}})
    said, journal = None, ()
    try:
        await (api.generate if kind == "plain" else lambda prompt, **options: read(api, **options))(
            PROMPT, **EXACTLY, **case.options
        )
    except OrchestraError as error:
        said, journal = type(error).__name__, error.journal
    assert said == case.error
    if said is not None:
        booked = [(row.basis, row.cost_usd) for row in ledger_of(api).rows()]
        assert [(attempt.basis, attempt.usage.cost) for attempt in journal] == booked
    row = await settled(provider, api)
    assert row.basis == case.basis
    if case.booked is None:
        assert 0 < (row.cost_usd or 0) <= CALL
        assert row.input_tokens > 0
        assert row.output_tokens > 0
    else:
        assert row.cost_usd == case.booked
    assert row.overrun == max(0, row.amount - nano(CALL))


@pytest.mark.parametrize(("on_closed", "basis"), [("reserved", "reserved"), ("estimated", "estimated")])
@pytest.mark.parametrize("how", ["block left", "task cancelled", "dropped"])
async def test_a_stream_that_we_close(provider: Provider, paying: Client, how: str, on_closed: str, basis: str) -> None:
    """At its hold, since more may have been generated than was read; or at an estimate where every budget says so."""
    provider.always(LONG)
    api = paying(budgets={"cap": {"limit_usd": "1", "per": "total", "on_closed": on_closed}})

    async def some() -> None:
        stream = api.generate_stream(PROMPT, **EXACTLY)
        if how == "block left":
            async with stream:
                async for _ in stream:
                    break
        async for _ in stream:
            if how == "dropped":
                break
            await asyncio.sleep(60)

    task = asyncio.ensure_future(some())
    while not (provider.calls and provider.calls[0].chunks):  # noqa: ASYNC110  # the provider has no event for it
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    del task
    for _ in range(20):
        await asyncio.sleep(0)
    row = await settled(provider, api)
    assert (row.basis, row.error) == (basis, "CancelledError")
    assert 0 < row.amount <= nano(CALL)
    assert (row.amount == nano(CALL)) is (basis == "reserved")


async def test_a_plain_call_that_we_cancel(provider: Provider, paying: Client) -> None:
    """The provider may have answered, and billed, unread."""
    provider.always(Failure(Fault.HANG, answer=ANSWER))
    api = paying()
    task = asyncio.ensure_future(ask(api))
    await asyncio.to_thread(provider.arrived, 1)
    task.cancel()
    await asyncio.wait([task])
    row = await settled(provider, api)
    assert (row.basis, row.cost_usd, row.error) == ("reserved", CALL, "CancelledError")


async def test_a_refused_connection_is_no_bill(paying: Client) -> None:
    """Nothing was there to answer."""
    with closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    api = paying(providers={"openai": {"api_key": "sk-test", "base_url": url}})
    assert type(await ask(api)).__name__ == "Unavailable"
    (row,) = ledger_of(api).rows()
    assert (row.basis, row.cost_usd) == ("void", 0)


@pytest.mark.parametrize("counts", [{}, {"prompt_tokens": 0, "total_tokens": 0}, {"prompt_tokens": -3}], ids=str)
async def test_an_embedding_without_usage_is_counted(
    provider: Provider, paying: Client, counts: dict[str, int]
) -> None:
    """Unknown is never free."""
    data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    body = {"object": "list", "model": "m", "data": data, **({"usage": counts} if counts else {})}
    provider.always(Raw(json.dumps(body).encode(), headers={"Content-Type": "application/json"}))
    api = paying()
    response = await api.embed([PROMPT], model="text-embedding-3-small")
    row = await settled(provider, api)
    assert row.basis == "counted"
    assert 0 < row.input_tokens <= 20
    assert response.cost_usd == row.cost_usd
    assert row.amount > 0


async def test_a_model_that_reasons_unseen_is_not_counted_by_what_is_seen(provider: Provider, paying: Client) -> None:
    """Without the provider's count, its hidden tokens can only be bounded."""
    provider.always(Failure(Fault.NO_USAGE, answer=Answer("Rain.", reasoning_tokens=70, output_tokens=71)))
    api = paying(budgets={"cap": {"limit_usd": "1", "per": "total"}})
    response = await api.generate(PROMPT, model="o3-mini", max_tokens=90)
    (row,) = ledger_of(api).rows()
    assert (row.basis, row.amount, response.cost_usd) == ("reserved", row.held, row.cost_usd)
