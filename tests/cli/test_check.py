"""`orchestra check`: mistakes, warnings, and a summary."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[2] / "config"


def test_every_mistake_has_its_line_and_a_suggestion(run, tmp_path: Path) -> None:
    """All mistakes of a file are told at once, each as `file:line: path: what; suggestion`."""
    path = tmp_path / "policy.yaml"
    path.write_text("max_retrys: 3\npolicies:\n  default:\n    kind: rute\n    otherwise: gpt-4o\n")
    said = run("check", str(path))
    assert said.code == 1
    assert said.out.splitlines() == [
        f"{path}:3: policies.default: no kind of node is called 'rute'; did you mean 'route'?",
        f"{path}:1: max_retrys: no such key 'max_retrys'; did you mean 'max_retries'?",
    ]


def test_names_are_checked_too(run, tmp_path: Path) -> None:
    """A model that nobody knows is a mistake of the file, with the closest name there is."""
    path = tmp_path / "policy.yaml"
    path.write_text("policies:\n  default: {kind: route, otherwise: gpt-4o-mni}\n")
    said = run("check", str(path))
    problem = f"{path}:2: policies.default.otherwise: no model or policy is called 'gpt-4o-mni'"
    assert (said.code, said.out) == (1, f"{problem}; did you mean 'gpt-4o-mini'?\n")
    assert run("check", str(path), "--json").json["problems"] == [said.out.strip()]


@pytest.mark.parametrize("text", ["a: b: c\n", "- 1\n", "providers: {x: 1, x: 2}\n", "\x00"], ids=repr)
def test_what_is_no_yaml_is_said_so(run, tmp_path: Path, text: str) -> None:
    """A file that can't be read as YAML is a mistake with a place, not a traceback."""
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    said = run("check", str(path))
    assert said.code == 1
    assert said.out.startswith(str(path))
    assert "Traceback" not in said.out + said.err


@pytest.mark.parametrize("name", ["classic.yaml", "default.yaml"])
def test_the_shipped_files_have_no_mistakes(run, name: str) -> None:
    """What ships is sound, and is summed up in a table."""
    said = run("check", str(CONFIG / name))
    assert said.code == 0
    first, header, row, *_ = said.out.splitlines()
    assert first == f"{CONFIG / name}: no mistakes"
    assert header.split() == ["policy", "kind", "ready", "models"]
    assert row.startswith("default  task_based")


def test_without_a_file_the_one_that_counts_is_checked(run, tmp_path: Path) -> None:
    """`./orchestra.yaml` is found as every other command finds it."""
    (tmp_path / "orchestra.yaml").write_text("default_model: groq\n")
    assert run("check").out.startswith("orchestra.yaml: no mistakes")
    assert run("check", "missing.yaml").code == 1


def test_what_is_worth_mending_is_a_warning(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the file, a retired model, a missing key and an unknown price are told, and do not fail the check."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk_test")
    path = tmp_path / "policy.yaml"
    path.write_text(
        "providers:\n"
        "  openai: {api_key: sk-secret}\n"
        "policies:\n"
        "  default:\n"
        "    kind: fallback\n"
        "    models: [openai, gpt-4, mistral, groq/unheard-of]\n"
    )
    said = run("check", str(path))
    assert said.code == 0
    assert said.err.splitlines() == [
        f"warning: {path}:2: providers.openai.api_key: the key itself is in the file; "
        "`orchestra settings set providers.openai.api_key` keeps it elsewhere",
        f"warning: {path}:6: policies.default.models[1]: 'gpt-4' was retired by its provider on 2026-10-23; "
        "its successor is 'gpt-5.5'",
        f"warning: {path}:6: policies.default.models[3]: nobody knows the price of 'groq/unheard-of': its cost will "
        "not be counted; give it 'input_usd_per_mtok' and 'output_usd_per_mtok' under 'models:'",
        f"warning: {path}: MISTRAL_API_KEY is not set: mistral will be passed over",
    ]
    assert "sk-secret" not in said.out + said.err
    found = run("check", str(path), "--json").json
    assert (found["ok"], len(found["warnings"]), found["policies"][0]["ready"]) == (True, 4, 3)


def test_what_it_does_not_understand_of_a_litellm_config_is_listed(run, tmp_path: Path) -> None:
    """Each key with its line, and no value, which may be a key."""
    (tmp_path / "config.yaml").write_text("""\
model_list:
  - {model_name: fast, litellm_params: {model: groq/openai/gpt-oss-20b, api_key: os.environ/GROQ_API_KEY, rpm: 9}}
general_settings: {master_key: sk-secret}
""")
    said = run("check", "config.yaml", "--json").json
    assert said["ok"]
    assert said["warnings"][:2] == [
        "config.yaml:3: general_settings: is for LiteLLM's server alone",
        "config.yaml:2: model_list[0].litellm_params.rpm: there is one deployment: nothing to share",
    ]
    assert said["policies"][0]["models"] == ["fast"]


@pytest.mark.parametrize(
    "node",
    [
        "{kind: rank, models: [groq, openai], judge: deepseek}",
        "{kind: rank, judge: deepseek}",
        "{kind: verify, generator: groq, validator: deepseek}",
        "{kind: verify, generator: groq, otherwise: deepseek}",
        "{kind: fuse, models: [groq, openai], aggregator: deepseek}",
        "{kind: fuse, models: [groq, openai], arbiter: deepseek}",
        "{kind: cascade, models: [groq, openai], accept: judge, judge: deepseek}",
        "{kind: route, otherwise: groq, classifier: {model: deepseek}}",
        "{kind: retry, model: inner}",
    ],
)
def test_every_model_that_a_policy_can_ask_is_counted(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    """Judges, validators and arbiters too, also those of a policy inside it; without a key there is a warning."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk_test")
    monkeypatch.delenv("DEEPSEEK_API_KEY", raising=False)
    path = tmp_path / "policy.yaml"
    inner = "{kind: rank, models: [groq, openai], judge: deepseek}"
    path.write_text(f"policies:\n  default: {node}\n  inner: {inner if 'inner' in node else 'groq'}\n")
    assert "DEEPSEEK_API_KEY is not set: deepseek will be passed over" in run("check", str(path)).err
    found = run("check", str(path), "--json").json["policies"][0]
    assert "deepseek" in found["models"]


def test_a_misspelt_judge_is_a_mistake_without_members_too(run, tmp_path: Path) -> None:
    """The panel is picked for each request; who judges it is named before."""
    path = tmp_path / "policy.yaml"
    path.write_text("policies: {default: {kind: rank, judge: deepsek}}\n")
    said = run("check", str(path))
    assert (said.code, "policies.default.judge: no model or policy is called 'deepsek'" in said.out) == (1, True)
