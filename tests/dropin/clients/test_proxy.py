"""LiteLLM's proxy, started for real by `orchestra proxy`, driven by the openai SDK beside a plain LiteLLM proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import openai
import pytest
from pydantic import BaseModel

from orchestra.testing import Answer, Fault, Provider

from .conftest import PYTHON, environment, needs_clients, reply
from .served import SPENDING, Served, free_port, running

pytestmark = needs_clients

CONFIG = """\
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY, api_base: BASE}
litellm_settings: {callbacks: [spending.events], num_retries: 0}
router_settings: {disable_cooldowns: true}
"""
POLICIES = """\
policies:
  default: gpt
  careful: {kind: fallback, models: [openai/gpt-4o-mini, gpt]}
  broke: openai/gpt-4.1
budgets:
  pennies: {limit_usd: "0.0000001", models: [openai/gpt-4.1]}
"""
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


class Place(BaseModel):
    city: str


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """A plain proxy and ours, each with a provider of its own, for the same LiteLLM config."""
    plain, ours = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("ours")
    with Provider() as provider, Provider() as behind:
        started = []
        for home, stand_in in ((plain, provider), (ours, behind)):
            base, port = stand_in.api_base("openai"), free_port()
            config = CONFIG.replace("BASE", base) + (POLICIES if home is ours else "")
            (home / "config.yaml").write_text(config)
            (home / "spending.py").write_text(SPENDING)
            command = [str(PYTHON), "-c", "from litellm import run_server; run_server()", "--config", "config.yaml"]
            if home is ours:
                command = [str(PYTHON), "-m", "orchestra", "proxy", "--config", "config.yaml"]
            given = environment(home, base)
            if home is plain:
                given |= {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true", "PYTHONPATH": str(home)}
            started.append((running([*command, "--port", str(port)], port, given, home), stand_in, home))
        (one, *about_one), (other, *about_other) = started
        with one as url, other as our_url:
            yield {"plain": Served(url, *about_one), "ours": Served(our_url, *about_other)}


@pytest.fixture(autouse=True)
def fresh(sides: dict[str, Served]) -> None:
    for side in sides.values():
        side.provider.reset()
        side.provider.always(reply)


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt", "messages": [{"role": "user", "content": text}], **more}


def plain_completion(client: openai.OpenAI) -> Any:
    return shown(client.chat.completions.create(**asked("hello", temperature=0.5, user="u", max_completion_tokens=9)))


def tool_call(client: openai.OpenAI) -> Any:
    return shown(client.chat.completions.create(**asked("weather", tools=TOOLS)))


def structured(client: openai.OpenAI) -> Any:
    parsed = client.chat.completions.parse(**asked("json"), response_format=Place)
    return parsed.choices[0].message.parsed, parsed.choices[0].finish_reason, parsed.usage


def stream(client: openai.OpenAI) -> Any:
    return streamed(client.chat.completions.create(**asked("hello"), stream=True))


def stream_with_usage_and_tools(client: openai.OpenAI) -> Any:
    options = {"stream": True, "stream_options": {"include_usage": True}, "tools": TOOLS}
    return streamed(client.chat.completions.create(**asked("weather"), **options))


def cost_header(client: openai.OpenAI) -> Any:
    raw = client.chat.completions.with_raw_response.create(**asked("what does it cost"))
    return raw.headers["x-litellm-response-cost"]


def failing(fault: Fault) -> Callable[[openai.OpenAI], Any]:
    def case(client: openai.OpenAI) -> Any:
        with pytest.raises(openai.APIStatusError) as raised:
            client.chat.completions.create(**asked(fault.name))
        error = raised.value
        return type(error), error.status_code, error.code, _said(error)

    return case


def failing_stream(client: openai.OpenAI) -> Any:
    with pytest.raises(openai.RateLimitError) as raised:
        list(client.chat.completions.create(**asked("RATE_LIMITED"), stream=True))
    return raised.value.status_code


FAULTS = (Fault.RATE_LIMITED, Fault.UNAUTHORIZED, Fault.BAD_REQUEST, Fault.CONTEXT_WINDOW, Fault.SERVER_ERROR)
CASES: dict[str, Callable[[openai.OpenAI], Any]] = {
    "completion": plain_completion,
    "tools": tool_call,
    "parse": structured,
    "stream": stream,
    "stream, usage, tools": stream_with_usage_and_tools,
    "cost header": cost_header,
    **{fault.name: failing(fault) for fault in FAULTS},
    "RATE_LIMITED, stream": failing_stream,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_openai_client_sees_no_difference(case: Callable[[openai.OpenAI], Any], sides: dict[str, Served]) -> None:
    """And the provider gets the same request."""
    with sides["plain"].client() as plain, sides["ours"].client() as ours:
        assert case(ours) == case(plain)
    assert sent(sides["ours"]) == sent(sides["plain"])


def test_the_responses_api_is_served(sides: dict[str, Served]) -> None:
    """Plain and streamed, though the member only knows chats."""
    with sides["ours"].client() as client:
        made = client.responses.create(model="auto", input="hello", max_output_tokens=20)
        events = list(client.responses.create(model="auto", input="hello", stream=True))
    assert (made.output_text, made.status, made.usage and made.usage.output_tokens) == ("echo: hello", "completed", 2)
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "echo: hello"
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


def test_every_policy_is_listed(sides: dict[str, Served]) -> None:
    """Under its own name and as a model of Orchestra's; the group of the config keeps its name."""
    with sides["ours"].client() as client:
        listed = {model.id for model in client.models.list()}
    names = {"auto", "default", "careful", "broke", "gpt"}
    assert listed == names | {f"orchestra/{name}" for name in names}


