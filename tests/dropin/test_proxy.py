"""The handler that the `config.yaml` of a LiteLLM proxy names; `clients/` starts a proxy with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import litellm
import pytest

import orchestra.proxy
from orchestra import install, uninstall
from orchestra.testing import Provider


@pytest.fixture(autouse=True)
def here(provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    base = provider.api_base("openai")
    text = f'providers: {{openai: {{base_url: "{base}", api_key: k}}}}\npolicies: {{default: openai/gpt-4o}}\n'
    (tmp_path / "policy.yaml").write_text(text)
    monkeypatch.setenv("ORCHESTRA_CONFIG", str(tmp_path / "policy.yaml"))
    yield
    uninstall()


def test_naming_the_handler_installs_it_and_it_answers_by_whatever_map_it_is_in(provider: Provider) -> None:
    """The proxy puts a map of its own in the place of ours; models are known and priced all the same."""
    handler = orchestra.proxy.handler
    litellm.custom_provider_map = [{"provider": "orchestra", "custom_handler": handler}]
    assert litellm.get_model_info("orchestra/auto")["input_cost_per_token"] > 0
    answer = litellm.completion(model="orchestra/auto", messages=[{"role": "user", "content": "hello"}])
    assert answer.choices[0].message.content == "echo: hello"


def test_it_is_the_one_that_is_installed() -> None:
    """Whichever came first: one client, one set of books."""
    api = install()
    assert orchestra.proxy.handler is orchestra.proxy.handler
    assert orchestra.proxy.handler.api is api
    with pytest.raises(AttributeError, match="has no attribute 'other'"):
        _ = orchestra.proxy.other
