"""`orchestra prompts`: the library, written: new versions, labels, mistakes, and templates of str.format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestra.cli import options
from orchestra.cli.output import out, show_json
from orchestra.errors import ConfigError, PromptError

if TYPE_CHECKING:
    from orchestra.prompting import Library

File = Annotated[
    Path | None,
    typer.Option("--file", "-f", metavar="FILE", help="The text; standard input if left out.", exists=True),
]
Label = Annotated[str, typer.Option("--label", "-l", metavar="LABEL", help="Which label.")]
Syntax = Annotated[Literal["auto", "jinja", "format"], typer.Option(help="What the text is written in.")]


def new(
    name: options.PromptName,
    file: File = None,
    syntax: Syntax = "auto",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Make the next version of a prompt, or the first one of a new prompt."""
    text = options.prompt_of(None, file, read_pipe=True)
    if not text:
        raise typer.BadParameter("give a text: with --file, or on standard input", param_hint="--file")
    library = options.library(config)
    make = library.create_version if name in library else library.register
    version = make(name, text, syntax=syntax)
    if library.found(name).usual == version:
        said = "it is taken where no version is named, because none is in production"
    else:
        said = f"'orchestra prompts promote {name}' puts it into production"
    _told(as_json, f"{name} v{version} is made; {said}", name, version)


def promote(
    name: options.PromptName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A number, label or digest.")] = "latest",
    label: Label = "production",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Put a label on a version: what is in production is taken when no version is named."""
    number = options.library(config).promote(name, version, label)
    _told(as_json, f"{name} v{number} is {label}", name, number, label)


def rollback(
    name: options.PromptName,
    label: Label = "production",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Put a label back on the version that it was on before."""
    number = options.library(config).rollback(name, label)
    _told(as_json, f"{name} v{number} is {label} again", name, number, label)


def lint(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Only this prompt.", autocompletion=options.prompts)
    ] = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Read every version of every prompt, and the variables of its tests; leave with 1 when something is wrong."""
    from orchestra.cli.figures import counted

    library = options.library(config)
    names = library.names() if name is None else [name]
    versions = [(prompt, version) for prompt in names for version in library.versions(prompt)]
    problems = [problem for prompt, version in versions for problem in _problems(library, prompt, version)]
    if as_json:
        show_json({"ok": not problems, "versions": len(versions), "problems": problems})
    else:
        for problem in problems:
            out().print(problem, style="red", soft_wrap=True)
        out().print(f"{counted(len(versions), 'version')} read, {counted(len(problems), 'problem')}")
    if problems:
        raise typer.Exit(1)


def _problems(library: Library, name: str, version: int) -> Iterator[str]:
    from orchestra.prompting.checking import schema_fault

    try:
        template = library.get(name, version)
    except ConfigError as error:
        yield from error.problems
        return
    except PromptError as error:
        yield str(error)
        return
    if template.head.output is not None and (said := schema_fault(template.head.output)):
        yield str(PromptError(f"'output' is no JSON schema: {said}", template=name, version=version))
    for n, case in enumerate(template.head.tests):
        try:
            template.messages(case.variables)
        except PromptError as error:
            yield f"{error} (test {case.name or n + 1})"


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", exists=True, dir_okay=False, help="A text each, or a YAML of texts."),
    ],
    syntax: Syntax = "format",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Take over templates of str.format: NAME.txt becomes the prompt NAME; in a YAML file each key is a name."""
    library = options.library(config)
    made = []
    for file in files:
        for name, text in _texts(file).items():
            made.append({"name": name, "version": library.register(name, text, syntax=syntax)})
    if as_json:
        show_json(made)
        return
    for prompt in made:
        out().print(f"{prompt['name']} v{prompt['version']}: {library.folder / str(prompt['name'])}", soft_wrap=True)


def _texts(file: Path) -> dict[str, str]:
    from orchestra.settings.file import load

    if file.suffix not in (".yaml", ".yml", ".json"):
        text = options.prompt_of(None, file, read_pipe=False)
        return {file.stem: text or ""}
    data = load(file.read_text(encoding="utf-8"), str(file))
    for name, text in data.items():
        if not isinstance(text, str):
            raise ConfigError(f"{file}: {name}: a template is text")
    return {str(name): str(text) for name, text in data.items()}


def _told(as_json: bool, said: str, name: str, version: int, label: str | None = None) -> None:
    if as_json:
        show_json({"name": name, "version": version} | ({"label": label} if label else {}))
    else:
        out().print(said, soft_wrap=True)
