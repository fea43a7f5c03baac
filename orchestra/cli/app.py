"""The commands, put together. Their modules import what is slow to import only when they run."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestra.cli import ask, check, explain, init, local, models, providers, schema, settings

app = typer.Typer(
    help="Which model, combined how, for how much, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(ask.ask)
app.command()(explain.explain)
app.command()(check.check)
app.command()(models.models)
app.command()(providers.providers)
app.command()(schema.schema)
app.command()(init.init)
app.add_typer(settings.app, name="settings")
app.add_typer(local.app, name="local")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"orchestra {version('orchestra')}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    import os

    from orchestra.settings.keys import KeyFile

    KeyFile.default().load(os.environ)
