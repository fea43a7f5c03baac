"""An existing LiteLLM `config.yaml`, read as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra import ConfigError, MultiModelAPI
from orchestra.build import build
from orchestra.settings import parse
from orchestra.settings.file import PolicyFile
from orchestra.testing import Fault, Provider
from orchestra.tree import Tree

CONFIG = """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/eu-deployment
      api_base: BASE/azure/eu
      api_key: os.environ/AZURE_EU_KEY
      api_version: "2026-01-01"
      rpm: 6
    model_info: {id: eu, base_model: azure/gpt-4o, version: 2}
  - model_name: gpt-4o
    litellm_params: {model: gpt-4o, api_key: os.environ/OPENAI_EAST_KEY, api_base: BASE/openai/v1, rpm: 18}
  - model_name: claude
    litellm_params:
      model: bedrock/anthropic.claude-3-haiku-20240307-v1:0
      aws_region_name: os.environ/REGION
      aws_secret_access_key: os.environ/AWS_KEY
      max_parallel_requests: 3
      aws_session_token: canary-literal
  - model_name: own
    litellm_params:
      model: facebook/opt-125m
      custom_llm_provider: openai
      api_base: BASE/openai/v1
      api_key: os.environ/OWN_KEY
      timeout: 20
      temperature: 0.3
      input_cost_per_token: 0.000001
      output_cost_per_token: 0.000002
  - model_name: "groq/*"
    litellm_params: {model: "groq/*", api_key: os.environ/WORK_GROQ_KEY, api_base: BASE/groq/openai/v1}
  - model_name: nested
    litellm_params: {model: orchestra/auto}
litellm_settings:
  drop_params: true
  num_retries: 3
  request_timeout: 60
  success_callback: [langfuse]
  context_window_fallbacks: [{own: [claude]}]
router_settings:
  routing_strategy: latency-based-routing
  fallbacks: [{own: [gpt-4]}, {gpt-4o: [own]}]
  model_group_alias: {gpt-4: gpt-4o}
general_settings: {master_key: sk-secret}
"""

UNREAD = """\
config.yaml:17: model_list[2].litellm_params.max_parallel_requests: is not read
config.yaml:18: model_list[2].litellm_params.aws_session_token: a secret is named as os.environ/NAME; this is left out
config.yaml:31: model_list[5]: is a policy already
config.yaml:37: litellm_settings.success_callback: is not read
config.yaml:38: litellm_settings.context_window_fallbacks: these are asked after any failure, not after this kind alone
config.yaml:40: router_settings.routing_strategy: is not known: deployments are drawn by their shares
config.yaml:43: general_settings: is for LiteLLM's server alone
config.yaml:9: model_list[0].model_info.version: is not read"""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def file(provider: Provider) -> PolicyFile:
    return parse(CONFIG.replace("BASE", provider.url), "config.yaml")


@pytest.fixture
def tree(file: PolicyFile) -> Tree:
    return build(file)


def test_what_is_not_understood_is_listed_with_its_line_and_without_its_value(file: PolicyFile) -> None:
    """Every key of the file is either read or in the list."""
    assert sorted(file.unread) == sorted(UNREAD.splitlines())


def test_deployments_are_models_and_groups_are_policies(tree: Tree) -> None:
    """A group of several, or with fallbacks, is a policy; one alone is a model; an alias is its group."""
    assert list(tree.policies) == ["gpt-4o", "own", "gpt-4", "default"]
    assert list(tree.settings.models) == ["eu", "gpt-4o#2", "claude", "own#1"]
    members = {name: [member.name for member in arm.members] for name, arm in tree.policies.items()}
    assert members["gpt-4o"] == members["gpt-4"] == ["eu", "gpt-4o#2", "own#1"]
    assert members["own"] == ["own#1", "eu", "gpt-4o#2", "claude"]
    assert tree.settings.retries == 3
    assert {model.timeout_s for model in tree.settings.models.values()} == {60, 20}
    assert tree.settings.drop_params


def test_a_deployment_keeps_its_key_address_price_and_parameters(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in its own place: keys are read when they are needed and shown nowhere."""
    monkeypatch.setenv("AZURE_EU_KEY", "canary-eu")
    eu, east, claude, own = (tree.find(name).members[0] for name in ("eu", "gpt-4o#2", "claude", "own#1"))
    assert (eu.model, eu.key(), eu.params) == ("azure/eu-deployment", "canary-eu", {"api_version": "2026-01-01"})
    assert eu.card.input_usd_per_mtok == tree.catalog.find("azure/gpt-4o").input_usd_per_mtok  # type: ignore[union-attr]
    assert (east.model, east.missing_key) == ("openai/gpt-4o", "OPENAI_EAST_KEY")
    assert (claude.key(), claude.needs_key) == (None, False)
    assert (own.model, own.timeout_s, own.params) == ("openai/facebook/opt-125m", 20, {"temperature": 0.3})
    assert (own.card.input_usd_per_mtok, own.card.output_usd_per_mtok) == (1, 2)
    assert "canary" not in repr(tree.file) + repr(eu)


