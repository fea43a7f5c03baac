"""`orchestra ask`: a prompt in, an answer out, as it comes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from orchestra.cli import options, recordings
from orchestra.cli.output import err, show_json

if TYPE_CHECKING:
    from orchestra.api import MultiModelAPI
    from orchestra.cli.progress import Progress
    from orchestra.types import Response

VOTES = ("vote", "voting")
CONTROL = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
"""What a model could steer a terminal with."""


def ask(
    prompt: options.Prompt = None,
    file: options.PromptFile = None,
    config: options.Config = None,
    policy: options.Policy = None,
    model: options.Model = None,
    ensemble: options.Ensemble = None,
    models: options.Models = None,
    answers: recordings.Kind = "auto",
    task: options.Task = None,
    priority: options.Priority = None,
    tag: options.Tags = None,
    system: options.System = None,
    max_tokens: options.MaxTokens = None,
    temperature: Annotated[float | None, typer.Option(min=0, metavar="T", help="0 for the likeliest answer.")] = None,
    deadline: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="The time in all; 0 for no end.")
    ] = None,
    as_json: options.Json = False,
    trace: Annotated[
        bool, typer.Option("--trace", help="Say afterwards what was asked, why, and what it cost.")
    ] = False,
    verbose: options.Verbose = False,
) -> None:
    """Ask a model, and print its answer as it comes. Costs what the model costs."""
    text = options.prompt_of(prompt, file, read_pipe=True)
    if not text or not text.strip():
        raise typer.BadParameter("give one: as an argument, with --file, or on standard input", param_hint="PROMPT")
    if models is not None and ensemble is None:
        raise typer.BadParameter("they are the members of an --ensemble", param_hint="--models")
    if ensemble is not None and (model or policy):
        raise typer.BadParameter("name its members with --models", param_hint="--ensemble")
    if answers != "auto" and ensemble not in VOTES:
        raise typer.BadParameter("it is for --ensemble vote", param_hint="--answers")
    from orchestra.api import MultiModelAPI
    from orchestra.cli.progress import Progress
    from orchestra.cli.quiet import without_banners
    from orchestra.local import LocalServer
    from orchestra.runtime import Runtime

    asked = options.routing(policy, model, task, priority, tag)
    asked["messages"] = [
        *([] if system is None else [{"role": "system", "content": system}]),
        {"role": "user", "content": text},
    ]
    asked |= {
        name: value for name, value in (("max_tokens", max_tokens), ("temperature", temperature)) if value is not None
    }
    if deadline is not None:
        asked["deadline_s"] = deadline or None

    answer = None if as_json else sys.stdout
    with without_banners(), Progress() as progress:
        runtime = Runtime(local=LocalServer(progress=progress.say))
        with MultiModelAPI(config, runtime=runtime) as api:
            options.check_policy(api.tree, policy)
            if ensemble is None:
                response = _answered(api, asked, answer, progress)
            else:
                progress.stop()  # the members are drawn in its place
                kind = {"answers": answers} if ensemble in VOTES else {}
                response = _together(api, ensemble, models, {**asked, **kind}, answer)
    if as_json:
        from orchestra.trace import as_dict

        show_json(as_dict(response))
    elif response.note and not trace:
        err().print(f"note: {response.note}", style="dim", soft_wrap=True)
    if trace:
        err().print(f"\n{response.trace()}", soft_wrap=True)


def _together(
    api: MultiModelAPI, strategy: str, models: str | None, asked: dict[str, Any], answer: TextIO | None
) -> Response:
    """The answer of an ensemble, whose members are drawn as they come in."""
    from orchestra.cli.members import Members

    names = recordings.listed(models)
    with Members(names, votes=not strategy.startswith("verif")) as members:
        options = {name: value for name, value in asked.items() if name not in ("model", "preferred_model")}
        response = api.generate_ensemble_sync(None, strategy, names, on_member=members, **options)
    if answer is not None:
        answer.write(response.text.translate(CONTROL) if answer.isatty() else response.text)
        answer.write("" if response.text.endswith("\n") else "\n")
        answer.flush()
    return response


def _answered(api: MultiModelAPI, asked: dict[str, Any], answer: TextIO | None, progress: Progress) -> Response:
    """The answer, written to `answer` as it comes."""
    from orchestra.llm.library import imported

    stream = api.generate_stream_sync(**asked)  # a mistake in what is asked is found here, before the wait
    progress.say("loading LiteLLM")
    imported()
    progress.say("waiting for the first token")
    if answer is None:
        return api.generate_sync(**asked)
    last = "\n"
    try:
        with stream:
            for chunk in stream:
                if chunk.text:
                    progress.stop()
                    last = chunk.text.translate(CONTROL) if answer.isatty() else chunk.text
                    answer.write(last)
                    answer.flush()
    finally:
        if not last.endswith("\n"):
            answer.write("\n")
            answer.flush()
    return stream.response
