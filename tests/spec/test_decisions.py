"""decisions.md, line by line, where it speaks of settings, names, routing words and the spec's routing classes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestra import (
    APISettings,
    ConfigError,
    ModelRouter,
    MultiModelAPI,
    NoModelAvailable,
    NotFound,
    PriceUnknown,
    ProviderConfig,
    RateLimited,
    Refused,
    RetiredModelWarning,
    RouterConfig,
    Runtime,
    Task,
    TimedOut,
    Unavailable,
)
from orchestra.resilience import Cooldowns
from orchestra.settings import Secret, parse
from orchestra.settings.api import TASK_TYPES
from orchestra.testing import Answer, FakeClock, Fault, Provider

from .conftest import CATALOG, CLASSIC

pytestmark = pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")

IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]}]
PRIORITIES = ("high", "normal", "budget", "speed")

Files = Callable[[str], MultiModelAPI]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """Makes a client of the text of a policy file."""
    made: list[MultiModelAPI] = []

    def make(text: str) -> MultiModelAPI:
        path = tmp_path / f"orchestra-{len(made)}.yaml"
        path.write_text(text, encoding="utf-8")
        made.append(MultiModelAPI(path))
        return made[-1]

    yield make
    for api in made:
        api.close()


def timed(clock: FakeClock, **wall: Any) -> Runtime:
    """A runtime whose waits are told, not waited; it jitters to the upper end."""
    cooldowns = Cooldowns(clock)
    return Runtime(clock=clock, sleep=clock.sleep, uniform=lambda low, high: high, cooldowns=cooldowns, **wall)


# Two forms of settings, one tree


def test_flat_fields_and_the_tree_are_legal_in_one_file(files: Files) -> None:
    """`default_model` beside `models`, `budgets` and `policies`."""
    api = files("""\
default_model: mine
daily_budget_usd: 1
models: {mine: gpt-4o-mini}
budgets: {monthly: {limit_usd: 10, per: month}}
policies: {pair: {kind: fallback, models: [mine, groq]}}
""")
    assert set(api.tree.policies) == {"default", "pair"}
    assert {budget.name for budget in api.tree.money.budgets} == {"daily", "monthly"}
    assert api.explain_sync("hello").arm == "mine"


def test_flat_fields_and_the_tree_are_legal_in_python() -> None:
    """The same as an object."""
    settings = APISettings(
        default_model="mine",
        router=None,
        models={"mine": "gpt-4o-mini"},  # type: ignore[dict-item]
        policies={"pair": {"kind": "fallback", "models": ["mine", "groq"]}},  # type: ignore[dict-item]
    )
    with MultiModelAPI(settings) as api:
        assert set(api.tree.policies) == {"default", "pair"}


@pytest.mark.parametrize(
    ("flat", "tree"),
    [
        ("default_model: gpt-4o", "policies: {default: groq}"),
        ("router: {enabled: true}", "policies: {default: groq}"),
        ("daily_budget_usd: 5", "budgets: {daily: {limit_usd: 5}}"),
    ],
    ids=["default_model", "router", "daily_budget_usd"],
)
def test_naming_both_forms_of_one_thing_names_both_places(files: Files, flat: str, tree: str) -> None:
    """Each with its file and its line."""
    with pytest.raises(ConfigError) as caught:
        files(f"{flat}\n{tree}\n")
    assert re.search(rf"orchestra-0\.yaml:1: {flat.partition(':')[0]}\b", str(caught.value))
    assert re.search(rf"orchestra-0\.yaml:2: {tree.partition(':')[0]}\.(default|daily)\b", str(caught.value))


def test_with_no_file_the_shipped_default_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Today's models by role, no rate limit, no budget."""
    monkeypatch.chdir(tmp_path)
    with MultiModelAPI() as api:
        assert api.tree.file.origin.endswith("default.yaml")
        assert api.tree.money.budgets == ()
        assert api.tree.runtime.limit is None
        today = datetime.now(UTC).date()
        members = api.tree.policies["default"].members
        assert len(members) > 5
        assert not any(member.card.retired(today) for member in members)


