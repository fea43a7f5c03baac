"""Arguments and options that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from orchestra.cli.quiet import show_events
from orchestra.errors import ConfigError, OrchestraError

if TYPE_CHECKING:
    from orchestra.prompting import Library
    from orchestra.tree import Tree

STDIN = "-"


def _tasks(incomplete: str) -> Iterator[str]:
    from orchestra.settings.api import TASK_TYPES

    return (task for task in TASK_TYPES if task.startswith(incomplete))


def _policies(context: typer.Context, incomplete: str) -> list[str]:
    from orchestra.settings import find, read
    from orchestra.settings.flat import policies

    try:
        names = policies(read(find(context.params.get("config"))))
    except OrchestraError:
        return []
    return [name for name in names if name.startswith(incomplete)]


def _strategies(incomplete: str) -> Iterator[str]:
    from orchestra.settings.api import ENSEMBLE_SPELLINGS

    return (strategy for strategy in ENSEMBLE_SPELLINGS if strategy.startswith(incomplete))


def _models(incomplete: str) -> Iterator[str]:
    from orchestra.catalog import Catalog

    return (card.name for card in Catalog().cards() if card.name.startswith(incomplete))


def prompts(context: typer.Context, incomplete: str) -> list[str]:
    """The names of prompts that begin so, for the shell."""
    try:
        return [name for name in library(context.params.get("config")).names() if name.startswith(incomplete)]
    except OrchestraError:
        return []


Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="The policy file (default: $ORCHESTRA_CONFIG, ./orchestra.yaml, else the shipped one).",
    ),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Verbose: TypeAlias = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show events on standard error.", callback=show_events)
]
Prompt: TypeAlias = Annotated[
    str | None, typer.Argument(metavar="PROMPT", help="The prompt; '-' reads standard input.", show_default=False)
]
PromptFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--file", "-f", metavar="FILE", exists=True, dir_okay=False, help="A file to put after the prompt."),
]
Policy: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--policy", "-p", metavar="NAME", help="The policy to ask (default: default).", autocompletion=_policies
    ),
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="The model to ask; with --policy, the one to prefer there.",
        autocompletion=_models,
    ),
]
Ensemble: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--ensemble",
        metavar="STRATEGY",
        help="Ask several models: vote, rank, fuse or verify.",
        autocompletion=_strategies,
    ),
]
Models: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--models", metavar="A,B,C", help="The members of the ensemble (default: a diverse panel of those with a key)."
    ),
]
Task: TypeAlias = Annotated[
    str | None,
    typer.Option("--task", "-t", metavar="TYPE", help="What kind of task it is.", autocompletion=_tasks),
]
Priority: TypeAlias = Annotated[
    Literal["high", "normal", "budget", "speed"] | None, typer.Option(help="What matters most.")
]
Tags: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="NAME=VALUE", help="A tag for rules to look at; may be repeated."),
]
System: TypeAlias = Annotated[str | None, typer.Option(metavar="TEXT", help="The system message.")]
MaxTokens: TypeAlias = Annotated[
    int | None, typer.Option("--max-tokens", min=1, metavar="N", help="Where the answer is cut.")
]


PromptName: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="The name of a prompt.", autocompletion=prompts)
]
PromptVersion: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--version", "-v", metavar="V", help="A number, a label or a digest (default: in production, else latest)."
    ),
]
Variables: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="A variable, as YAML, or @FILE for its text; may be repeated."),
]
VariablesFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--variables", metavar="FILE", exists=True, dir_okay=False, help="Variables as YAML or JSON."),
]


def library(config: Path | None) -> Library:
    """The prompts that the settings name."""
    from orchestra.prompting import Library
    from orchestra.settings import find, read

    return Library.of(read(find(config)).settings)


def variables_of(pairs: list[str] | None, file: Path | None) -> dict[str, Any]:
    """The variables of a prompt, those of the file first; raises `typer.BadParameter`, `ConfigError`."""
    from orchestra.prompting.data import plain
    from orchestra.settings.document import value_of
    from orchestra.settings.file import load

    found: dict[str, Any] = {} if file is None else plain(load(_text(file.read_bytes(), str(file)), str(file)))
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--var")
        if value.startswith("@"):
            path = Path(value[1:])
            if not path.is_file():
                raise typer.BadParameter(f"there is no file {value[1:]!r}", param_hint="--var")
            found[name] = _text(path.read_bytes(), value[1:])
        else:
            found[name] = plain(value_of(value))
    return found


def prompt_of(prompt: str | None, file: Path | None, *, read_pipe: bool) -> str | None:
    """The prompt: the argument, then the file; standard input for '-' and, with `read_pipe`, where neither is given.

    `None` where there is none. Raises `typer.BadParameter` for what is not text.
    """
    parts = [] if prompt is None else [prompt]
    if prompt == STDIN or (prompt is None and file is None and read_pipe and not sys.stdin.isatty()):
        parts = [_text(sys.stdin.buffer.read(), "standard input")]
    if file is not None:
        parts.append(_text(file.read_bytes(), str(file)))
    return "\n\n".join(parts) if parts else None


def routing(
    policy: str | None, model: str | None, task: str | None, priority: str | None, tags: list[str] | None
) -> dict[str, Any]:
    """The options of `MultiModelAPI.generate` and `explain` that a route reads."""
    return {
        "model": policy or model,
        "preferred_model": model if policy else None,
        "task_type": task,
        "priority": priority,
        "tags": tags_of(tags),
    }


def tags_of(tags: list[str] | None) -> dict[str, str]:
    """`NAME=VALUE` pairs as a dict; raises `typer.BadParameter` for one that is none."""
    pairs = [tag.partition("=") for tag in tags or ()]
    for name, equals, value in pairs:
        if not name or not equals:
            raise typer.BadParameter(f"{name + equals + value!r} is not NAME=VALUE", param_hint="--tag")
    return {name: value for name, _, value in pairs}


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{where} is not UTF-8 text") from None


def check_policy(tree: Tree, policy: str | None) -> None:
    """Raise `ConfigError` where `--policy` names something else, such as a model."""
    from difflib import get_close_matches

    names = tree.policies
    if policy is None or policy in names:
        return
    close = get_close_matches(policy, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}"
    raise ConfigError(f"no policy is called {policy!r}; {hint}")
