"""`orchestra explain`: the decision, printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.cli.output import UNBOUNDED

CLASSIC = Path(__file__).parents[2] / "config" / "classic.yaml"
ROWS = [
    (("--image",), "vision", "gpt-4o"),
    (("--task", "web_search"), "web_search", "perplexity"),
    (("--task", "reasoning", "--input-tokens", "60000"), "reasoning_long", "claude-3-5-sonnet"),
    (("--task", "reasoning", "--priority", "high"), "reasoning_high_priority", "gpt-4-turbo"),
    (("--task", "reasoning", "--priority", "budget"), "reasoning_budget", "gemini-1.5-flash"),
    (("--task", "extraction", "--priority", "speed"), "extraction_fast", "groq/llama-3.1-70b"),
    (("--task", "extraction", "--priority", "high"), "extraction_accurate", "claude-3-5-sonnet"),
    (("--task", "classification"), "classification_fast", "groq/llama-3.1-8b"),
    (("--input-tokens", "150000"), "long_context_size", "gemini-1.5-pro"),
    ((), "otherwise", "gpt-4o-mini"),
]


def test_without_a_key_it_names_the_rule_and_why_the_others_did_not(run) -> None:
    """The spec's table decides with nothing in the environment, and says which variable a call would need."""
    said = run("explain", "why?", "--task", "reasoning", "--priority", "high", "-c", str(CLASSIC))
    assert (said.code, said.err) == (0, "")
    first, *rest = said.out.splitlines()
    assert first == "gpt-4-turbo  ← reasoning_high_priority: best quality"
    assert "├── no key: OPENAI_API_KEY is not set" in rest
    assert "├── not reasoning_budget → gemini-1.5-flash: priority is high, not budget" in rest
    assert "├── not reasoning → claude-3-5-sonnet: reasoning_high_priority comes before it" in rest


@pytest.mark.parametrize(("arguments", "rule", "chosen"), ROWS, ids=[rule for _, rule, _ in ROWS])
def test_each_row_of_the_table_can_be_asked_for(run, arguments: tuple[str, ...], rule: str, chosen: str) -> None:
    """What a rule looks at can be said on the command line."""
    said = run("explain", "hello", *arguments, "--json", "-c", str(CLASSIC))
    assert (said.json["rule"], said.json["chosen"]) == (rule, chosen)


def test_json_has_what_a_program_needs(run) -> None:
    """Beside the choice: who was passed over and why, the facts, the order of fallbacks, and what each one lacks."""
    said = run("explain", "hello", "--task", "extraction", "--json", "-c", str(CLASSIC))
    assert {"name": "vision → gpt-4o", "reason": "has no images"} in said.json["passed_over"]
    assert said.json["features"] == {"task": "extraction", "priority": "normal", "input_tokens": "about 6"}
    assert said.json["chain"][0] == "gemini-1.5-flash"
    candidate = said.json["candidates"][0]
    assert (candidate["missing_key"], candidate["model"]) == ("GEMINI_API_KEY", "gemini/gemini-1.5-flash")
    assert candidate["successor"]


def test_a_told_task_and_what_was_measured_are_shown(run, tmp_path: Path) -> None:
    """How sure the task is, the numbers of each candidate, and which version of the file decided; as JSON too."""
    (tmp_path / "orchestra.yaml").write_text(
        "policies:\n"
        "  default: {kind: route, strategy: balanced, usd_per_quality_point: 0.01, models: [gpt-4o-mini, gpt-4o]}\n"
    )
    said = run("explain", "Translate into German: good night")
    lines = said.out.splitlines()
    assert "balanced" in lines[0]
    assert any(line.startswith("├── saw task translation, task_confidence 0.") for line in lines)
    assert any(line.startswith("├── measured gpt-4o: quality 0.7") for line in lines)
    record = run("explain", "Translate into German: good night", "--json").json["record"]
    assert f"policy 'default', version 1, hash {record['hash']}" in lines[-2] + lines[-3] + lines[-1]
    assert record["measured"]["gpt-4o-mini"]["usd"] > 0


