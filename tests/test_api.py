"""The client: what it takes, what it refuses before anything is sent, and what it returns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestra import (
    APISettings,
    ConfigError,
    DeadlineExceeded,
    MultiModelAPI,
    NoModelAvailable,
    ProviderConfig,
    RetiredModelWarning,
    Unavailable,
)
from orchestra.build import build
from orchestra.settings import parse
from orchestra.testing import Fault, Provider


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def policy(provider: Provider, tmp_path: Path) -> Path:
    """A policy file with two providers, both the stand-in."""
    path = tmp_path / "orchestra.yaml"
    path.write_text(
        f"""\
version: 1
providers:
  openai: {{api_key: k, base_url: "{provider.api_base("openai")}"}}
  groq: {{api_key: k, base_url: "{provider.api_base("groq")}"}}
models:
  quick: groq/openai/gpt-oss-20b
  careful: gpt-4o
policies:
  default:
    kind: route
    rules:
      - {{name: hard, when: {{task: reasoning}}, use: careful}}
    otherwise: quick
    fallback: [careful, quick]
"""
    )
    return path


@pytest.fixture
def api(policy: Path) -> MultiModelAPI:
    return MultiModelAPI(policy)


async def test_a_prompt_is_answered_by_the_policy_with_its_reason(api: MultiModelAPI) -> None:
    """The response says which rule chose the model, and what it cost."""
    response = await api.generate("Why is the sky blue?", task_type="reasoning")
    assert response.text == "echo: Why is the sky blue?"
    assert response.choice is not None
    assert response.choice.rule == "hard"
    assert response.model == "openai/gpt-4o"
    assert "chose careful by hard" in response.trace()
    assert response.cost_usd is not None
    assert f"{response.cost_usd:f}" in repr(response)


async def test_messages_go_as_they_are(api: MultiModelAPI, provider: Provider) -> None:
    """System, history and parts reach the wire unchanged."""
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
    ]
    await api.generate(messages=messages, model="careful")
    assert provider.settled()[-1].body["messages"] == messages


async def test_a_failing_model_is_followed_by_the_fallback(api: MultiModelAPI, provider: Provider) -> None:
    """The answer comes from the next model; both calls are in the attempts."""
    provider.on(provider="openai").fail(Fault.SERVER_ERROR)
    response = await api.generate("x", task_type="reasoning")
    assert response.model.startswith("groq/")
    assert [a.error for a in response.attempts] == ["Unavailable", None]
    assert "careful failed; quick answered" in response.note


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "give a prompt, prompt_id= or messages="),
        ({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, "one of them"),
        ({"messages": []}, "not empty"),
        ({"messages": "a"}, "a list of"),
        ({"prompt": "a", "model": 5}, "the name of a model"),
        ({"prompt": "a", "tags": "x"}, "a mapping of names"),
        ({"prompt": "a", "deadline_s": "x"}, "a number of seconds"),
        ({"prompt": "a", "deadline_s": 0}, "above 0, or None for no end"),
        ({"prompt": "a", "model": "gtp-4o"}, "did you mean 'gpt-4o'"),
        ({"prompt": "a", "task_type": "reasonning"}, "did you mean 'reasoning'"),
        ({"prompt": "a", "priority": "urgent"}, "high, normal, budget or speed"),
        ({"prompt": "a", "priority": "speed", "budget_mode": True}, "contradicts"),
        ({"prompt": "a", "api_base": "http://elsewhere"}, "belongs to a provider"),
        ({"prompt": "a", "preferred_model": "nobody"}, "no model or policy is called 'nobody'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
async def test_a_mistake_is_told_before_anything_is_sent(
    api: MultiModelAPI, provider: Provider, arguments: dict[str, Any], said: str
) -> None:
    """In one line, with what to do."""
    asked = len(provider.calls)
    with pytest.raises(ConfigError, match=said):
        await api.generate(**arguments)
    with pytest.raises(ConfigError, match=said):
        api.generate_stream(**arguments)
    assert len(provider.calls) == asked


async def test_what_is_of_another_type_is_told_in_one_line(api: MultiModelAPI) -> None:
    """Wherever it is given: never an error of Python's own."""
    with pytest.raises(ConfigError, match="a list of texts"):
        await api.embed(3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="a finite number"):
        api.score("an id", "good")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="a response, or the id"):
        api.score(None, 0.4)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="path of a policy file"):
        MultiModelAPI(3)  # type: ignore[arg-type]


async def test_an_error_says_what_was_spent(api: MultiModelAPI, provider: Provider) -> None:
    """The journal of the attempts leaves with it."""
    provider.fail(Fault.SERVER_ERROR)
    with pytest.raises(Unavailable) as caught:
        await api.generate("x", "careful")
    assert [a.basis for a in caught.value.journal] == ["reserved"]