@pytest.mark.parametrize(
    ("field", "off"),
    [
        ("default_model", None),
        ("router", None),
        ("ensemble", None),
        ("daily_budget_usd", None),
        ("max_requests_per_minute", None),
        ("max_retries", 0),
    ],
)
def test_a_flat_field_that_a_file_does_not_name_is_off(field: str, off: Any) -> None:
    """Not the spec's default."""
    assert getattr(parse("version: 1\n").settings, field) == off


def test_a_router_that_is_not_enabled_is_the_default_model() -> None:
    """Whatever the task."""
    with MultiModelAPI(APISettings(default_model="gpt-4o", router=RouterConfig(enabled=False))) as api:
        for task in TASK_TYPES:
            assert api.explain_sync("hello", task_type=task, priority="high").arm == "gpt-4o"


RETRIES: dict[str, tuple[dict[str, Any], int]] = {
    "the spec's": ({}, 3),
    "APISettings.max_retries": ({"max_retries": 1}, 1),
    "RouterConfig.max_retries beats it": ({"max_retries": 1, "router": RouterConfig(max_retries=2)}, 2),
    "also with the spec's own number": ({"max_retries": 1, "router": RouterConfig(max_retries=3)}, 3),
    "auto_retry: false": ({"max_retries": 2, "router": RouterConfig(auto_retry=False)}, 0),
    "auto_retry: false beats it": ({"router": RouterConfig(auto_retry=False, max_retries=2)}, 0),
}


@pytest.mark.parametrize(("fields", "retries"), RETRIES.values(), ids=RETRIES)
async def test_how_often_a_request_is_retried(provider: Provider, fields: dict[str, Any], retries: int) -> None:
    """Counted by the provider."""
    provider.always(Fault.UNAVAILABLE)
    with MultiModelAPI(APISettings(**fields), runtime=timed(FakeClock())) as api, pytest.raises(Unavailable):
        await api.generate("hello", model="gpt-4o-mini")
    assert len(provider.calls) == retries + 1


async def test_retry_delay_seconds_is_the_base_of_the_full_jitter(provider: Provider) -> None:
    """Doubled with each retry; the upper end of the jitter is that."""
    clock = FakeClock()
    provider.always(Fault.UNAVAILABLE)
    with MultiModelAPI(APISettings(retry_delay_seconds=4), runtime=timed(clock)) as api, pytest.raises(Unavailable):
        await api.generate("hello", model="gpt-4o-mini")
    assert clock.slept == [4, 8, 16]


async def test_max_requests_per_minute_makes_the_next_wait(provider: Provider) -> None:
    """Within its deadline; where that is too short it says so, and nothing is sent."""
    with MultiModelAPI(APISettings(max_requests_per_minute=1)) as api:
        await api.generate("hello", model="gpt-4o-mini")
        with pytest.raises(RateLimited, match="our own limit of 1 requests a minute"):
            await api.generate("hello", model="gpt-4o-mini", deadline_s=5, max_retries=0)
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("google", "gemini/some-model"),
        ("together", "together_ai/some-model"),
        ("custom", "openai/some-model"),
        ("localai", "openai/some-model"),
        ("groq", "groq/some-model"),
    ],
)
def test_a_kind_of_provider_is_a_prefix_of_litellms(kind: str, model: str) -> None:
    """Whatever the entry is called."""
    config = ProviderConfig(provider=kind, base_url="http://localhost:1/v1", api_key=Secret("k"))
    with MultiModelAPI(APISettings(providers={"mine": config})) as api:
        (member,) = api.tree.find("mine/some-model").members
    assert (member.model, member.base_url) == (model, "http://localhost:1/v1")


