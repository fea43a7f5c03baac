"""`orchestra init`: a policy file to start from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from orchestra.cli import options
from orchestra.cli.output import out, show_json
from orchestra.errors import ConfigError


def init(
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="Where to write it (default: ./orchestra.yaml).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: options.Json = False,
) -> None:
    """Write a policy file, with comments, for the keys found in the environment; the keys stay where they are."""
    from orchestra.build import build
    from orchestra.catalog import Catalog
    from orchestra.cli.starter import starter
    from orchestra.settings import parse
    from orchestra.settings.atomic import write
    from orchestra.settings.file import BESIDE

    target = path or BESIDE
    if target.is_dir():
        target /= BESIDE.name
    if target.exists() and not force:
        raise ConfigError(f"{target} is there already; --force writes over it, `orchestra settings set` changes it")
    catalog = Catalog()
    found = {
        card.name: variable
        for card in catalog.providers()
        if (variable := next((name for name in card.key_variables if os.environ.get(name)), None))
    }
    text = starter(catalog, found)
    build(parse(text, str(target)), catalog=catalog)
    write(target, text)
    if as_json:
        show_json({"path": str(target), "keys": found})
        return
    keys = ", ".join(found.values()) if found else "no key, so the local model answers"
    out().print(f"wrote {target} ({keys})", soft_wrap=True)
    out().print('next: orchestra check; orchestra explain "…" --task reasoning; orchestra ask "…"', soft_wrap=True)
