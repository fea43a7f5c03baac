"""Promise 7: every answer can say why: which rule, which candidates and why not, which attempts, what each cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from orchestra import AllFailed, Failure, MultiModelAPI, NoModelAvailable, RateLimited, RouterConfig, Usage, trace
from orchestra.testing import Fault, Provider

pytestmark = pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")

Client = Callable[..., MultiModelAPI]

PICTURE = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ],
    }
]


async def test_an_answer_names_its_rule_and_its_reason(provider: Provider, client: Client) -> None:
    """Which arm, by which rule, why, and what the decision was made from."""
    response = await client().generate("Prove it.", task_type="reasoning", priority="high")
    assert response.choice is not None
    assert (response.choice.arm, response.choice.rule) == ("gpt-4-turbo", "reasoning_high_priority")
    assert response.choice.reason == "best quality"
    assert response.choice.features["task"] == "reasoning"
    assert response.choice.features["priority"] == "high"
    said = response.trace()
    assert "chose gpt-4-turbo by reasoning_high_priority: best quality" in said
    assert "saw task reasoning, priority high, input_tokens about" in said


async def test_every_rule_that_did_not_decide_says_why_not(provider: Provider, client: Client) -> None:
    """The conditions that were not met, and the rules that came too late; each row of the table is accounted for."""
    api = client()
    choice = (await api.generate("Prove it.", task_type="reasoning", priority="high")).choice
    assert choice is not None
    passed = dict(choice.passed_over)
    assert passed["reasoning_long → claude-3-5-sonnet, gemini-1.5-pro"].startswith("input is about")
    assert passed["extraction → gemini-1.5-flash"] == "task is reasoning, not extraction"
    assert passed["reasoning → claude-3-5-sonnet"] == "reasoning_high_priority comes before it"
    route: Any = api.tree.find("default").model
    rules = {rule.name for rule in route.strategy.rules}
    assert rules == {name.split(" → ")[0] for name in passed} | {choice.rule}


async def test_a_candidate_that_cannot_serve_says_why_not(provider: Provider, client: Client) -> None:
    """Too small, blind, without a key, cooling down, refusing a parameter: each in its own words."""
    api = client()
    long = await api.generate("Prove it.", task_type="reasoning", input_tokens=500_000)
    assert long.choice is not None
    assert long.choice.arm == "gemini-1.5-pro"
    assert dict(long.choice.passed_over)["claude-3-5-sonnet"] == "too small: 500000 tokens in a window of 200000"
    blind = await api.generate(messages=PICTURE, preferred_model="groq/llama-3.1-70b")
    assert blind.choice is not None
    assert dict(blind.choice.passed_over)["groq/llama-3.1-70b"] == "cannot see images"
    assert "not groq/llama-3.1-70b: cannot see images" in blind.trace()


async def test_a_model_without_a_key_says_which_variable_to_set(provider: Provider, client: Client) -> None:
    """In the choice of an answer, and in the error when nothing is left."""
    keyless = client(providers={})
    with pytest.raises(NoModelAvailable) as caught:
        await keyless.generate("hello")
    assert "no key: OPENAI_API_KEY is not set" in str(caught.value)
    assert "set ANTHROPIC_API_KEY or GEMINI_API_KEY or GROQ_API_KEY or OPENAI_API_KEY" in str(caught.value)


async def test_a_model_that_cools_down_says_for_how_long(provider: Provider, client: Client) -> None:
    """What happened a moment ago is a reason too."""
    provider.on("openai").fail(Fault.RATE_LIMITED, retry_after_s=20)
    api = client(router=RouterConfig(fallback_order=["mistral"]), max_retries=0)
    first = await api.generate("hello")
    assert first.name == "mistral"
    second = await api.generate("hello")
    assert second.choice is not None
    assert second.choice.arm == "mistral"
    assert dict(second.choice.passed_over)["gpt-4o-mini"] == "cools down for 20 s more"


async def test_every_attempt_is_in_the_answer_with_its_cost(provider: Provider, client: Client) -> None:
    """Retries and fallbacks, what each came to, and a total that is their sum."""
    provider.on("openai").always(Fault.NO_CONTENT)
    response = await client(router=RouterConfig(fallback_order=["mistral"]), max_retries=1).generate("hello")
    assert [(a.name, a.retry, a.error) for a in response.attempts] == [
        ("gpt-4o-mini", 0, "Unavailable"),
        ("gpt-4o-mini", 1, "Unavailable"),
        ("mistral", 0, None),
    ]
    assert all(attempt.usage.cost for attempt in response.attempts)
    assert response.total == Usage.total(attempt.usage for attempt in response.attempts)
    assert response.cost_usd == sum((a.usage.cost or Decimal(0) for a in response.attempts), Decimal(0))
    assert response.usage == response.attempts[-1].usage
    said = response.trace()
    assert said.count("✗ openai/gpt-4o-mini") == 2
    assert "✓ mistral/" in said
    assert "gpt-4o-mini failed; mistral answered" in said


async def test_failures_stay_in_the_tree_of_an_answer(provider: Provider, client: Client) -> None:
    """They cost money and they explain."""
    provider.on("openai").always(Fault.RATE_LIMITED)
    response = await client(router=RouterConfig(fallback_order=["mistral"]), max_retries=0).generate("hello")
    failure, answer = response.sources
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, RateLimited)
    assert failure.name == "gpt-4o-mini"
    assert answer.name == "mistral"


async def test_an_error_says_what_was_tried(provider: Provider, client: Client) -> None:
    """Where no answer came, the journal has every attempt, and the message each model's reason."""
    provider.always(Fault.SERVER_ERROR)
    with pytest.raises(AllFailed) as caught:
        await client(router=RouterConfig(fallback_order=["mistral"]), max_retries=0).generate("hello")
    assert [attempt.name for attempt in caught.value.journal] == ["gpt-4o-mini", "mistral"]
    assert "gpt-4o-mini: the provider is failing (500)" in str(caught.value)
    assert "mistral: the provider is failing (500)" in str(caught.value)


