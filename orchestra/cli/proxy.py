"""`orchestra proxy`: LiteLLM's proxy in front of the policies, for any OpenAI client in any language."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from orchestra.cli import options
from orchestra.cli.output import err, out, show_json
from orchestra.errors import ConfigError

NEEDS = ("fastapi", "uvicorn", "apscheduler", "orjson")
LOCAL = ("127.0.0.1", "localhost", "::1")
START = "from litellm import run_server; run_server()"


def proxy(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="…", help="More for LiteLLM's own command, after `--`.")
    ] = None,
    config: options.Config = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = LOCAL[0],
    port: Annotated[int, typer.Option(min=1, max=65535, metavar="N")] = 4000,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Only write LiteLLM's config.yaml, to this file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: options.Json = False,
) -> None:
    """Serve every policy through LiteLLM's proxy, which speaks OpenAI's API. Costs what the models cost.

    A LiteLLM config.yaml may be given as the policy file: its server's settings stay. Where
    LITELLM_MASTER_KEY is set, callers need that key; on other addresses than this machine's own it must be.
    """
    import yaml

    from orchestra.build import build
    from orchestra.dropin.proxy_config import MASTER_KEY, proxy_config, served
    from orchestra.settings import find, parse
    from orchestra.settings.atomic import write as written
    from orchestra.settings.keys import config_folder

    source = find(config)
    if write is not None and write.exists():
        if isinstance(source, Path) and write.samefile(source):
            raise ConfigError(f"{write} is the policy file itself; --write another")
        if not force:
            raise ConfigError(f"{write} is there already; --force writes over it")
    text = source.read_text(encoding="utf-8")
    tree = build(parse(text, str(source)))
    place = str(source.resolve()) if isinstance(source, Path) else None
    given = yaml.safe_load(text) or {}
    names, made = served(tree, given), proxy_config(tree, given, place, local=host in LOCAL)
    if write is None and host not in LOCAL and "master_key" not in made["general_settings"]:
        raise ConfigError(f"on {host} anyone could spend your money: set {MASTER_KEY}, the key that callers will need")
    target = write or config_folder() / f"proxy-{port}.yaml"
    target.parent.mkdir(parents=True, exist_ok=True)
    head = f"# Written by `orchestra proxy` for {place or 'the shipped policies'}.\n"
    written(target, head + yaml.safe_dump(made, sort_keys=False), private=True)
    url = f"http://{host}:{port}/v1"
    if as_json:
        show_json({"config": str(target), "url": url, "models": names})
    if write is not None:
        if not as_json:
            out().print(f"wrote {target}\nnext: litellm --config {target} --host {host} --port {port}", soft_wrap=True)
        return
    lacking = next((name for name in NEEDS if find_spec(name) is None), None)
    if lacking is not None:
        raise ConfigError(f"LiteLLM's proxy needs {lacking!r} and more: pip install 'orchestra[proxy]'")
    err().print(f"{url} serves {', '.join(names)} (by {target})", soft_wrap=True)
    # A web page that is open on this machine is not to spend money here.
    os.environ.setdefault("LITELLM_CORS_ORIGINS", f"http://{host}:{port}")
    if place is not None:  # where a LiteLLM config has the modules that it names
        path = [str(Path(place).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(path)
    command = [sys.executable, "-c", START, "--config", str(target), "--host", host, "--port", str(port)]
    sys.stdout.flush()
    os.execv(command[0], [*command, *(arguments or ())])