def test_max_output_tokens_is_max_tokens_and_only_one_of_them_is_named() -> None:
    """Two words for one thing."""
    assert ProviderConfig(parameters={"max_output_tokens": 5}).parameters == {"max_tokens": 5}
    with pytest.raises(ValueError, match="are the same thing"):
        ProviderConfig(parameters={"max_output_tokens": 5, "max_tokens": 5})


async def test_timeout_is_per_attempt_and_deadline_s_is_the_total(provider: Provider) -> None:
    """A provider that hangs is left after its own timeout, long before the deadline."""
    config = ProviderConfig(parameters={"timeout": 0.8})
    with MultiModelAPI(APISettings(providers={"openai": config}, router=None)) as api:
        assert api.settings.deadline_s == 120
        await api.generate("the first call is slow", model="gpt-4o-mini", timeout=60)
        provider.always(Fault.HANG)
        with pytest.raises(TimedOut, match="no answer"):
            await api.generate("hello", model="gpt-4o-mini")


async def test_a_provider_that_is_switched_off_is_not_asked(provider: Provider) -> None:
    """`enabled: false` takes its models out of the candidates; asked for by name it is an error."""
    off = ProviderConfig(enabled=False)
    with MultiModelAPI(APISettings(providers={"openai": off})) as api:
        assert (await api.generate("hello")).name == "claude-3-5-sonnet"
        with pytest.raises(ConfigError, match="switched off"):
            await api.generate("hello", model="gpt-4o-mini")
    assert [call.provider for call in provider.calls] == ["anthropic"]


@pytest.mark.parametrize(
    ("name", "model"), [("groq", "groq/one"), ("groq:default", "groq/one"), ("groq:fast", "groq/two")]
)
def test_a_role_of_a_provider_is_a_model(name: str, model: str) -> None:
    """`groq` is its default."""
    roles = ProviderConfig(models={"default": "one", "fast": "two"})
    with MultiModelAPI(APISettings(providers={"groq": roles})) as api:
        assert api.tree.find(name).members[0].model == model


def test_an_unknown_role_says_which_there_are(plain: MultiModelAPI) -> None:
    """They are the shipped ones, where none is configured."""
    with pytest.raises(ConfigError, match="it has default, reasoning, fast"):
        plain.tree.find("groq:fastest")


async def test_precedence_is_provider_model_policy_call(provider: Provider, files: Files) -> None:
    """Each level overrides the one before it, and only in what it names."""
    api = files("""\
providers:
  openai: {parameters: {temperature: 0.1, top_p: 0.1, seed: 1, max_tokens: 11}}
models:
  mine: {litellm: openai/gpt-4o-mini, params: {top_p: 0.2, seed: 2, max_tokens: 22}}
policies:
  default: {kind: name, name: mine, params: {seed: 3, max_tokens: 33}}
""")
    await api.generate("hello", max_tokens=44)
    sent = {name: provider.calls[0].body[name] for name in ("temperature", "top_p", "seed", "max_tokens")}
    assert sent == {"temperature": 0.1, "top_p": 0.2, "seed": 3, "max_tokens": 44}


async def test_a_configured_parameter_that_the_model_refuses_is_dropped_and_noted(provider: Provider) -> None:
    """Today's flagships refuse `temperature`."""
    config = ProviderConfig(parameters={"temperature": 0.7})
    with MultiModelAPI(APISettings(providers={"openai": config}, router=None)) as api:
        response = await api.generate("hello", model="gpt-5.5")
    assert "temperature" not in provider.calls[0].body
    assert "left out temperature" in response.note


def test_a_parameter_of_the_caller_takes_a_model_that_refuses_it_out_of_the_candidates(files: Files) -> None:
    """Unless `drop_params`, in the call or in the settings."""
    text = "policies: {default: {kind: route, otherwise: gpt-5.5, fallback: [gpt-4o-mini]}}\n"
    api = files(text)
    choice = api.explain_sync("hello", temperature=0.5)
    assert choice.arm == "gpt-4o-mini"
    assert dict(choice.passed_over)["gpt-5.5"] == "refuses temperature"
    assert api.explain_sync("hello", temperature=0.5, drop_params=True).arm == "gpt-5.5"
    assert files(f"drop_params: true\n{text}").explain_sync("hello", temperature=0.5).arm == "gpt-5.5"


