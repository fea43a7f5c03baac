"""Orchestra in LiteLLM's tables: at once, once, and gone without a trace."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import litellm
import pytest

from orchestra import ConfigError, MultiModelAPI, ProviderConfig, install, uninstall
from orchestra.testing import Provider

from .conftest import HELLO, settings

TABLES = ("provider_list", "_custom_providers", "custom_provider_map")


class Other(litellm.CustomLLM):
    """Somebody else's provider."""

    def completion(self, *args: Any, **given: Any) -> Any:
        return litellm.ModelResponse(choices=[{"message": {"role": "assistant", "content": "from the other"}}])


def test_it_is_there_at_once(api: MultiModelAPI) -> None:
    """In LiteLLM's list of providers before the first call."""
    assert "orchestra" in litellm.provider_list
    assert litellm.get_llm_provider("orchestra/auto")[:2] == ("auto", "orchestra")


def test_installing_again_changes_nothing(api: MultiModelAPI, provider: Provider) -> None:
    """From any thread; another configuration takes the place of the first."""
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: install(), range(32)))
    assert {id(client) for client in clients} == {id(api)}
    assert [item["provider"] for item in litellm.custom_provider_map] == ["orchestra"]
    assert litellm.provider_list.count("orchestra") == 1
    assert install(settings(provider, policies={"other": "openai/gpt-4o"})) is not api
    assert "orchestra/other" in litellm.model_cost
    assert "orchestra/the-openai" not in litellm.model_cost
    assert [item["provider"] for item in litellm.custom_provider_map] == ["orchestra"]


def test_what_was_overwritten_is_there_again(api: MultiModelAPI) -> None:
    """Clients set LiteLLM's map of providers to one of their own."""
    litellm.custom_provider_map = [{"provider": "other", "custom_handler": Other()}]
    install()
    assert {item["provider"] for item in litellm.custom_provider_map} == {"other", "orchestra"}


def test_it_is_gone_without_a_trace(provider: Provider) -> None:
    """And LiteLLM's namespace is as it was while it is installed, too: no name is new, no function is another."""
    litellm.custom_provider_map = [{"provider": "other", "custom_handler": Other()}]
    litellm.completion(model="other/x", messages=HELLO)
    names, functions = set(vars(litellm)), {name: vars(litellm.main).get(name) for name in dir(litellm.main)}
    before = {name: list(getattr(litellm, name)) for name in TABLES}
    rows, callbacks = dict(litellm.model_cost), list(litellm.callbacks)
    completion = litellm.completion
    install(settings(provider))
    assert set(vars(litellm)) == names
    assert litellm.completion is completion
    assert litellm.callbacks == callbacks
    assert litellm.completion(model="other/x", messages=HELLO).choices[0].message.content == "from the other"
    uninstall()
    assert {name: list(getattr(litellm, name)) for name in TABLES} == before
    assert litellm.model_cost == rows
    assert {name: vars(litellm.main).get(name) for name in functions} == functions
    with pytest.raises(litellm.BadRequestError):
        litellm.completion(model="orchestra/auto", messages=HELLO)
    litellm.custom_provider_map = []


def test_a_wrong_file_is_told_before_anything_is_installed(tmp_path: Path) -> None:
    """And leaves LiteLLM as it was."""
    (tmp_path / "orchestra.yaml").write_text("version: 1\npolicies: {a: no-such-model}\n")
    with pytest.raises(ConfigError, match="no-such-model"):
        install(tmp_path / "orchestra.yaml")
    assert "orchestra" not in litellm.provider_list


@pytest.mark.parametrize("first", ["import litellm", "import orchestra"])
def test_before_or_after_litellm_is_imported(first: str) -> None:
    """And where `completion` was imported before."""
    code = f"""
{first}
from litellm import completion
import orchestra
orchestra.install(orchestra.APISettings(policies={{"x": "openai/gpt-4o-mini"}}, router=None))
print(completion("orchestra/x", [{{"role": "user", "content": "hi"}}], mock_response="here").choices[0].message.content)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.split()[-1:] == ["here"], run.stderr


def test_every_alias_has_a_row(api: MultiModelAPI) -> None:
    """Model info, capabilities and a price above zero, also of what is free."""
    for name in ("auto", "the-openai", "the-ollama", "chain"):
        model = f"orchestra/{name}"
        info = litellm.get_model_info(model)
        assert info["litellm_provider"] == "orchestra"
        assert info["input_cost_per_token"] > 0
        assert info["output_cost_per_token"] > 0
        assert litellm.validate_environment(model)["missing_keys"] == []
        assert litellm.token_counter(model, text="two and two") == 3
    assert litellm.get_max_tokens("orchestra/the-openai") == 16384
    answer = litellm.completion("orchestra/the-openai", HELLO)
    assert litellm.completion_cost(answer) == answer._hidden_params["response_cost"]


ABLE: list[tuple[Callable[[str], bool], str, str]] = [
    (litellm.supports_function_calling, "the-openai", "the-perplexity"),
    (litellm.supports_vision, "the-openai", "the-groq"),
    (lambda model: litellm.supports_response_schema(model, "orchestra"), "the-openai", "the-cohere"),
    (litellm.supports_reasoning, "reasoner", "the-openai"),
]


@pytest.mark.parametrize(("supports", "can", "cannot"), ABLE, ids=["tools", "vision", "schema", "reasoning"])
def test_an_alias_can_what_one_of_its_members_can(
    provider: Provider, supports: Callable[[str], bool], can: str, cannot: str
) -> None:
    """Of those that can be reached: one without a key does not count."""
    both = {
        "kind": "fallback",
        "models": [settings(provider).policies[cannot].name, settings(provider).policies[can].name],
    }
    install(settings(provider, policies={"can": both["models"][1], "cannot": both["models"][0], "both": both}))
    assert supports("orchestra/can")
    assert not supports("orchestra/cannot")
    assert supports("orchestra/both")
    keyed = {both["models"][0].partition("/")[0].replace("gemini", "google"): ProviderConfig(api_key="sk")}
    install(settings(provider, policies={"both": both}, providers=keyed))
    reachable = both["models"][0].partition("/")[0] == both["models"][1].partition("/")[0]
    assert supports("orchestra/both") is reachable
    uninstall()
