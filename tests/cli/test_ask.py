"""`orchestra ask`, against the stand-in provider."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestra.testing.provider import Answer, Fault, Provider


def test_the_answer_goes_to_standard_output_alone(run, upstream: Provider, policy: Path) -> None:
    """What a pipe gets is the answer and a line's end: no note, no banner, no progress."""
    upstream.reply("a deep blue sea")
    said = run("ask", "what is the sea?", "-c", str(policy))
    assert (said.code, said.out, said.err) == (0, "a deep blue sea\n", "")
    assert upstream.calls[-1].provider == "groq"
    assert upstream.calls[-1].stream


def test_the_prompt_may_come_from_standard_input(run, upstream: Provider, policy: Path) -> None:
    """With no prompt given, what is piped in is the prompt; so it is for `-`."""
    for arguments in ((), ("-",)):
        assert run("ask", *arguments, "-c", str(policy), stdin="what is the sea?\n").code == 0
        assert upstream.calls[-1].body["messages"] == [{"role": "user", "content": "what is the sea?\n"}]


def test_a_file_comes_after_the_prompt(run, upstream: Provider, policy: Path, tmp_path: Path) -> None:
    """A question about a file is asked with the file behind it."""
    text = tmp_path / "sea.txt"
    text.write_text("blue and wide")
    assert run("ask", "sum up:", "--file", str(text), "--system", "be short", "-c", str(policy)).code == 0
    assert upstream.calls[-1].body["messages"] == [
        {"role": "system", "content": "be short"},
        {"role": "user", "content": "sum up:\n\nblue and wide"},
    ]


def test_an_argument_is_never_held_up_by_standard_input(run, upstream: Provider, policy: Path) -> None:
    """A prompt on the command line is the whole prompt, whatever the command's input is."""
    assert run("ask", "one", "-c", str(policy), stdin="two").code == 0
    assert upstream.calls[-1].body["messages"][0]["content"] == "one"


@pytest.mark.parametrize("stdin", ["", " \n", b"\xff\xfe\x00"], ids=["nothing", "blank", "bytes"])
def test_no_prompt_is_a_usage_error(run, policy: Path, stdin: str | bytes) -> None:
    """Without text there is nothing to ask, and the exit code says that the command was used wrongly."""
    said = run("ask", "-c", str(policy), stdin=stdin)
    assert said.code == 2
    assert "Traceback" not in said.err


def test_options_route_and_reach_the_wire(run, upstream: Provider, policy: Path) -> None:
    """Task, priority and tags choose the model; the length and temperature go along."""
    run("ask", "hi", "--task", "reasoning", "--priority", "high", "--max-tokens", "7", "-c", str(policy))
    assert upstream.calls[-1].provider == "openai"
    run("ask", "hi", "--tag", "team=red", "--max-tokens", "7", "--temperature", "0.5", "-c", str(policy))
    assert (upstream.calls[-1].model, upstream.calls[-1].body["temperature"]) == ("openai/gpt-oss-20b", 0.5)
    assert 7 in upstream.calls[-1].body.values()


def test_a_model_or_a_policy_can_be_named(run, upstream: Provider, policy: Path) -> None:
    """`--model` asks that model, `--policy` that policy, and both together prefer the model there."""
    run("ask", "hi", "-m", "openai", "-c", str(policy))
    assert upstream.calls[-1].provider == "openai"
    run("ask", "hi", "-p", "careful", "-c", str(policy))
    assert upstream.calls[-1].provider == "openai"
    run("ask", "hi", "-p", "default", "-m", "openai:cheap", "-c", str(policy))
    assert upstream.calls[-1].model == "gpt-6-luna"


def test_json_has_the_answer_its_cost_and_why(run, upstream: Provider, policy: Path) -> None:
    """`--json` prints one document and does not stream."""
    upstream.reply(Answer("four", input_tokens=10, output_tokens=2))
    said = run("ask", "2+2?", "--task", "reasoning", "--priority", "high", "--json", "-c", str(policy))
    assert said.code == 0
    assert (said.json["text"], said.json["input_tokens"], said.json["output_tokens"]) == ("four", 10, 2)
    assert (said.json["choice"]["chosen"], said.json["choice"]["rule"]) == ("openai", "hard")
    assert float(said.json["cost_usd"]) > 0
    assert not upstream.calls[-1].stream


def test_the_trace_goes_to_standard_error(run, upstream: Provider, policy: Path) -> None:
    """`--trace` says what was chosen and what failed, and leaves the answer clean."""
    upstream.on("groq").fail(Fault.SERVER_ERROR)
    upstream.on("openai").reply("here")
    said = run("ask", "hi", "--trace", "-c", str(policy))
    assert said.out == "here\n"
    assert "chose groq by otherwise" in said.err
    assert "✗ groq/openai/gpt-oss-120b" in said.err
    assert "✓ openai/gpt-6.1-sol" in said.err


def test_what_went_otherwise_than_asked_is_noted(run, upstream: Provider, policy: Path) -> None:
    """An answer from a fallback, or one that was cut, says so beside the answer."""
    upstream.on("groq").reply(Answer("one two three four"))
    said = run("ask", "hi", "--max-tokens", "2", "-c", str(policy))
    assert (said.code, said.out.split()) == (0, ["one", "two"])
    assert said.err == "note: cut at max_tokens\n"


