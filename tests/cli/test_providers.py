"""`orchestra providers`: who is set up, and who answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.testing.provider import Answer, Fault, Provider


def by_name(found: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    return {str(state["entry"]): state for state in found}


def test_each_provider_has_its_variable_and_its_default_model(run, policy: Path) -> None:
    """A key that is there shows masked, one that is not by the variable to set."""
    found = by_name(run("providers", "-c", str(policy), "--json").json)
    assert found["openai"]["ready"]
    assert (found["openai"]["key_variable"], found["openai"]["default_model"]) == ("OPENAI_API_KEY", "gpt-6.1-sol")
    assert str(found["openai"]["key"]).startswith("sk-‒‒")
    assert (found["anthropic"]["ready"], found["anthropic"]["lacks"]) == (False, "no key")
    assert found["mistral"]["lacks"] == "switched off"
    assert found["ollama"]["lacks"] == "no base_url"
    table = run("providers", "-c", str(policy)).out
    assert "test-openai" not in table
    assert "together/deepseek-ai/DeepSeek-V4.1-Flash" in table


def test_a_test_asks_each_configured_provider_for_a_few_tokens(run, upstream: Provider, policy: Path) -> None:
    """All of them are asked, each once, and none that is switched off or has no key."""
    before = len(upstream.calls)
    said = run("providers", "openai", "groq", "mistral", "anthropic", "--test", "--json", "-c", str(policy))
    assert said.code == 0
    calls = upstream.calls[before:]
    assert sorted(call.provider for call in calls) == ["groq", "openai"]
    for call in calls:
        asked = call.body.get("max_tokens") or call.body.get("max_completion_tokens")
        assert asked <= 16
    found = by_name(said.json)
    assert found["openai"]["test"]["ok"]  # type: ignore[index]
    assert found["groq"]["test"]["latency_ms"] > 0  # type: ignore[index]
    assert "test" not in found["mistral"]


def test_an_empty_answer_that_was_cut_passes(run, upstream: Provider, policy: Path) -> None:
    """A model that thinks away its few tokens is alive all the same."""
    upstream.on("groq").reply(Answer("", finish_reason="length", output_tokens=16))
    said = run("providers", "groq", "--test", "-c", str(policy))
    assert said.code == 0
    assert "answered in" in said.out


def test_a_provider_that_fails_is_told_in_plain_words(run, upstream: Provider, policy: Path) -> None:
    """The exit code is 1, the others are still tested, and nothing is tried twice."""
    before = len(upstream.calls)
    upstream.on("groq").fail(Fault.UNAUTHORIZED)
    said = run("providers", "openai", "groq", "--test", "-c", str(policy))
    assert said.code == 1
    openai, groq = said.out.splitlines()[1:]
    assert "answered in" in openai
    assert "groq: the key is not accepted (401)" in groq
    assert "Traceback" not in said.out + said.err
    assert len(upstream.calls) - before == 2


def test_own_servers_and_second_entries_are_listed_under_their_own_names(run, tmp_path: Path) -> None:
    """What the settings add to a provider, or beside it, has a line of its own."""
    (tmp_path / "orchestra.yaml").write_text(
        "providers:\n"
        "  house: {provider: vllm, base_url: 'http://127.0.0.1:9', models: {default: served}}\n"
        "  openai_eu: {provider: openai, api_key: os.environ/EU_KEY}\n"
    )
    found = by_name(run("providers", "--json").json)
    assert (found["house"]["ready"], found["house"]["default_model"]) == (True, "hosted_vllm/served")
    assert (found["openai_eu"]["key_variable"], found["openai_eu"]["ready"]) == ("EU_KEY", False)
    assert "openai" not in found


@pytest.mark.parametrize("arguments", [("anthropic", "--test"), ("nobody",)])
def test_nothing_to_test_or_to_list_is_an_error(run, policy: Path, arguments: tuple[str, ...]) -> None:
    """A test of nothing is no success."""
    said = run("providers", *arguments, "-c", str(policy))
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: no provider is")
