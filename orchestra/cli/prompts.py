"""`orchestra prompts`: the library, read: what there is, who uses it, how it did, what changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestra.cli import books, options
from orchestra.cli.output import out, show_json, show_table, table, warn
from orchestra.cli.prompts_made import import_, lint, new, promote, rollback
from orchestra.cli.prompts_tested import run_tests

if TYPE_CHECKING:
    from orchestra.cli.prompt_rows import Records, Row
    from orchestra.prompting import Library

app = typer.Typer(help="Prompts: versions, labels, tests, and how each did.", no_args_is_help=True)


@app.command(name="list")
def list_(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="Only names with this in them.", show_default=False)
    ] = None,
    since: books.Since = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """List the prompts: versions, where the labels are, what their calls came to, how they were scored."""
    from orchestra.cli.figures import money
    from orchestra.cli.prompt_rows import as_data

    with recorded(config, since) as (library, records):
        names = [name for name in library.names() if all(word.casefold() in name.casefold() for word in words or ())]
        every = {name: records.rows(name) for name in names}
        totals = {name: records.totals(name) for name in names}
        described = {name: library.description(name) for name in names}
    if as_json:
        show_json(
            [
                {"name": name, "description": described[name], "versions": [as_data(row) for row in every[name]]}
                for name in names
            ]
        )
        return
    made = table("prompt", "versions", "labels", "requests", "cost", "score", "what it is for", whole=("prompt",))
    for column in (made.columns[1], *made.columns[3:6]):
        column.justify = "right"
    for name in names:
        versions = every[name]
        made.add_row(
            name,
            str(len(versions)),
            ", ".join(f"{label} {row.version}" for row in versions for label in row.labels if label != "latest"),
            f"{totals[name].requests:,}",
            money(totals[name].amount),
            score(next(row for row in versions if row.usual)),
            described[name],
        )
    show_table(made)
    for name in names:
        for row in every[name]:
            if row.changed:
                warn(f"{name} v{row.version} is refused: its file was changed after it was made")


@app.command()
def show(
    name: options.PromptName,
    version: options.PromptVersion = None,
    since: books.Since = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Show a prompt: its text, its versions, and who used them."""
    from orchestra.cli.figures import moment, money
    from orchestra.cli.prompt_rows import as_data

    with recorded(config, since) as (library, records):
        template = library.get(name, version)
        versions = records.rows(template.name)
    zone = books.zone_of(None)
    if as_json:
        data = template.head.model_dump(mode="json", exclude_none=True, exclude={"variables"})
        variables = {
            key: value.model_dump(mode="json", exclude_unset=True) for key, value in template.variables.items()
        }
        about: dict[str, Any] = {"name": template.name, "version": template.version, "digest": template.digest}
        show_json(
            about
            | data
            | {"variables": variables, "text": template.body, "versions": [as_data(row) for row in versions]}
        )
        return
    console = out()
    console.print(template.text.rstrip(), soft_wrap=True)
    console.print()
    made = table("version", "digest", "made", "labels", "requests", "errors", "cost", "score", "used by")
    for column in (made.columns[0], *made.columns[4:8]):
        column.justify = "right"
    for row in versions:
        made.add_row(
            f"{row.version}{'*' if row.version == template.version else ''}",
            f"{row.digest[:12]}{' changed' if row.changed else ''}",
            moment(row.created_at.timestamp(), zone),
            ", ".join(row.labels),
            f"{row.totals.requests:,}",
            f"{row.totals.errors:,}",
            money(row.totals.amount),
            score(row),
            ", ".join(f"{who} ({count:,})" for who, count in row.users),
        )
    show_table(made)


@app.command()
def render(
    name: options.PromptName,
    version: options.PromptVersion = None,
    variable: options.Variables = None,
    file: options.VariablesFile = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Print the messages of a prompt for these variables. Nothing is called."""
    messages = options.library(config).messages(name, options.variables_of(variable, file), version)
    if as_json:
        show_json(messages)
        return
    console = out()
    for n, message in enumerate(messages):
        content = message["content"]
        parts = [content] if isinstance(content, str) else [part.get("text") or "[image]" for part in content]
        if len(messages) > 1:
            console.print(f"{chr(10) if n else ''}── {message['role']}", style="bold")
        for part in parts:
            console.print(part, soft_wrap=True)


@app.command()
def diff(
    name: options.PromptName,
    old: Annotated[str, typer.Argument(metavar="OLD", help="A number, label or digest.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The same; the latest if left out.")] = "latest",
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Show what changed between two versions: the text, and the variables that came or went."""
    from difflib import unified_diff

    library = options.library(config)
    before, after = library.get(name, old), library.get(name, new)
    came = [key for key in after.variables if key not in before.variables]
    went = [key for key in before.variables if key not in after.variables]
    one, other = (f"{template.name} v{template.version}" for template in (before, after))
    lines = list(unified_diff(before.text.splitlines(), after.text.splitlines(), one, other, lineterm=""))
    if as_json:
        show_json({"old": before.version, "new": after.version, "added": came, "removed": went, "diff": lines})
        return
    console = out()
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in lines:
        console.print(line, style=styles.get(line[:1]), soft_wrap=True)
    for said, names in (("new variables", came), ("variables that went", went)):
        if names:
            console.print(f"{said}: {', '.join(names)}", style="yellow", soft_wrap=True)
    if not lines:
        console.print("no difference")


@contextmanager
def recorded(config: Path | None, since: str | None) -> Iterator[tuple[Library, Records]]:
    """The library, and what the books say of it."""
    from orchestra.cli.prompt_rows import Records

    library = options.library(config)
    with books.opened(config) as found:
        began = books.period_of(since, None, found.now(), books.zone_of(None)).since
        yield library, Records(library, found.ledger, began)


def score(row: Row) -> str:
    """A mean score, and of how many; empty where there is none."""
    return "" if row.scored is None else f"{row.scored.mean:.3f} ({row.scored.count:,})"


for name, command in (("new", new), ("promote", promote), ("rollback", rollback), ("lint", lint), ("test", run_tests)):
    app.command(name=name)(command)
app.command(name="import")(import_)