def test_the_ledger_is_where_the_settings_say(files: Files, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`ledger.path`, else `$ORCHESTRA_HOME`, else the user's state folder."""
    assert files(f"ledger: {{path: '{tmp_path}/mine.db'}}\n").tree.money.ledger.place == str(tmp_path / "mine.db")
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    assert files("version: 1\n").tree.money.ledger.place == str(tmp_path / "home" / "ledger.db")
    monkeypatch.delenv("ORCHESTRA_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert "orchestra" in files("version: 1\n").tree.money.ledger.place


# Names and models


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("models: {fast: groq/a}\n", "groq/a"),
        ("policies: {fast: {kind: fallback, models: [groq/b]}}\n", "groq/b"),
        ("models: {gpt-4o: groq/c}\n", "groq/c"),
    ],
    ids=["a model", "a policy", "a model in the catalogue's place"],
)
def test_names_of_ones_own_come_first(files: Files, text: str, model: str) -> None:
    """Policy, then `models:`, then the catalogue."""
    name = "gpt-4o" if "gpt-4o" in text else "fast"
    assert [member.model for member in files(text).tree.find(name).members] == [model]


@pytest.mark.parametrize("name", ["auto", "orchestra/auto", "default", "orchestra/default"])
def test_auto_is_the_policy_default(plain: MultiModelAPI, name: str) -> None:
    """From inside and from outside."""
    assert plain.tree.find(name) is plain.tree.policies["default"]


@pytest.mark.parametrize(
    "text",
    [
        "models: {one: groq}\npolicies: {one: groq}\n",
        "models: {one: groq}\nproviders: {one: {provider: openai}}\n",
        "policies: {one: groq}\nproviders: {one: {provider: openai}}\n",
    ],
    ids=["model and policy", "model and provider", "policy and provider"],
)
def test_one_name_in_two_places_is_an_error(files: Files, text: str) -> None:
    """It could mean either."""
    with pytest.raises(ConfigError, match="'one' is also a"):
        files(text)


async def test_an_id_without_a_row_is_legal_and_its_price_is_unknown(provider: Provider) -> None:
    """Which is not zero; a budget can't hold it."""
    with MultiModelAPI(APISettings(daily_budget_usd=None)) as api:
        response = await api.generate("hello", model="groq/came-out-today")
    assert response.text == "echo: hello"
    assert response.cost_usd is None
    refusing: dict[str, Any] = {"budgets": {"daily": {"limit_usd": 5, "on_exceeded": "refuse"}}}
    with MultiModelAPI(APISettings(daily_budget_usd=None, **refusing)) as api, pytest.raises(PriceUnknown):
        await api.generate("hello", model="groq/came-out-today")
    assert len(provider.calls) == 1


def test_a_zero_price_is_unknown_unless_the_model_is_declared_free(files: Files) -> None:
    """LiteLLM's map has zeros for models that cost."""
    api = files("models:\n  zero: {litellm: groq/x, input_usd_per_mtok: 0}\n  free: {litellm: groq/x, free: true}\n")
    assert api.tree.find("zero").members[0].card.input_usd_per_mtok is None
    assert api.tree.find("free").members[0].card.input_usd_per_mtok == 0


@pytest.mark.parametrize("kind", ["ollama", "vllm", "lm_studio", "localai", "custom", "local"])
def test_a_model_of_ones_own_machine_is_free_unless_priced(files: Files, kind: str) -> None:
    """Electricity is not booked."""
    name = "local" if kind == "local" else f"{kind}/m"
    priced = f"models: {{priced: {{litellm: {kind}/m, input_usd_per_mtok: 1, output_usd_per_mtok: 2}}}}\n"
    api = files("version: 1\n" if kind == "local" else priced)
    assert api.tree.find(name).members[0].card.free
    if kind != "local":
        assert not api.tree.find("priced").members[0].card.free