async def test_twenty_calls_run_at_once(sides: dict[str, Served]) -> None:
    """None waits for another: all are with the provider before the first is answered."""
    side = sides["ours"]
    texts: list[str | None] = []

    async def all_here(call: Any) -> Answer:
        await asyncio.to_thread(side.provider.arrived, 20, 60)
        return Answer(call.question)

    side.provider.always(all_here)
    async with side.async_client() as client, anyio.create_task_group() as group:

        async def ask(n: int) -> None:
            answer = await client.chat.completions.create(**asked(f"number {n}"))
            texts.append(answer.choices[0].message.content)

        for n in range(20):
            group.start_soon(ask, n)
    assert sorted(texts) == sorted(f"number {n}" for n in range(20))


def test_a_failing_member_is_not_a_failing_model(sides: dict[str, Served]) -> None:
    """The policy falls back, call after call; the proxy never takes its alias out of service."""
    side = sides["ours"]
    side.provider.on(model="gpt-4o-mini").always(Fault.SERVER_ERROR)
    with side.client() as client:
        for _ in range(4):
            client.chat.completions.create(**asked("hello") | {"model": "careful"})
    assert [call.model for call in side.provider.calls] == ["gpt-4o-mini", "gpt-4o"] * 4
    side.provider.always(Fault.SERVER_ERROR)
    with side.client() as client:
        for _ in range(4):
            with pytest.raises(openai.InternalServerError, match="had an error while processing"):
                client.chat.completions.create(**asked("hello"))
        side.provider.always("well again")
        assert client.chat.completions.create(**asked("hello")).choices[0].message.content == "well again"


@pytest.mark.parametrize("in_a_stream", [False, True], ids=["plain", "stream"])
def test_a_budget_refuses_with_a_429_that_says_why(in_a_stream: bool, sides: dict[str, Served]) -> None:
    """Nothing reaches the provider."""
    side = sides["ours"]
    with side.client() as client, pytest.raises(openai.RateLimitError, match=r"pennies.*\$0\.0000001") as refused:
        client.chat.completions.create(**asked("hello", model="broke", stream=in_a_stream))
    assert refused.value.status_code == 429
    assert side.provider.calls == ()


def test_an_answer_says_in_its_headers_why_it_came_about(sides: dict[str, Served]) -> None:
    """Which model, how many attempts, what all of them cost."""
    side = sides["ours"]
    side.provider.on(model="gpt-4o-mini").always(Fault.SERVER_ERROR)
    with side.client() as client:
        raw = client.chat.completions.with_raw_response.create(**asked("hello") | {"model": "orchestra/careful"})
    about = {name: value for name, value in raw.headers.items() if "x-orchestra" in name}
    assert any("gpt-4o" in value for name, value in about.items() if name.endswith("x-orchestra-model"))
    assert float(raw.headers["x-litellm-response-cost"]) > 0


def test_spend_is_counted_once(sides: dict[str, Served]) -> None:
    """One event for each call of the user, with its true cost; plain and streamed."""
    counts = {}
    for name, side in sides.items():
        before = len(side.spending(0))
        with side.client() as client:
            plain_completion(client)
            stream(client)
        counts[name] = [round(event["cost"], 9) for event in side.spending(before + 2)[before:]]
        assert len(side.provider.calls) == 2
    assert counts["ours"] == counts["plain"]
    assert all(cost > 0 for cost in counts["ours"])


def shown(completion: Any) -> Any:
    """A completion without what differs from call to call."""
    return completion.model_dump(exclude={"id", "created", "system_fingerprint"})


def streamed(chunks: Any) -> Any:
    """What a stream comes to: the text, the tool calls, one role, one finish reason, the usage."""
    found: dict[str, Any] = {"ids": set(), "roles": [], "text": "", "tools": "", "finish": [], "usage": []}
    for chunk in chunks:
        found["ids"].add(chunk.id)
        found["usage"] += [chunk.usage.model_dump(exclude={"cost"})] if chunk.usage else []
        for choice in chunk.choices:
            found["roles"] += [choice.delta.role] if choice.delta.role else []
            found["text"] += choice.delta.content or ""
            found["tools"] += "".join(call.function.arguments for call in choice.delta.tool_calls or ())
            found["finish"] += [choice.finish_reason] if choice.finish_reason else []
    return {**found, "ids": len(found["ids"])}


def sent(side: Served) -> list[Any]:
    """What reached the provider, but for what a budget and the count of a stream's tokens add."""
    added = {"max_tokens": 4096, "stream_options": {"include_usage": True}}
    bodies = [call.body for call in side.provider.calls]
    return [{key: value for key, value in body.items() if added.get(key) != value} for body in bodies]


def _said(error: openai.APIStatusError) -> str:
    """The member's own words of an error, without LiteLLM's trailer about groups and fallbacks."""
    body: Any = error.body
    return str(body["message"]).partition("Received Model Group")[0]
