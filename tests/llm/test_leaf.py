"""The leaf: one call, checked, priced and booked, whatever becomes of it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from pydantic import BaseModel
from pytest_mock import MockerFixture

from orchestra import MultiModelAPI, Refused, Transient
from orchestra.build import build
from orchestra.settings import parse
from orchestra.testing import Answer, Fault, Provider
from orchestra.testing.provider import ToolCall
from orchestra.types import Attempt, Hold, Request, Want

from .conftest import settings


class Book:
    """Budgets that note what was held and what was booked."""

    bounded = False

    def __init__(self) -> None:
        self.wants: list[Want] = []
        self.booked: list[Attempt] = []

    async def reserve(self, wants: list[Want]) -> list[Hold]:
        self.wants += wants
        return [self for _ in wants]  # type: ignore[misc]  # one hold stands for all

    def book(self, attempt: Attempt) -> Attempt:
        self.booked.append(attempt)
        return attempt


def request(**more: object) -> Request:
    return Request(messages=({"role": "user", "content": "hi"},), **more)  # type: ignore[arg-type]


async def test_money_is_held_before_the_call_and_booked_after_it(api: MultiModelAPI, provider: Provider) -> None:
    """The hold and the journal get one and the same attempt."""
    book, asked = Book(), len(provider.calls)
    made = request(budgets=book)
    await api.tree.find("openai").model(made)
    assert len(book.wants) == 1
    assert book.booked == made.journal
    assert len(provider.calls) == asked + 1


async def test_a_refused_hold_sends_nothing(api: MultiModelAPI, provider: Provider) -> None:
    """No call leaves without its hold."""

    class Broke(Book):
        async def reserve(self, wants: list[Want]) -> list[Hold]:
            raise Refused("no money")

    asked = len(provider.calls)
    with pytest.raises(Refused, match="no money"):
        await api.tree.find("openai").model(request(budgets=Broke()))
    assert len(provider.calls) == asked


@pytest.mark.parametrize(
    ("fault", "basis"),
    [
        (Fault.UNAUTHORIZED, "void"),
        (Fault.SERVER_ERROR, "reserved"),
        (Fault.NO_CHOICES, "usage or reserved"),
        (Fault.DROP, "reserved"),
    ],
    ids=lambda value: str(getattr(value, "name", value)).lower(),
)
async def test_every_failure_is_booked_with_its_basis(
    api: MultiModelAPI, provider: Provider, fault: Fault, basis: str
) -> None:
    """What was billed is charged, what may have been is reserved, what was not is void."""
    provider.fail(fault)
    book = Book()
    with pytest.raises(Exception, match="openai"):
        await api.tree.find("openai").model(request(budgets=book))
    (attempt,) = book.booked
    assert attempt.basis in basis.split(" or ")  # LiteLLM 1.90 fails at an answer without choices by itself
    assert not attempt.success


async def test_a_cancelled_call_is_booked_as_reserved_and_closes_its_upstream(
    api: MultiModelAPI, provider: Provider
) -> None:
    """The provider may have generated what nobody read."""
    provider.fail(Fault.HANG)
    book, asked = Book(), len(provider.calls)
    task = asyncio.create_task(api.tree.find("openai").model(request(budgets=book)))  # type: ignore[arg-type]
    await asyncio.to_thread(provider.arrived, asked + 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [a.basis for a in book.booked] == ["reserved"]
    assert (await asyncio.to_thread(provider.settled))[-1].closed_early


async def test_a_stream_without_usage_is_counted_not_free(api: MultiModelAPI, provider: Provider) -> None:
    """LiteLLM reports such a stream as $0.00; here the tokens are counted and priced."""
    provider.fail(Fault.NO_USAGE)
    stream = api.generate_stream("tell me a story about a lamp", "gpt-4o")
    async for _ in stream:
        pass
    # LiteLLM 1.90 estimates by itself, and passes that off as the provider's count.
    assert stream.response.attempts[0].basis in ("counted", "usage")
    assert stream.response.cost_usd
    assert stream.response.usage.output_tokens > 0


async def test_a_configured_parameter_that_the_model_refuses_is_left_out_and_noted(provider: Provider) -> None:
    """Reasoning models refuse `temperature`: the configured one is dropped, the caller's own is not."""
    base = provider.api_base("openai")
    file = parse(
        f"providers: {{openai: {{api_key: k, base_url: '{base}', parameters: {{temperature: 0.7, max_tokens: 99}}}}}}"
    )
    model = build(file).find("o3-mini").model
    response = await model(request())
    body = provider.settled()[-1].body
    assert "temperature" not in body
    assert 99 in body.values()
    assert "left out temperature" in response.note
    with pytest.raises(Refused):
        await model(request(params={"temperature": 0.7}))