def test_the_file_wins_for_perplexitys_old_rows_and_the_map_for_live_models() -> None:
    """LiteLLM's map leaves out the input price of the former."""
    old, live = CATALOG.find("pplx-70b-online"), CATALOG.find("gpt-4o")
    assert old is not None
    assert live is not None
    assert old.input_usd_per_mtok
    assert old.source is not None
    assert live.source is None


async def test_a_retired_id_is_called_as_asked(provider: Provider) -> None:
    """Its provider may still have it; one warning names its successor."""
    named = pytest.warns(RetiredModelWarning, match="its successor is 'claude-sonnet-5-5'")
    with MultiModelAPI(APISettings()) as api, named as caught:
        for _ in range(2):
            response = await api.generate("hello", model="claude-3-5-sonnet")
    assert len([warning for warning in caught if issubclass(warning.category, RetiredModelWarning)]) == 1
    assert {call.model for call in provider.calls} == {"claude-3-5-sonnet-20240620"}
    assert response.note == ""


async def test_a_retired_id_that_is_gone_has_its_successor_called(provider: Provider) -> None:
    """With a note, in a stream too."""
    provider.on("anthropic", model="claude-3-5-sonnet-20240620").always(Fault.NOT_FOUND)
    with MultiModelAPI(APISettings()) as api:
        response = await api.generate("hello", model="claude-3-5-sonnet")
        stream = api.generate_stream("hello", model="claude-3-5-sonnet")
        assert "".join([chunk.text async for chunk in stream]) == "echo: hello"
    assert "its successor claude-sonnet-5-5 answered" in response.note
    assert "its successor claude-sonnet-5-5 answered" in stream.response.note


async def test_on_retired_successor_asks_it_at_once(provider: Provider) -> None:
    """The old id is not called."""
    with MultiModelAPI(APISettings(on_retired="successor")) as api:
        response = await api.generate("hello", model="claude-3-5-sonnet")
    assert [call.model for call in provider.calls] == ["claude-sonnet-5-5"]
    assert "is retired; its successor claude-sonnet-5-5 answered" in response.note


async def test_on_retired_refuse_asks_nobody(provider: Provider) -> None:
    """And says what to use."""
    said = pytest.raises(Refused, match="use 'claude-sonnet-5-5'")
    with MultiModelAPI(APISettings(on_retired="refuse")) as api, said:
        await api.generate("hello", model="claude-3-5-sonnet")
    assert provider.calls == ()


async def test_a_living_model_that_is_not_found_is_not_replaced(provider: Provider) -> None:
    """A 404 of a model that nobody retired is an error."""
    provider.always(Fault.NOT_FOUND)
    with MultiModelAPI(APISettings()) as api, pytest.raises(NotFound):
        await api.generate("hello", model="gpt-4o-mini")
    assert len(provider.calls) == 1


@pytest.mark.parametrize("word", ["model", "preferred_model"])
def test_an_unknown_name_is_refused_with_a_suggestion(plain: MultiModelAPI, word: str) -> None:
    """Before anything is sent."""
    named: dict[str, Any] = {word: "gpt-4-tubro"}
    with pytest.raises(ConfigError, match=r"'gpt-4-tubro'; did you mean 'gpt-4-turbo'\?"):
        plain.explain_sync("hello", **named)


# Routing words

EQUAL: dict[str, tuple[dict[str, Any], str]] = {
    "importance='high'": ({"importance": "high"}, "high"),
    "budget_mode=True": ({"budget_mode": True}, "budget"),
    "latency_critical=True": ({"latency_critical": True}, "speed"),
    "importance='normal'": ({"importance": "normal"}, "normal"),
    "budget_mode=False": ({"budget_mode": False}, "normal"),
    "importance before budget": ({"importance": "high", "budget_mode": True}, "high"),
    "budget before latency": ({"budget_mode": True, "latency_critical": True}, "budget"),
}


