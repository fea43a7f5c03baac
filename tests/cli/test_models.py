"""`orchestra models`: the catalogue as a table."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_the_table_has_a_line_for_each_model(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, provider, window, prices, key, successor, abilities and roles stand in one line, in a pipe too."""
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    lines = run("models").out.splitlines()
    header = "model provider context $/M in $/M out key retired abilities roles"
    assert " ".join(lines[0].split()) == header
    assert len(lines) > 50
    retired = next(line for line in lines if line.startswith("gpt-4 "))
    assert retired.split()[:6] == ["gpt-4", "openai", "8.19k", "30.00", "60.00", "yes"]
    assert "2026-10-23 → gpt-5.5" in retired
    assert next(line for line in lines if line.startswith("claude-sonnet-4-5")).split()[5] == "no"


def test_text_finds_a_model_under_all_its_names(run) -> None:
    """What is searched for may be a part of a name, a role, or an old alias."""
    names = [model["name"] for model in run("models", "sonnet", "--json").json]
    assert "claude-sonnet-5-5" in names
    assert all("sonnet" in name for name in names)
    (old,) = run("models", "claude-3.5", "--json").json
    assert (old["retired"], old["litellm"]) == (True, "anthropic/claude-3-5-sonnet-20240620")
    assert "groq:fast" in run("models", "groq:fast", "--json").json[0]["roles"]


def test_filters_narrow_the_list(run) -> None:
    """By provider, in any of its spellings, and by abilities, all of which must be there."""
    found = run("models", "--provider", "gemini", "--ability", "vision", "--ability", "tools", "--json").json
    assert found
    assert {model["provider"] for model in found} == {"google"}
    assert all({"vision", "tools"} <= set(model["abilities"]) for model in found)


@pytest.mark.parametrize("arguments", [("--provider", "opnai"), ("--ability", "seeing")])
def test_a_filter_that_does_not_exist_is_a_usage_error(run, arguments: tuple[str, str]) -> None:
    """The names that there are come with the error."""
    said = run("models", *arguments)
    assert (said.code, said.out) == (2, "")
    assert "there are:" in said.err


def test_all_has_litellms_whole_map(run) -> None:
    """`--all` adds what only LiteLLM's map knows; no id comes twice."""
    found = [model["litellm"] for model in run("models", "--all", "--json").json]
    assert len(found) > 2000
    assert len(found) == len(set(found))


def test_models_of_the_settings_come_first(run, tmp_path: Path) -> None:
    """A model of the user's own is listed under its own name and price."""
    (tmp_path / "orchestra.yaml").write_text(
        "models: {house: {litellm: groq/llama-x, input_usd_per_mtok: 0.125, output_usd_per_mtok: 1}}\n"
    )
    found = run("models", "--json").json[0]
    assert (found["name"], found["litellm"], found["input_usd_per_mtok"]) == ("house", "groq/llama-x", "0.125")


def test_a_text_that_is_in_no_name_is_said_so(run) -> None:
    """Instead of a table without lines; an empty list as JSON."""
    said = run("models", "nosuch")
    assert (said.code, said.out) == (1, "")
    assert said.err == "error: no model has 'nosuch' in its name; --all lists every one of LiteLLM\n"
    assert (
        "no model among those asked for has 'sonnet' in its name" in run("models", "sonnet", "--provider", "groq").err
    )
    assert run("models", "nosuch", "--json").json == []