def test_live_counts_the_keys_that_are_there(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--live` decides as a call would: models without a key are passed over, with the variable to set."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk_test")
    said = run("explain", "hello", "--live", "--json", "-c", str(CLASSIC))
    assert said.json["chosen"] == "groq/llama-3.1-70b"
    assert {"name": "gpt-4o-mini", "reason": "no key: OPENAI_API_KEY is not set"} in said.json["passed_over"]


def test_live_says_first_that_a_budget_has_no_room(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is chosen because nothing else is left would be refused: said at the top, and in a field of its own."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    (tmp_path / "orchestra.yaml").write_text(
        "budgets: {tiny: {limit_usd: 0.000001, on_exceeded: refuse}}\n"
        "policies: {default: {kind: route, strategy: cost_optimized, models: [gpt-4o-mini, gpt-4o]}}\n"
    )
    lines = run("explain", "hello", "--live").out.splitlines()
    assert lines[0].startswith("a call would be refused: budget 'tiny' has $0.000001 left")
    assert lines[1].startswith("gpt-4o-mini  ← cost_optimized")
    assert not any("not gpt-4o-mini" in line for line in lines)
    assert any("not gpt-4o: budget 'tiny'" in line for line in lines)
    assert run("explain", "hello", "--live", "--json").json["refused"].startswith("budget 'tiny'")
    assert run("explain", "hello", "--json").json["refused"] is None


ENSEMBLES = """
policies:
  panel: {kind: vote, models: [groq, mistral, openai], stop: decided, otherwise: gpt-4o}
  steps: {kind: cascade, models: [{kind: vote, models: [groq, mistral, openai]}, gpt-4o], threshold: 0.9}
  ranked: {kind: rank, models: [groq, mistral], judge: gpt-4o, metric: clarity}
  fused: {kind: fuse, models: [groq, mistral], arbiter: gpt-4o}
  checked: {kind: verify, generator: groq, validator: null, checks: [{python: true}], otherwise: gpt-4o}
"""
PLANS = {
    "panel": [
        "asks groq, mistral, openai, as many as can decide",
        "they agree where 67% of them say the same",
        "where they do not: gpt-4o",
    ],
    "steps": [
        "asks a vote of groq, mistral, openai, then gpt-4o",
        "an answer is taken where 90% of its members agree, the last one always",
    ],
    "ranked": ["asks groq, mistral", "judge: gpt-4o, by clarity"],
    "fused": [
        "asks groq, mistral",
        "records are merged field by field; below 67% agreement: gpt-4o",
        "texts are made one by the strongest model with a key",
    ],
    "checked": [
        "asks groq",
        "checker: its checks alone",
        "what is wrong goes back to its author at most 1 time; where it stays wrong: gpt-4o",
    ],
}


@pytest.mark.parametrize("policy", PLANS)
def test_an_ensemble_says_what_it_will_do(run, tmp_path: Path, policy: str) -> None:
    """Whom it asks in which order, and what follows where they do not agree, in the drawing and as JSON."""
    (tmp_path / "orchestra.yaml").write_text(ENSEMBLES)
    assert run("explain", "hi", "-p", policy, "--json").json["plan"] == PLANS[policy]
    out = run("explain", "hi", "-p", policy).out
    assert all(step in out for step in PLANS[policy])


def test_what_an_adaptive_policy_reckons_with_is_in_words(run, tmp_path: Path) -> None:
    """Where the expected quality comes from, without the names that the record has for it."""
    (tmp_path / "orchestra.yaml").write_text(
        "policies: {default: {kind: route, strategy: adaptive, explore: 0, models: [gpt-4o-mini, gpt-4o]}}\n"
    )
    out = run("explain", "hello", "--task", "chat").out
    assert "by chance, the better the likelier; expected quality 0." in out.splitlines()[0]
    assert "by its price, unscored for chat yet" in out.splitlines()[0]
    assert "measured gpt-4o: expected quality 0." in out
    assert "anyone" not in out


def test_live_without_any_key_says_what_to_set(run) -> None:
    """When nothing can be called the error lists each model and the variables that would help."""
    said = run("explain", "hello", "--live", "-c", str(CLASSIC))
    assert said.code == 1
    assert said.err.startswith("error: no model can serve this request")
    assert "OPENAI_API_KEY" in said.err


def test_a_policy_that_is_chosen_explains_itself_in_its_turn(run, tmp_path: Path) -> None:
    """The choice of a policy goes on to the model that this one chooses."""
    (tmp_path / "orchestra.yaml").write_text(
        "policies:\n"
        "  default: {kind: route, rules: [{name: hard, when: {task: reasoning}, use: thinkers}], otherwise: groq}\n"
        "  thinkers: {kind: route, rules: [{name: paid, when: {priority: high}, use: openai}], otherwise: mistral}\n"
    )
    said = run("explain", "why?", "--task", "reasoning", "--json")
    assert (said.json["chosen"], said.json["rule"]) == ("mistral", "hard")
    assert said.json["within"][0]["rule"] == "otherwise"
    drawn = run("explain", "why?", "--task", "reasoning").out
    assert drawn.startswith("thinkers  ← hard: ")
    assert "── mistral  ← otherwise: no rule holds" in drawn


def test_a_named_model_and_a_preferred_one(run) -> None:
    """`--model` leaves nothing to decide; with `--policy` it is preferred there."""
    assert run("explain", "hi", "-m", "groq", "--json").json["rule"] == "asked for"
    said = run("explain", "hi", "-p", "default", "-m", "groq", "--json")
    assert (said.json["chosen"], said.json["rule"]) == ("groq", "preferred_model")


@pytest.mark.parametrize("kind", ["--image", "--audio", "--video", "--document", "--tools"])
def test_what_comes_with_a_request_is_among_the_facts(run, kind: str) -> None:
    """Images and the like need not be at hand to see where they would go."""
    fact = {"--image": "images", "--document": "files"}.get(kind, kind.removeprefix("--"))
    assert run("explain", "hi", kind, "-m", "gpt-4o", "--json").json["features"][fact] is True


def test_a_pipe_gets_whole_lines(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """However narrow the terminal that started it is, a pipe's lines are neither wrapped nor cut, nor coloured."""
    monkeypatch.setenv("COLUMNS", "20")
    out = run("explain", "hi", "--task", "reasoning", "-c", str(CLASSIC)).out
    assert "├── not extraction_accurate → claude-3-5-sonnet: task is reasoning, not extraction" in out.splitlines()
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) < UNBOUNDED