def test_a_failure_is_one_line_for_each_model(run, upstream: Provider, policy: Path) -> None:
    """When all fail the exit code is 1, standard output is empty, and each failure is told, without a traceback."""
    upstream.on("groq").fail(Fault.UNAUTHORIZED)
    upstream.on("openai").fail(Fault.SERVER_ERROR)
    said = run("ask", "hi", "-c", str(policy))
    assert (said.code, said.out) == (1, "")
    first, *models = said.err.splitlines()
    assert first == "error: all 2 models failed"
    assert models[0].startswith("error: groq: the key is not accepted (401)")
    assert models[1].startswith("error: openai: the provider is failing (500)")


def test_a_stream_that_breaks_leaves_what_came_and_an_error(run, upstream: Provider, policy: Path) -> None:
    """The part that came is on standard output, ended by a line's end, and the exit code is 1."""
    upstream.on("groq").fail(Fault.CUT, after_chunks=2, answer=Answer("one two three four"))
    said = run("ask", "hi", "-c", str(policy))
    assert said.code == 1
    assert said.out.startswith("one")
    assert said.out.endswith("\n")
    assert "the stream broke" in said.err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("-m", "gpt-6-lunar"), "did you mean 'gpt-6-luna'?"),
        (("-p", "carefull"), "did you mean 'careful'?"),
        (("-p", "openai"), "there are: default, careful"),
        (("--task", "reasonin"), "did you mean 'reasoning'?"),
        (("-m", "anthropic"), "set ANTHROPIC_API_KEY"),
        (("-m", "mistral"), "switched off"),
        (("-c", "missing.yaml"), "'orchestra init' writes one"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_mistake_is_answered_with_what_to_do(run, policy: Path, arguments: tuple[str, ...], hint: str) -> None:
    """Each of a user's mistakes is an `error:` line that says what would help; the exit code is 1."""
    said = run("ask", "hi", *(() if "-c" in arguments else ("-c", str(policy))), *arguments)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: ")
    assert hint in said.err


@pytest.mark.parametrize("arguments", [("--tag", "red"), ("--priority", "urgent"), ("--max-tokens", "none")])
def test_a_wrong_option_is_a_usage_error(run, policy: Path, arguments: tuple[str, str]) -> None:
    """Options that can't be read end with 2, as every command's do."""
    said = run("ask", "hi", "-c", str(policy), *arguments)
    assert said.code == 2
    assert "Traceback" not in said.err


def test_a_retired_model_draws_one_warning(run, upstream: Provider, policy: Path) -> None:
    """Who asks for a model that its provider has withdrawn hears of its successor, once."""
    said = run("ask", "hi", "-m", "groq/llama-3.1-70b", "-c", str(policy))
    assert (said.code, upstream.calls[-1].model) == (0, "llama-3.1-70b-versatile")
    (line,) = said.err.splitlines()
    assert line.startswith("warning: 'groq/llama-3.1-70b' was retired by its provider")
    assert "its successor is" in line


def test_events_are_shown_when_asked_for(run, upstream: Provider, policy: Path) -> None:
    """`--verbose` shows the events on standard error; neither the prompt nor the answer is among them."""
    import structlog

    try:
        upstream.reply("hidden answer")
        said = run("ask", "hidden prompt", "-v", "-c", str(policy))
    finally:
        structlog.reset_defaults()
    assert said.out == "hidden answer\n"
    assert "call.finished" in said.err
    assert "hidden" not in said.err


def test_the_deadline_is_the_callers(run, upstream: Provider, policy: Path) -> None:
    """`--deadline` bounds the wait for the first token, and 0 takes the bound away."""
    upstream.on("groq").fail(Fault.HANG)
    said = run("ask", "hi", "--deadline", "0.2", "-c", str(policy))
    assert said.code == 1
    assert "deadline of 0.2 s" in said.err
    assert run("ask", "hi", "--deadline", "0", "-c", str(policy)).code == 0


def test_a_model_cannot_steer_the_terminal(
    run, upstream: Provider, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control characters of an answer do not reach a terminal; a pipe gets the answer as it is."""
    answer = "see \x1b]0;owned\x07 this\r\nline\tend"
    upstream.on("groq").reply(answer, answer)
    assert run("ask", "hi", "-c", str(policy)).out == f"{answer}\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("ask", "hi", "-c", str(policy)).out == "see ]0;owned this\nline\tend\n"


def test_a_call_that_is_not_booked_is_told(run, upstream: Provider, policy: Path, tmp_path: Path) -> None:
    """One line on standard error, unasked."""
    (tmp_path / "file").write_text("in the way")
    place = tmp_path / "file" / "ledger.db"
    policy.write_text(f"ledger: {{path: '{place}'}}\n{policy.read_text()}")
    said = run("ask", "hi", "--config", str(policy))
    (line,) = said.err.splitlines()
    assert said.code == 0
    assert line.startswith(f"warning: ledger.unavailable: the ledger {place} can't be opened")
    assert line.endswith("; nothing is booked until it can be used again")