async def test_the_deadline_ends_the_whole_request(api: MultiModelAPI, provider: Provider) -> None:
    """However long the provider would take; the hanging call is booked and its upstream closed."""
    provider.fail(Fault.HANG)
    with pytest.raises(DeadlineExceeded, match="0.3 s") as caught:
        await api.generate("x", "careful", deadline_s=0.3)
    assert [a.basis for a in caught.value.journal] == ["reserved"]
    assert (await asyncio.to_thread(provider.settled))[-1].closed_early


async def test_a_stream_is_bounded_by_the_deadline_until_its_first_chunk(
    api: MultiModelAPI, provider: Provider
) -> None:
    """A stream that has begun may take longer than the deadline."""
    from orchestra.testing import Answer

    provider.reply(Answer(text="one two three four", chunk_delay_s=1.0))
    stream = api.generate_stream("x", "careful", deadline_s=2.5)
    assert "".join([chunk.text async for chunk in stream]) == "one two three four"
    provider.fail(Fault.HANG)
    with pytest.raises(DeadlineExceeded):
        _ = [chunk async for chunk in api.generate_stream("x", "careful", deadline_s=0.3)]


def test_sync_twins_do_the_same(api: MultiModelAPI) -> None:
    """Plain, streamed and explained, without a loop of one's own."""
    assert api.generate_sync("hi").text == "echo: hi"
    assert "".join(chunk.text for chunk in api.generate_stream_sync("hi")) == "echo: hi"
    assert api.explain_sync("hi", task_type="reasoning").arm == "careful"


async def test_many_tasks_and_threads_may_share_a_client(api: MultiModelAPI) -> None:
    """Each gets its own answer."""
    answers = await asyncio.gather(*(api.generate(f"task {n}") for n in range(20)))
    assert [a.text for a in answers] == [f"echo: task {n}" for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda n: api.generate_sync(f"thread {n}").text, range(20)))
    assert texts == [f"echo: thread {n}" for n in range(20)]


async def test_explain_decides_without_a_call(api: MultiModelAPI, provider: Provider) -> None:
    """The same choice that a call makes, and nothing is sent."""
    asked = len(provider.calls)
    choice = await api.explain("x", task_type="reasoning")
    assert len(provider.calls) == asked
    assert choice == (await api.generate("x", task_type="reasoning")).choice


async def test_with_no_key_the_variables_to_set_are_named(tmp_path: Path) -> None:
    """And an explanation works all the same."""
    path = tmp_path / "p.yaml"
    path.write_text("policies: {default: {kind: route, otherwise: gpt-4o, fallback: [groq]}}")
    api = MultiModelAPI(path)
    assert api.explain_sync("hi").arm == "gpt-4o"
    with pytest.raises(NoModelAvailable, match="set GROQ_API_KEY or OPENAI_API_KEY"):
        await api.generate("hi")


async def test_a_retired_model_is_called_as_asked_and_then_its_successor(provider: Provider) -> None:
    """A 404 for the old name brings the successor's answer, with one warning and a note."""
    base = provider.api_base("anthropic")
    settings = APISettings(
        providers={"anthropic": ProviderConfig(api_key="k", base_url=base)}, router=None, max_requests_per_minute=None
    )
    api = MultiModelAPI(settings)
    provider.on(model="claude-3-5-sonnet-20240620").fail(Fault.NOT_FOUND)
    with pytest.warns(RetiredModelWarning, match="successor"):
        response = await api.generate("hi", "claude-3-5-sonnet")
    assert response.attempts[0].model == "anthropic/claude-3-5-sonnet-20240620"
    assert "its successor" in response.note
    assert response.text == "echo: hi"


async def test_provider_roles_are_models(provider: Provider) -> None:
    """`groq` is its default, `groq:fast` a role; an unknown role names those there are."""
    file = parse(
        f"providers: {{groq: {{api_key: k, base_url: '{provider.api_base('groq')}', models: {{fast: mini}}}}}}"
    )
    tree = build(file)
    assert tree.find("groq:fast").members[0].model == "groq/mini"
    with pytest.raises(ConfigError, match="has no role 'slow'; it has"):
        tree.find("groq:slow")


async def test_an_experiment_of_the_settings_is_found_by_name() -> None:
    """One object for each; a misspelt name is told of, with what there is."""
    settings = APISettings(experiments={"larger": {"arms": ["small", "large"]}})
    with MultiModelAPI(settings) as api:
        assert api.experiment("larger") is api.experiment("larger")
        with pytest.raises(ConfigError, match="no experiment is called 'lager'; did you mean 'larger'"):
            api.experiment("lager")
