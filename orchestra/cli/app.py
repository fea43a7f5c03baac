"""The commands, put together. Their modules import what is slow to import only when they run."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestra.cli.ask import ask
from orchestra.cli.budget import budget
from orchestra.cli.calibrate import calibrate
from orchestra.cli.check import check
from orchestra.cli.experiment import app as experiment
from orchestra.cli.explain import explain
from orchestra.cli.init import init
from orchestra.cli.learn import learn
from orchestra.cli.ledger import app as ledger
from orchestra.cli.local import app as local
from orchestra.cli.log import log
from orchestra.cli.models import models
from orchestra.cli.panel import panel
from orchestra.cli.prompts import app as prompts
from orchestra.cli.providers import providers
from orchestra.cli.proxy import proxy
from orchestra.cli.replay import replay
from orchestra.cli.run import run
from orchestra.cli.schema import schema
from orchestra.cli.settings import app as settings
from orchestra.cli.usage import usage

app = typer.Typer(
    help="Which model, combined how, for how much, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
everyday = (ask, explain, usage, log, budget)
building = (check, models, providers, schema, init)
learning = (learn, replay, panel, calibrate)
for command in (*everyday, *learning, *building, proxy):
    app.command()(command)
app.add_typer(prompts, name="prompts")
app.command(context_settings={"allow_interspersed_args": False})(run)
app.add_typer(settings, name="settings")
app.add_typer(experiment, name="experiment")
app.add_typer(ledger, name="ledger")
app.add_typer(local, name="local")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"orchestra {version('orchestra')}")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    import os

    # LiteLLM would fetch its price map from the network when it is imported. A program that is run decides for itself.
    if context.invoked_subcommand != "run":
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

    from orchestra.settings.keys import KeyFile

    KeyFile.default().load(os.environ)
