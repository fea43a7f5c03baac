"""A stock `litellm.Router` whose members are policies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm
import openai
import pytest

from orchestra.dropin import install, uninstall
from orchestra.testing import Fault, Provider

from .observing import WAYS

POLICY = """\
providers: {openai: {base_url: "BASE", api_key: k}}
policies:
  default: {kind: fallback, models: [openai/gpt-4o, openai/gpt-4o-mini]}
"""
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def router(provider: Provider, tmp_path: Path) -> Iterator[litellm.Router]:
    """A Router as its documentation makes one, its cool-downs on; a group of several is what they are quickest with."""
    provider.reset()
    (tmp_path / "policy.yaml").write_text(POLICY.replace("BASE", provider.api_base("openai")))
    install(tmp_path / "policy.yaml")
    models = ("orchestra/auto", "orchestra/default")
    members = [{"model_name": "smart", "litellm_params": {"model": model}} for model in models]
    yield litellm.Router(model_list=members, num_retries=0)
    uninstall()


async def asked(router: litellm.Router, how: str, stream: bool, **options: Any) -> str:
    """The text that the Router gives."""
    if how == "sync":
        answer = router.completion(model="smart", messages=HELLO, stream=stream, **options)
        parts = list(answer) if stream else answer
    else:
        answer = await router.acompletion(model="smart", messages=HELLO, stream=stream, **options)
        parts = [part async for part in answer] if stream else answer
    if stream:
        return "".join(part.choices[0].delta.content or "" for part in parts)
    return str(parts.choices[0].message.content)


@pytest.mark.parametrize(("how", "stream"), WAYS)
async def test_a_policy_is_a_member_like_any_other(
    how: str, stream: bool, router: litellm.Router, provider: Provider
) -> None:
    """Sync, async and streamed; parameters reach the model that the policy chose."""
    assert await asked(router, how, stream, temperature=0.5) == "echo: hello"
    assert [(call.model, call.body["temperature"]) for call in provider.calls] == [("gpt-4o", 0.5)]


@pytest.mark.parametrize(("how", "stream"), WAYS)
async def test_a_failing_member_does_not_cool_down_the_alias(
    how: str, stream: bool, router: litellm.Router, provider: Provider
) -> None:
    """The policy falls back each time, and the Router never hears of it."""
    provider.on(model="gpt-4o").always(Fault.RATE_LIMITED)
    for _ in range(3):
        assert await asked(router, how, stream) == "echo: hello"
    assert [call.model for call in provider.calls if call.status == 200] == ["gpt-4o-mini"] * 3


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.UNAUTHORIZED, Fault.SERVER_ERROR])
@pytest.mark.parametrize(("how", "stream"), WAYS)
async def test_even_when_all_of_its_members_fail_the_alias_stays(
    how: str, stream: bool, fault: Fault, router: litellm.Router, provider: Provider
) -> None:
    """Which model is to be left alone is the policy's to know; the next call is made, and may be answered."""
    provider.always(fault)
    for _ in range(3):
        with pytest.raises(openai.APIStatusError, match="OpenAIException"):
            await asked(router, how, stream)
    provider.always("well again")
    assert await asked(router, how, stream) == "well again"


async def test_a_router_falls_back_on_a_policy_and_from_one(router: litellm.Router, provider: Provider) -> None:
    """The Router's own fallbacks keep their meaning."""
    base = provider.api_base("openai")
    plain = {"model": "openai/gpt-4.1", "api_base": base, "api_key": "k"}
    members = [*router.model_list, {"model_name": "plain", "litellm_params": plain}]
    both = litellm.Router(model_list=members, fallbacks=[{"plain": ["smart"]}, {"smart": ["plain"]}], num_retries=0)
    provider.on(model="gpt-4.1").fail(Fault.SERVER_ERROR)
    answer = await both.acompletion(model="plain", messages=HELLO, max_retries=0)
    assert (answer.model, provider.calls[-1].model) == ("gpt-4o", "gpt-4o")
    provider.reset()
    provider.on(model="gpt-4o").always(Fault.SERVER_ERROR)
    provider.on(model="gpt-4o-mini").always(Fault.SERVER_ERROR)
    await both.acompletion(model="smart", messages=HELLO)
    assert provider.calls[-1].model == "gpt-4.1"
