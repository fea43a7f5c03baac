"""`orchestra settings`: what is set, and how it is changed."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestra.cli import options
from orchestra.cli.output import out, show_json, warn

if TYPE_CHECKING:
    from orchestra.settings.edit import SettingsFile

app = typer.Typer(help="Show and change the settings.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(metavar="KEY", help="Such as router.strategy or providers.openai.api_key.")]


@app.command()
def show(config: options.Config = None, as_json: options.Json = False) -> None:
    """Draw the settings that count here; keys are masked."""
    from orchestra.build import build
    from orchestra.cli.settings_screen import drawn, settings_data
    from orchestra.settings import find, read

    data = settings_data(build(read(find(config))))
    if as_json:
        show_json(data)
    else:
        out().print(drawn(data))


@app.command(name="set", context_settings={"ignore_unknown_options": True})  # -5 is a value
def set_(
    key: Key,
    value: Annotated[
        str | None,
        typer.Argument(metavar="VALUE", help="As YAML; a key left out here is asked for, unseen.", show_default=False),
    ] = None,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Set one value in the policy file; its comments stay. A provider's key is kept in a file of its own."""
    if value is not None and re.match(r"-(?![\d.])", value):
        raise typer.BadParameter(f"no such option: {value}")
    file = _file(config)
    before = file.keys.read()
    variable = file.set(key, _value(key) if value is None else value)
    if variable is not None and os.environ.get(variable) not in (None, before.get(variable)):
        warn(f"{variable} is set in the environment, which counts before {file.keys.path}")
    if as_json:
        show_json({"path": str(file.path), "key": key, "variable": variable})
        return
    where = f" as ${variable}; the key itself is in {file.keys.path}" if variable else ""
    out().print(f"{file.path}: {key} is set{where}", soft_wrap=True)


@app.command()
def reset(
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="Only this one.", show_default=False)] = None,
    config: options.Config = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: options.Json = False,
) -> None:
    """Go back to the defaults, for one key or for all; the old file is kept as .bak when all are reset."""
    file = _file(config)
    kept = None
    if key is not None:
        file.reset(key)
    else:
        if file.path.exists() and not yes:
            if not sys.stdin.isatty():
                raise typer.BadParameter("this replaces the whole file; add --yes")
            typer.confirm(f"Replace {file.path} by the defaults?", abort=True, err=True)
        kept = file.reset_all()
    if as_json:
        show_json({"path": str(file.path), "key": key, "kept": str(kept) if kept else None})
        return
    where = f"; the old file is {kept}" if kept else ""
    out().print(f"{file.path}: {key or 'everything'} is back to its default{where}", soft_wrap=True)


def _file(config: Path | None) -> SettingsFile:
    """The file to change; it begins as one beside the caller where only the shipped one counts."""
    from orchestra.build import build
    from orchestra.catalog import Catalog
    from orchestra.settings import find
    from orchestra.settings.edit import SettingsFile
    from orchestra.settings.file import BESIDE, VARIABLE
    from orchestra.settings.keys import KeyFile

    catalog = Catalog()

    def variables(provider: str) -> tuple[str, ...]:
        card = catalog.provider(provider)
        return card.key_variables if card else ()

    found = find(config)
    shipped = config is None and not os.environ.get(VARIABLE) and not BESIDE.is_file()
    path = BESIDE if shipped else Path(str(found))
    return SettingsFile(path, KeyFile.default(), lambda file: build(file, catalog=catalog), variables)


def _value(key: str) -> str:
    """A value that was not on the command line, where other users of the machine could see it."""
    if sys.stdin.isatty():
        return str(typer.prompt(key, hide_input=True, err=True))
    return sys.stdin.readline().strip()
