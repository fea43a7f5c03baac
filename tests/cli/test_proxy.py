"""`orchestra proxy`: the configuration that it writes; `tests/dropin/clients/` starts it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from .conftest import Run

LITELLM = """\
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: os.environ/ONE}}
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: os.environ/TWO}}
  - {model_name: "groq/*", litellm_params: {model: "groq/*"}}
litellm_settings:
  callbacks: [mine.logger]
  num_retries: 2
  custom_provider_map: [{provider: mine, custom_handler: mine.handler}]
router_settings: {routing_strategy: simple-shuffle, redis_host: cache}
general_settings: {master_key: os.environ/MINE, database_url: os.environ/DATABASE}
guardrails: [{guardrail_name: pii}]
"""


def test_every_policy_and_model_is_served_under_both_of_its_names(run: Run, policy: Path, tmp_path: Path) -> None:
    """Without retries and cool-downs of LiteLLM's; the server finds the policy file by itself."""
    said = run("proxy", "--config", str(policy), "--write", "proxy.yaml", "--json").json
    made = yaml.safe_load((tmp_path / "proxy.yaml").read_text())
    assert said["models"] == ["auto", "default", "careful"]
    assert {row["model_name"]: row["litellm_params"]["model"] for row in made["model_list"]} == {
        shown: f"orchestra/{name}" for name in said["models"] for shown in (name, f"orchestra/{name}")
    }
    handler = {"provider": "orchestra", "custom_handler": "orchestra.proxy.handler"}
    assert made["litellm_settings"] == {"custom_provider_map": [handler], "num_retries": 0}
    assert made["router_settings"] == {"disable_cooldowns": True, "num_retries": 0}
    assert made["environment_variables"] == {"ORCHESTRA_CONFIG": str(policy)}
    assert "gsk_test" not in (tmp_path / "proxy.yaml").read_text()


def test_of_a_litellm_config_the_servers_own_settings_stay(run: Run, tmp_path: Path) -> None:
    """Groups keep their names, their deployments stay hidden, and a wildcard reaches every model of its provider."""
    (tmp_path / "config.yaml").write_text(LITELLM)
    run("proxy", "--config", "config.yaml", "--write", "proxy.yaml")
    made = yaml.safe_load((tmp_path / "proxy.yaml").read_text())
    shown = {row["model_name"] for row in made["model_list"]}
    assert shown == {"auto", "default", "gpt", "groq/*", "orchestra/auto", "orchestra/default", "orchestra/gpt"}
    assert made["litellm_settings"]["callbacks"] == ["mine.logger"]
    assert [entry["provider"] for entry in made["litellm_settings"]["custom_provider_map"]] == ["mine", "orchestra"]
    assert made["litellm_settings"]["num_retries"] == 0
    assert made["router_settings"] == {"redis_host": "cache", "disable_cooldowns": True, "num_retries": 0}
    assert made["general_settings"]["master_key"] == "os.environ/MINE"
    assert made["guardrails"] == [{"guardrail_name": "pii"}]


def test_others_are_served_only_with_a_key(run: Run, policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open proxy on a network would be an open purse."""
    said = run("proxy", "--config", str(policy), "--host", "0.0.0.0")
    assert said.code == 1
    assert "on 0.0.0.0 anyone could spend your money: set LITELLM_MASTER_KEY" in said.err
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-secret")
    run("proxy", "--config", str(policy), "--write", "proxy.yaml")
    made = yaml.safe_load(Path("proxy.yaml").read_text())
    assert made["general_settings"]["master_key"] == "os.environ/LITELLM_MASTER_KEY"


def test_without_the_extra_it_says_what_to_install(run: Run, policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started."""
    monkeypatch.setattr("orchestra.cli.proxy.find_spec", lambda name: None)
    said = run("proxy", "--config", str(policy))
    assert (said.code, "pip install 'orchestra[proxy]'" in said.err) == (1, True)


def test_no_file_is_written_over_unasked(run: Run, policy: Path, tmp_path: Path) -> None:
    """One that is there needs --force; the policy file itself is safe from that too, whatever it is called."""
    before = policy.read_text()
    (tmp_path / "link.yaml").symlink_to(policy)
    for same in ("policy.yaml", "link.yaml"):
        said = run("proxy", "--config", str(policy), "--write", same, "--force")
        assert (said.code, said.err) == (1, f"error: {same} is the policy file itself; --write another\n")
    assert policy.read_text() == before
    other = tmp_path / "other.yaml"
    other.write_text("mine")
    said = run("proxy", "--config", str(policy), "--write", "other.yaml")
    assert (said.code, said.err) == (1, "error: other.yaml is there already; --force writes over it\n")
    assert other.read_text() == "mine"
    assert run("proxy", "--config", str(policy), "--write", "other.yaml", "--force").code == 0
    assert "model_list" in other.read_text()