@pytest.mark.parametrize(("words", "priority"), EQUAL.values(), ids=EQUAL)
def test_the_specs_words_for_priority(plain: MultiModelAPI, words: dict[str, Any], priority: str) -> None:
    """All of them are arguments of `explain`."""
    for task in ("reasoning", "extraction"):
        ours = plain.explain_sync("hello", task_type=task, priority=priority)
        theirs = plain.explain_sync("hello", task_type=task, **words)
        assert (theirs.arm, theirs.rule) == (ours.arm, ours.rule)


@pytest.mark.parametrize("words", [words for words, priority in EQUAL.values() if priority != "normal"])
async def test_the_specs_words_for_priority_do_not_reach_the_provider(
    provider: Provider, words: dict[str, Any]
) -> None:
    """They are arguments of `generate` too."""
    with MultiModelAPI(APISettings()) as api:
        await api.generate("hello", task_type="extraction", **words)
    assert not set(words) & set(provider.calls[0].body)


@pytest.mark.parametrize("wrong", [{"priority": "urgent"}, {"priority": "speed", "importance": "high"}])
def test_a_priority_that_is_none_or_contradicts_itself_is_an_error(plain: MultiModelAPI, wrong: dict[str, Any]) -> None:
    """It is not guessed what was meant."""
    with pytest.raises(ConfigError, match="priority"):
        plain.explain_sync("hello", **wrong)


TASKS = ["reasoning", "extraction", "classification", "long_context", "vision"]
TASKS += ["web_search", "code", "translation", "summary", "chat"]


@pytest.mark.parametrize("task", TASKS)
def test_a_task_type_is_known(plain: MultiModelAPI, task: str) -> None:
    """Every one has a model."""
    assert plain.explain_sync("hello", task_type=task).arm


def test_other_task_types_are_declared(files: Files) -> None:
    """A misspelling is told apart from a type of one's own."""
    rule = "{when: {task: haiku}, use: groq}"
    text = f"task_types: [haiku]\npolicies: {{default: {{kind: route, rules: [{rule}], otherwise: gpt-4o-mini}}}}\n"
    api = files(text)
    assert api.explain_sync("hello", task_type="haiku").arm == "groq"
    with pytest.raises(ConfigError, match="did you mean 'haiku'"):
        api.explain_sync("hello", task_type="haikus")


ORDER: dict[str, tuple[dict[str, Any], str]] = {
    "preferred_model first": ({"messages": IMAGE, "preferred_model": "gpt-4o-mini"}, "gpt-4o-mini"),
    "images before the task": ({"messages": IMAGE, "task_type": "reasoning", "priority": "high"}, "gpt-4o"),
    "web_search": ({"task_type": "web_search", "priority": "high"}, "perplexity"),
    "reasoning, long": ({"task_type": "reasoning", "input_tokens": 60_000, "priority": "high"}, "claude-3-5-sonnet"),
    "reasoning, too long for it": ({"task_type": "reasoning", "input_tokens": 300_000}, "gemini-1.5-pro"),
    "reasoning, high": ({"task_type": "reasoning", "priority": "high"}, "gpt-4-turbo"),
    "reasoning, budget": ({"task_type": "reasoning", "priority": "budget"}, "gemini-1.5-flash"),
    "reasoning, else": ({"task_type": "reasoning"}, "claude-3-5-sonnet"),
    "extraction, speed": ({"task_type": "extraction", "priority": "speed"}, "groq/llama-3.1-70b"),
    "extraction, speed, does not fit": (
        {"task_type": "extraction", "priority": "speed", "input_tokens": 140_000},
        "gemini-1.5-flash",
    ),
    "extraction, high": ({"task_type": "extraction", "priority": "high"}, "claude-3-5-sonnet"),
    "extraction, budget": ({"task_type": "extraction", "priority": "budget"}, "gpt-4o-mini"),
    "extraction, else": ({"task_type": "extraction"}, "gemini-1.5-flash"),
    "classification under 5k": ({"task_type": "classification", "input_tokens": 4_999}, "groq/llama-3.1-8b"),
    "classification, else": ({"task_type": "classification", "input_tokens": 5_000}, "gpt-4o-mini"),
    "over 100k": ({"input_tokens": 100_001}, "gemini-1.5-pro"),
    "long_context": ({"task_type": "long_context", "input_tokens": 10}, "gemini-1.5-pro"),
    "else": ({"task_type": "chat"}, "gpt-4o-mini"),
}


