"""`orchestra local`: the model that needs no key."""

from __future__ import annotations

import typer

from orchestra.cli import options
from orchestra.cli.output import out, show_json

app = typer.Typer(help="The local model, which needs no key.", no_args_is_help=True)


@app.command()
def install(as_json: options.Json = False) -> None:
    """Install the weights of the local model (about 100 MB) where this Python keeps its packages."""
    from orchestra.cli.progress import Progress
    from orchestra.local import MODEL, install_weights

    with Progress() as progress:
        path = install_weights(progress.say)
    if as_json:
        show_json({"model": MODEL, "weights": str(path)})
    else:
        out().print(f"{MODEL} is installed: {path}", soft_wrap=True)