async def test_requests_go_to_the_deployments_by_their_shares_with_their_own_keys(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`rpm` is a share as in LiteLLM; a group falls back on another, and the wildcard's key is for its provider."""
    for name in ("OPENAI_EAST_KEY", "OWN_KEY", "WORK_GROQ_KEY"):
        monkeypatch.setenv(name, f"value-of-{name}")
    (tmp_path / "config.yaml").write_text(CONFIG.replace("BASE", provider.url))
    client = MultiModelAPI(tmp_path / "config.yaml")
    provider.on(model="gpt-4o").fail(Fault.BAD_REQUEST, times=9)
    await client.generate("hi", model="gpt-4", max_retries=0)
    await client.generate("hi", model="groq/any")
    sent = [(call.provider, call.model, call.headers["authorization"]) for call in provider.calls]
    assert sent == [
        ("openai", "gpt-4o", "Bearer value-of-OPENAI_EAST_KEY"),
        ("openai", "facebook/opt-125m", "Bearer value-of-OWN_KEY"),
        ("groq", "any", "Bearer value-of-WORK_GROQ_KEY"),
    ]
    assert provider.calls[1].body["temperature"] == 0.3


async def test_configured_parameters_are_read_from_the_environment_and_a_callers_are_not(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A caller who could name a variable could have it sent anywhere."""
    monkeypatch.setenv("TENANT", "red")
    params = f"{{model: openai/m, api_base: {provider.api_base('openai')}, api_key: k, stop: os.environ/TENANT}}"
    (tmp_path / "config.yaml").write_text(f"model_list:\n- {{model_name: m, litellm_params: {params}}}\n")
    client = MultiModelAPI(tmp_path / "config.yaml")
    await client.generate("hi", model="m")
    await client.generate("hi", model="m", stop="os.environ/TENANT")
    assert [call.body["stop"] for call in provider.calls[-2:]] == ["red", "os.environ/TENANT"]


def test_orders_wildcards_and_fallbacks_for_all_mean_what_they_mean_to_litellm() -> None:
    """The lowest `order` first, `*` for every group, the cheapest by the router's strategy."""
    settings = parse(
        """
model_list:
  - {model_name: a, litellm_params: {model: openai/gpt-4o, order: 2}}
  - {model_name: a, litellm_params: {model: openai/gpt-4o-mini, order: 1}}
  - {model_name: a, litellm_params: {model: groq/openai/gpt-oss-20b, order: 1}}
  - {model_name: b, litellm_params: {model: mistral/mistral-small-latest, weight: 1}}
  - {model_name: b, litellm_params: {model: mistral/mistral-large-latest, weight: 2}}
router_settings: {default_fallbacks: [b], routing_strategy: simple-shuffle}
"""
    ).settings
    assert settings.policies["a"].model_dump(exclude_defaults=True) == {
        "models": (
            {
                "models": (
                    {"models": ({"name": "a#2"}, {"name": "a#3"})},
                    {"name": "a#1"},
                )
            },
            {"models": ({"name": "b#1"}, {"name": "b#2"}), "weights": (1, 2)},
        )
    }


def test_keys_of_our_own_stand_beside_litellms() -> None:
    """The file may say the rest in Orchestra's words, which count first."""
    settings = parse(
        "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o}}]\n"
        "policies: {default: m}\nbudgets: {daily: {limit_usd: 5}}\nmax_retries: 1\nlitellm_settings: {num_retries: 4}\n"
    ).settings
    assert (settings.policies["default"].name, settings.max_retries) == ("m", 1)  # type: ignore[union-attr]
    assert settings.budgets["daily"].limit_usd == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model_list: {a: b}", r"c:1: model_list: this is no list"),
        ("model_list:\n- model_name: m", r"c:2: model_list\[0\]: a deployment needs its 'model'"),
        ("model_list:\n- {litellm_params: {model: m}}", r"c:2: model_list\[0\]: a deployment needs its 'model_name'"),
        ("model_list: []\nrouter_settings: [1]", r"c:2: router_settings: this is no mapping"),
        ("model_list:\n- {model_name: m, litellm_params: {model: no/such}}", r"c:2: models.m: LiteLLM knows no model"),
        (
            "model_list:\n- {model_name: m, litellm_params: {model: openai/gpt-4o}}\nrouter_settings:\n"
            "  fallbacks: [{m: [nobody-at-all]}]",
            r"c:2: policies.m.models\[1\]: no model or policy is called 'nobody-at-all'",
        ),
    ],
    ids=["list", "params", "name", "section", "model", "fallback"],
)
def test_a_broken_config_is_refused_in_one_line(text: str, said: str) -> None:
    """With its place in the file."""
    with pytest.raises(ConfigError, match=said):
        build(parse(text, "c"))
