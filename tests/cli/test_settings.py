"""`orchestra settings`: shown, set and reset."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestra.settings import read

FILE = """\
# ours
default_model: groq  # the fast one
deadline_s: 60
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orchestra.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where typed keys are kept; what is loaded from there leaves the environment with the test."""
    monkeypatch.setenv("ORCHESTRA_HOME", str(tmp_path / "home"))
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path / "home" / "keys.env"


def test_the_screen_is_the_specs(run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers with masked keys and default models, smart routing, ensemble, cost control, as the spec draws them."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789")
    monkeypatch.setenv("GROQ_API_KEY", "gsk_0123456789")
    file.write_text(
        "default_model: gpt-4o-mini\n"
        "router: {strategy: task_based, fallback_order: [claude-3-5-sonnet, gpt-4o-mini]}\n"
        "ensemble: {strategy: vote, models: [gpt-4o-mini, gemini-flash]}\n"
        "daily_budget_usd: 20\n"
    )
    said = run("settings", "show")
    assert said.code == 0
    lines = [line.strip("│ ").rstrip() for line in said.out.splitlines()]
    for line in (
        "Model Providers:",
        "☑ OpenAI",
        "API Key: sk-proj-‒‒‒‒‒‒‒‒‒‒‒‒‒‒‒‒",
        "Default: gpt-6.1-sol",
        "☑ Groq",
        "API Key: gsk_‒‒‒‒‒‒‒‒‒‒‒‒‒‒‒‒",
        "☐ Mistral AI   no key: MISTRAL_API_KEY",
        "Smart Routing:",
        "☑ Enabled",
        "Strategy: Task-Based",
        "Fallback: claude-3-5-sonnet → gpt-4o-mini",
        "Model Ensemble:",
        "☐ Enabled (increases cost)",
        "Strategy: Voting",
        "Models:   gpt-4o-mini, gemini-flash",
        "Cost Control:",
        "Daily Budget:  $20.00",
        "Alert at:      80% of budget",
    ):
        assert line in lines
    assert "0123456789" not in said.out
    data = run("settings", "show", "--json")
    assert "0123456789" not in data.out
    assert data.json["routing"]["fallback"] == ["claude-3-5-sonnet", "gpt-4o-mini"]


def test_a_literal_key_is_not_shown_either(run, file: Path) -> None:
    """A key written into the file is masked like any other."""
    file.write_text("providers: {openai: {api_key: sk-ant-written-down}}\n")
    for arguments in (("show",), ("show", "--json")):
        assert "written" not in run("settings", *arguments).out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (True, "task_based", "openai:fast")),
        ("default_model: groq\n", (False, "name", "groq")),
        ("policies: {default: {kind: fallback, models: [groq, openai]}}\n", (False, "fallback", "groq")),
        ("router: {strategy: cost_optimized}\n", (True, "cost_optimized", None)),
    ],
    ids=["shipped", "default_model", "fallback", "router"],
)
def test_every_form_of_the_default_policy_can_be_shown(
    run, file: Path, text: str, expected: tuple[bool, str, str | None]
) -> None:
    """Flat fields, a policy, or nothing at all: the screen says what decides."""
    file.write_text(text)
    routing = run("settings", "show", "--json").json["routing"]
    assert (routing["enabled"], routing["strategy"], routing["default_model"]) == expected
    assert run("settings", "show").code == 0


def test_setting_a_value_keeps_the_comments(run, file: Path) -> None:
    """One line changes and every other stays as it was written."""
    assert run("settings", "set", "default_model", "mistral").code == 0
    assert run("settings", "set", "deadline_s", "null").code == 0
    assert file.read_text() == FILE.replace("groq ", "mistral").replace("60", "null")


def test_without_a_file_one_is_begun_that_decides_as_before(run, tmp_path: Path) -> None:
    """The first change writes `./orchestra.yaml`, in which the shipped default goes on counting."""
    before = run("explain", "hi", "--task", "code", "--json").json
    said = run("settings", "set", "deadline_s", "30")
    assert (said.code, said.out) == (0, "orchestra.yaml: deadline_s is set\n")
    settings = read(tmp_path / "orchestra.yaml").settings
    assert (settings.deadline_s, settings.max_retries, settings.retry_delay_seconds) == (30, 2, 1)
    after = run("explain", "hi", "--task", "code", "--json").json
    assert after.pop("record") != before.pop("record")  # it has the hash of the file
    assert after == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("deadlin_s", "3"), "no such key 'deadlin_s'; did you mean 'deadline_s'?"),
        (("deadline_s", "soon"), "should be a valid number"),
        (("default_model", "gpt-4o-mni"), "did you mean 'gpt-4o-mini'?"),
        (("router.strategy", "cheap"), "router.strategy: "),
        (("providers.opnai.api_key", "sk-x"), "no provider is called 'opnai'"),
        (("providers.openai.base_url", "ftp://x"), "is not an http(s) address"),
        (("deadline_s..x", "3"), "is no key"),
        (("policies.default.rules[0]", "3"), "is no list"),
        (("providers.openai.api_key", " "), "an empty key"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_nothing_wrong_is_ever_written(run, file: Path, keys: Path, arguments: tuple[str, str], problem: str) -> None:
    """A mistake is told as `check` would tell it, and the files are as they were."""
    said = run("settings", "set", *arguments)
    assert (said.code, said.out) == (1, "")
    assert problem in said.err
    assert file.read_text() == FILE
    assert not keys.exists()


def test_a_typed_key_is_kept_out_of_the_file(run, file: Path, keys: Path) -> None:
    """It goes to a file of its own, which the next command reads; the policy file names its variable."""
    said = run("settings", "set", "providers.openai.api_key", "sk-proj-typed")
    assert said.code == 0
    assert "sk-proj-typed" not in said.out + said.err + file.read_text()
    assert "api_key: os.environ/OPENAI_API_KEY" in file.read_text()
    assert (keys.stat().st_mode & 0o777, "OPENAI_API_KEY=sk-proj-typed" in keys.read_text()) == (0o600, True)
    assert "API Key: sk-proj-‒" in run("settings", "show").out


def test_a_key_can_be_piped_in(run, file: Path, keys: Path) -> None:
    """Left out of the command line, where others could see it, a value is read from standard input."""
    assert run("settings", "set", "providers.groq.api_key", stdin="gsk_piped\n").code == 0
    assert "GROQ_API_KEY=gsk_piped" in keys.read_text()


def test_the_environment_counts_before_a_kept_key(run, file: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set already keeps its value, and setting a key behind it says so."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")
    said = run("settings", "set", "providers.openai.api_key", "sk-typed")
    assert said.err == f"warning: OPENAI_API_KEY is set in the environment, which counts before {keys}\n"
    run("settings", "show")
    assert os.environ["OPENAI_API_KEY"] == "sk-from-environment"


def test_a_reference_is_written_as_it_is(run, file: Path, keys: Path) -> None:
    """The name of a variable is no secret."""
    assert run("settings", "set", "providers.openai.api_key", "os.environ/WORK_KEY").code == 0
    assert "api_key: os.environ/WORK_KEY" in file.read_text()
    assert not keys.exists()


def test_reset_takes_one_key_out(run, file: Path) -> None:
    """Its default counts again, and the rest stays."""
    assert run("settings", "reset", "deadline_s").code == 0
    assert file.read_text() == FILE.replace("deadline_s: 60\n", "")
    said = run("settings", "reset", "deadline_s")
    assert (said.code, said.err) == (1, "error: 'deadline_s' is not set in this file; its default counts\n")


def test_reset_all_asks_first_and_keeps_the_old_file(run, file: Path) -> None:
    """Without a terminal to ask on, `--yes` is needed; what was there can be had back."""
    assert run("settings", "reset").code == 2
    assert file.read_text() == FILE
    said = run("settings", "reset", "--yes", "--json")
    assert said.json["kept"] == "orchestra.yaml.bak"
    assert (file.parent / "orchestra.yaml.bak").read_text() == FILE
    assert run("settings", "show", "--json").json["routing"]["default_model"] == "openai:fast"


def test_another_file_can_be_changed(run, tmp_path: Path) -> None:
    """`--config` names the file to change, and it has to be there."""
    path = tmp_path / "other.yaml"
    path.write_text("default_model: groq\n")
    assert run("settings", "set", "deadline_s", "5", "-c", str(path)).code == 0
    assert read(path).settings.deadline_s == 5
    assert run("settings", "set", "deadline_s", "5", "-c", "missing.yaml").code == 1


def test_the_shipped_files_are_never_changed(run, tmp_path: Path) -> None:
    """What belongs to the package is not the user's settings."""
    shipped = Path(__file__).parents[2] / "config" / "default.yaml"
    before = shipped.read_text()
    run("settings", "set", "deadline_s", "5")
    run("settings", "reset", "--yes")
    assert shipped.read_text() == before


def test_a_negative_value_is_a_value(run, file: Path) -> None:
    """It is checked as any other; what looks like an option and is none is no value."""
    said = run("settings", "set", "daily_budget_usd", "-5")
    assert (said.code, said.out) == (1, "")
    assert "daily_budget_usd: input should be greater than or equal to 0 (it is -5)" in said.err
    said = run("settings", "set", "default_model", "--jsno")
    assert (said.code, "no such option: --jsno" in said.err) == (2, True)
    assert file.read_text() == FILE