@pytest.mark.parametrize(("asked", "model"), ORDER.values(), ids=ORDER)
def test_the_order_of_the_classic_table(either: MultiModelAPI, asked: dict[str, Any], model: str) -> None:
    """In both of its forms."""
    asked = asked if "messages" in asked else {"prompt": "hello", **asked}
    assert either.explain_sync(**asked).arm == model


@pytest.fixture(scope="module")
def pair() -> tuple[MultiModelAPI, MultiModelAPI]:
    return MultiModelAPI(APISettings()), MultiModelAPI(CLASSIC)


@hypothesis_settings(max_examples=60)
@given(
    task=st.none() | st.sampled_from(TASKS),
    priority=st.sampled_from(PRIORITIES),
    tokens=st.integers(0, 3_000_000) | st.sampled_from([4_999, 5_000, 50_000, 50_001, 100_000, 100_001, 128_000]),
    extras=st.sampled_from([{}, {"tools": [{}]}, {"max_tokens": 9_000}, {"seed": 1}, {"preferred_model": "groq"}]),
    images=st.booleans(),
)
def test_the_specs_settings_and_the_classic_file_decide_alike(
    pair: tuple[MultiModelAPI, MultiModelAPI],
    task: str | None,
    priority: str,
    tokens: int,
    extras: dict[str, Any],
    images: bool,
) -> None:
    """The whole decision: model, rule, reason, what was passed over, what comes behind."""
    messages = IMAGE if images else [{"role": "user", "content": "hello"}]
    asked: dict[str, Any] = {"messages": messages, "task_type": task, "priority": priority, "input_tokens": tokens}
    decided: list[Any] = []
    for api in pair:
        try:
            decided.append(api.explain_sync(**asked, **extras))
        except NoModelAvailable as error:
            decided.append(str(error))
    assert decided[0] == decided[1]


def test_an_unknown_routing_rule_is_an_error_that_lists_the_rows() -> None:
    """A misspelt row would silently do nothing."""
    with pytest.raises(ConfigError, match="no row is called 'reasoning_hi'; the rows are vision, web_search, reas"):
        MultiModelAPI(APISettings(router=RouterConfig(routing_rules={"reasoning_hi": "gpt-4o"})))