async def test_the_callers_own_containers_are_not_written_to(api: MultiModelAPI) -> None:
    """LiteLLM writes into metadata and messages; the caller's stay as they were."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    metadata: dict[str, object] = {"trace": {"a": 1}}
    await api.generate(messages=messages, model="openai", metadata=metadata)
    assert messages == [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert metadata == {"trace": {"a": 1}}


async def test_litellm_is_told_not_to_retry(api: MultiModelAPI, mocker: MockerFixture) -> None:
    """One retry layer, ours: both of LiteLLM's counts are zero in every call."""
    import litellm

    spy = mocker.spy(litellm, "acompletion")
    await api.generate("hi", "openai", num_retries=3, fallbacks=["x"])
    sent = spy.call_args.kwargs
    assert (sent["num_retries"], sent["max_retries"]) == (0, 0)
    assert "fallbacks" not in sent


async def test_a_schema_comes_back_as_an_instance(api: MultiModelAPI, provider: Provider) -> None:
    """`response_format` may be a pydantic class; an answer that does not fit it is no success, and says why."""

    class Product(BaseModel):
        name: str
        price: float

    provider.reply('```json\n{"name": "lamp", "price": 49.99}\n```')
    response = await api.generate("extract", "openai", response_format=Product)
    assert response.parsed == Product(name="lamp", price=49.99)
    provider.reply('{"name": "lamp"}')
    wrong = await api.generate("extract", "openai", response_format=Product)
    assert (wrong.parsed, wrong.success) == (None, False)
    assert "does not fit its schema" in wrong.note


async def test_an_answer_cut_at_its_limit_is_no_success(api: MultiModelAPI, provider: Provider) -> None:
    """It is returned with what there is, and says that it was cut."""
    provider.reply(Answer(text="half an ans", finish_reason="length"))
    response = await api.generate("hi", "openai")
    assert (response.text, response.success) == ("half an ans", False)
    assert "max_tokens" in response.note


async def test_cached_and_reasoning_tokens_are_counted_and_priced(api: MultiModelAPI, provider: Provider) -> None:
    """Cached input costs less than fresh input, by LiteLLM's own reckoning."""
    provider.reply(Answer(text="ok", input_tokens=1000, output_tokens=100))
    fresh = await api.generate("hi", "openai")
    provider.reply(Answer(text="ok", input_tokens=1000, output_tokens=100, cached_tokens=900, reasoning_tokens=60))
    cached = await api.generate("hi", "openai")
    assert (cached.usage.cached_tokens, cached.usage.reasoning_tokens) == (900, 60)
    assert fresh.cost_usd is not None
    assert cached.cost_usd is not None
    assert Decimal(0) < cached.cost_usd < fresh.cost_usd


async def test_one_attempt_has_a_time_of_its_own(provider: Provider) -> None:
    """`timeout` is per attempt: a hanging provider is a `Transient` error, not the end of the request."""
    provider.fail(Fault.HANG)
    slow = settings(provider).providers["openai"].model_copy(update={"parameters": {"timeout": 0.2}})
    api = MultiModelAPI(settings(provider).model_copy(update={"providers": {"openai": slow}}))
    with pytest.raises(Transient, match="no answer in time .*timeout value=0.2"):
        await api.generate("hi", "openai")


async def test_a_tool_call_is_no_answer_of_the_wrong_form(api: MultiModelAPI, provider: Provider) -> None:
    """A model that asks for a tool has yet to give the object that was asked for."""
    provider.reply(Answer(tool_calls=(ToolCall("look_up", {}),)))
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    response = await api.generate("hi", model="openai", tools=tools, response_format={"type": "json_object"})
    assert (response.success, response.note, len(response.tool_calls)) == (True, "", 1)