async def test_a_successor_that_answered_is_named(provider: Provider, client: Client) -> None:
    """A retired model that is gone from its provider leaves a note, and its failure."""
    provider.on("anthropic", model="claude-3-5-sonnet-20240620").always(Fault.NOT_FOUND)
    response = await client().generate("hello", model="claude-3-5-sonnet")
    assert response.note == "claude-3-5-sonnet is gone from its provider; its successor claude-sonnet-5-5 answered"
    assert [attempt.model for attempt in response.attempts] == [
        "anthropic/claude-3-5-sonnet-20240620",
        "anthropic/claude-sonnet-5-5",
    ]


async def test_a_streamed_answer_can_say_as_much(provider: Provider, client: Client) -> None:
    """The response behind a stream has choice, attempts and trace."""
    stream = client().generate_stream("Prove it.", task_type="reasoning", priority="high")
    async for _ in stream:
        pass
    response = stream.response
    assert response.choice is not None
    assert response.choice.rule == "reasoning_high_priority"
    assert response.attempts[0].first_token_s is not None
    assert "chose gpt-4-turbo by reasoning_high_priority" in response.trace()


async def test_the_same_as_data(provider: Provider, client: Client) -> None:
    """`as_dict` is JSON with chosen, rule, passed_over and every attempt."""
    provider.on("openai").fail(Fault.UNAVAILABLE)
    response = await client(max_retries=1).generate("hello", task_type="extraction", priority="budget")
    data: dict[str, Any] = json.loads(json.dumps(trace.as_dict(response)))
    assert data["choice"]["chosen"] == "gpt-4o-mini"
    assert data["choice"]["rule"] == "extraction_budget"
    assert {"name", "reason"} == set(data["choice"]["passed_over"][0])
    assert [(a["retry"], a["success"], a["basis"]) for a in data["attempts"]] == [
        (0, False, "reserved"),
        (1, True, "usage"),
    ]
    assert Decimal(data["attempts"][1]["cost_usd"]) == response.attempts[1].usage.cost


async def test_explain_says_the_same_without_a_call(provider: Provider, client: Client) -> None:
    """What would be chosen, and why, is what is chosen, and why."""
    api = client()
    options: dict[str, Any] = {"task_type": "extraction", "priority": "speed"}
    choice = await api.explain("Find the price.", **options)
    assert provider.calls == ()
    assert (await api.generate("Find the price.", **options)).choice == choice
