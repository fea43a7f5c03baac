"""What a call cost is the whole of it, and LiteLLM's callbacks hear of it once."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger

import orchestra.litellm as ours
from orchestra import MultiModelAPI, install, uninstall
from orchestra.testing import Answer, Provider
from orchestra.testing.provider import Fault

from .conftest import HELLO, settings
from .observing import IDS, WAYS, called

FOUR = Answer("four", input_tokens=1000, output_tokens=100)
PANEL = {
    "kind": "rank",
    "models": ["openai/gpt-4o-mini", "anthropic/claude-haiku-5-5", "groq/openai/gpt-oss-20b"],
    "judge": None,
    "checks": [{"pattern": "four"}],
}


class Listener(CustomLogger):
    """Everything that LiteLLM reports, from whatever thread."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.first = threading.Event()

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self._heard("success", kwargs)

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self._heard("success", kwargs)

    def log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self._heard("failure", kwargs)

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        self._heard("failure", kwargs)

    def _heard(self, kind: str, event: dict[str, Any]) -> None:
        self.events.append((kind, event))
        self.first.set()


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    listener = Listener()
    names = ("callbacks", "input_callback", "success_callback", "failure_callback")
    for name in (*names, "_async_success_callback", "_async_failure_callback", "_async_input_callback"):
        monkeypatch.setattr(litellm, name, [])
    litellm.callbacks = [listener]
    return listener


async def heard(listener: Listener) -> list[tuple[str, dict[str, Any]]]:
    """What was reported, once nothing more comes: LiteLLM reports in the background."""
    await asyncio.to_thread(listener.first.wait, 10)
    await asyncio.sleep(0.2)
    return listener.events


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
async def test_callbacks_hear_of_a_call_once(
    api: MultiModelAPI, provider: Provider, listener: Listener, how: str, stream: bool
) -> None:
    """With the caller's metadata, and with what all of it cost: a model that failed first is part of it."""
    provider.on("openai").fail(Fault.RATE_LIMITED)
    provider.on("anthropic").always(FOUR)
    metadata = {"trace": "t-1", "orchestra": {"tags": {"user": "ann"}}}
    answer = await called(how, {"model": "orchestra/chain", "messages": HELLO, "stream": stream, "metadata": metadata})
    ((kind, event),) = await heard(listener)
    assert kind == "success"
    assert event["litellm_params"]["metadata"]["trace"] == "t-1"
    expected = 1000 * 1e-7 + 100 * 5e-7
    assert event["response_cost"] == pytest.approx(expected)
    assert event["standard_logging_object"]["response_cost"] == pytest.approx(expected)
    if not stream:
        assert answer._hidden_params["response_cost"] == pytest.approx(expected)


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_callbacks_hear_of_a_failure_once(
    api: MultiModelAPI, provider: Provider, listener: Listener, how: str
) -> None:
    """However many models failed."""
    provider.always(Fault.RATE_LIMITED)
    with pytest.raises(litellm.RateLimitError):
        await called(how, {"model": "orchestra/chain", "messages": HELLO, "max_retries": 1})
    assert [kind for kind, _ in await heard(listener)] == ["failure"]


async def test_callbacks_hear_of_a_stream_that_fails_at_once(
    api: MultiModelAPI, provider: Provider, listener: Listener
) -> None:
    """Of our functions, which raise it from the call."""
    provider.always(Fault.RATE_LIMITED)
    with pytest.raises(litellm.RateLimitError):
        await ours.acompletion("orchestra/the-openai", HELLO, stream=True, max_retries=0)
    assert [kind for kind, _ in await heard(listener)] == ["failure"]


@pytest.mark.parametrize(("how", "stream"), WAYS, ids=IDS)
async def test_the_cost_of_a_panel_is_that_of_all_its_members(
    provider: Provider, listener: Listener, how: str, stream: bool
) -> None:
    """Losers included; the answer is one of theirs, in LiteLLM's class, and a stream of it has usage before its end."""
    provider.always(FOUR)
    install(settings(provider, policies={"panel": PANEL}))
    try:
        answer = await called(how, {"model": "orchestra/panel", "messages": HELLO, "stream": stream})
        ((_, event),) = await heard(listener)
        assert len(provider.calls) == 3
        parts = [1000 * 1.5e-7 + 100 * 6e-7, 1000 * 1e-7 + 100 * 5e-7, 1000 * 7.5e-8 + 100 * 3e-7]
        assert event["response_cost"] == pytest.approx(sum(parts))
        text = (
            "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content
        )
        assert text == "four"
    finally:
        uninstall()


async def test_a_budget_holds_under_the_users_own_threads(provider: Provider, tmp_path: Path) -> None:
    """As many calls as there is money for, however many ask at once; what is refused says so."""
    provider.always(Answer("four", input_tokens=10, output_tokens=100))
    budgets = {"cap": {"limit_usd": "0.0003", "per": "total"}}
    api = install(settings(provider, budgets=budgets, ledger={"path": str(tmp_path / "l.db"), "durability": "process"}))

    def ask(_: int) -> str:
        try:
            return litellm.completion("orchestra/the-openai", HELLO, max_tokens=100).choices[0].message.content
        except litellm.BudgetExceededError as error:
            return error.message

    def at_once() -> list[str]:
        with ThreadPoolExecutor(12) as pool:
            return list(pool.map(ask, range(24)))

    try:
        said = await asyncio.to_thread(at_once)
        (standing,) = await api.tree.money.standings()
        assert said.count("four") == len(provider.calls) == 4
        assert sum("budget 'cap' has no room" in one for one in said) == 20
        assert standing.spent <= standing.limit
    finally:
        uninstall()


async def test_the_decision_rides_in_the_hidden_parameters(api: MultiModelAPI, provider: Provider) -> None:
    """And nowhere else: the response is LiteLLM's own, and copies and pickles as that does."""
    answer = await litellm.acompletion(model="orchestra/chain", messages=HELLO)
    record = answer._hidden_params["orchestra"]
    assert [attempt["model"] for attempt in record["attempts"]] == ["openai/gpt-4o-mini"]
    assert type(answer) is litellm.ModelResponse
    assert "orchestra" not in str(answer.model_dump())
    for copied in (copy.deepcopy(answer), pickle.loads(pickle.dumps(answer))):
        assert copied.model_dump() == answer.model_dump()
        assert copied._hidden_params["orchestra"] == record
    headers = answer._hidden_params["additional_headers"]
    assert headers["llm_provider-x-orchestra-model"] == "openai/gpt-4o-mini"