def test_explain_decides_as_if_every_key_were_there(plain: MultiModelAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """`live=True` counts them."""
    assert plain.explain_sync("hello", task_type="reasoning", priority="high").arm == "gpt-4-turbo"
    monkeypatch.setenv("GROQ_API_KEY", "k")
    live = plain.explain_sync("hello", task_type="reasoning", priority="high", live=True)
    assert live.arm == "groq/llama-3.1-70b"
    assert dict(live.passed_over)["gpt-4-turbo"] == "no key: OPENAI_API_KEY is not set"


def test_a_call_with_no_key_at_all_names_the_variables_to_set(plain: MultiModelAPI) -> None:
    """All that would help."""
    with pytest.raises(NoModelAvailable, match="set ANTHROPIC_API_KEY or GEMINI_API_KEY or GROQ_API_KEY or OPENAI"):
        plain.generate_sync("hello")


def test_explain_as_json_has_chosen_rule_and_passed_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command; it marks the keys that are missing."""
    from orchestra.cli import main

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["explain", "…", "--task", "reasoning", "--priority", "high", "-c", str(CLASSIC), "--json"])
    assert not left.value.code
    said = json.loads(capsys.readouterr().out)
    assert (said["chosen"], said["rule"]) == ("gpt-4-turbo", "reasoning_high_priority")
    assert {"name", "reason"} == set(said["passed_over"][0])
    assert said["candidates"][0]["missing_key"] == "OPENAI_API_KEY"


@pytest.mark.parametrize(
    ("asked", "shown"),
    [({"input_tokens": 7}, "7"), ({}, "about 250")],
    ids=["the caller's own count", "an estimate"],
)
def test_the_length_of_the_input(plain: MultiModelAPI, asked: dict[str, Any], shown: str) -> None:
    """The caller's figure wins; an estimate says that it is one."""
    choice = plain.explain_sync("abcd" * 246, task_type="reasoning", **asked)
    assert choice.features["input_tokens"] == shown


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("word " * 2_000, 2_000), ("слово " * 2_000, 4_000), ("你好世界" * 1_000, 4_000)],
    ids=["Latin", "Cyrillic", "Chinese"],
)
def test_the_estimate_is_aware_of_the_script(plain: MultiModelAPI, text: str, tokens: int) -> None:
    """Within a factor of two of what tokenizers count."""
    seen = int(plain.explain_sync(text).features["input_tokens"].removeprefix("about "))
    assert tokens / 2 <= seen <= tokens * 2


@pytest.mark.parametrize(("retry_after_s", "seconds"), [(45, 45), (None, 30)], ids=["Retry-After", "30 s"])
async def test_a_failing_model_cools_down(provider: Provider, retry_after_s: float | None, seconds: float) -> None:
    """For what its provider asks, else half a minute; then it is asked again."""
    clock = FakeClock()
    provider.on("openai").fail(Fault.RATE_LIMITED, retry_after_s=retry_after_s)
    with MultiModelAPI(APISettings(), runtime=timed(clock)) as api:
        first = await api.generate("hello", max_retries=0)
        clock.advance(seconds - 1)
        during = await api.explain("hello", live=True)
        clock.advance(2)
        after = await api.generate("hello")
    assert first.name == "claude-3-5-sonnet"
    assert dict(during.passed_over)["gpt-4o-mini"] == "cools down for 1 s more"
    assert after.name == "gpt-4o-mini"


# The spec's classes


def test_a_model_router_decides_as_explain_does(plain: MultiModelAPI) -> None:
    """Sync, local, without a call, as if every key were there."""
    router = ModelRouter(APISettings())
    for task in TASKS:
        for importance in ("normal", "high"):
            chosen = router.route(Task(task, importance), {})
            priority = "high" if importance == "high" else "normal"
            arm = plain.tree.find(plain.explain_sync("", task_type=task, priority=priority).arm)
            assert chosen.model == arm.members[0].model


async def test_a_response_says_whether_it_succeeded(provider: Provider) -> None:
    """`success` is False when it was cut; `score` is `None` until somebody scored it; times and money have units."""
    provider.reply(Answer("one two three"), Answer("one two three"))
    with MultiModelAPI(APISettings()) as api:
        whole = await api.generate("hello", model="gpt-4o-mini")
        cut = await api.generate("hello", model="gpt-4o-mini", max_tokens=2)
    assert (whole.success, whole.score) == (True, None)
    assert (cut.success, cut.finish_reason) == (False, "length")
    assert whole.latency_ms == whole.latency_s * 1000
    assert whole.cost_usd == sum(attempt.usage.cost or 0 for attempt in whole.attempts)


async def test_the_specs_client_may_be_shared_between_tasks(provider: Provider) -> None:
    """Ten requests at once, each with its own answer."""
    with MultiModelAPI(APISettings()) as api:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(api.generate(f"number {n}", model="gpt-4o-mini")) for n in range(10)]
    assert [task.result().text for task in asked] == [f"echo: number {n}" for n in range(10)]
