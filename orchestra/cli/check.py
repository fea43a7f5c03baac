"""`orchestra check`: every mistake in a policy file at once, and what is worth knowing before it decides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestra.cli import options
from orchestra.cli.output import out, show_json, show_table, table, warn
from orchestra.errors import ConfigError

if TYPE_CHECKING:
    from orchestra.model_config import ModelConfig
    from orchestra.settings import PolicyFile
    from orchestra.settings.file import KeyPath
    from orchestra.tree import Tree


def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The policy file (default: the one that counts here).")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Check a policy file: all its mistakes, each with its line; 1 is the exit code when there are any."""
    from orchestra.build import build
    from orchestra.settings import find, read

    source = find(file)
    try:
        policy_file = read(source)
        tree = build(policy_file)
    except ConfigError as error:
        if as_json:
            show_json({"file": str(source), "ok": False, "problems": error.problems})
        else:
            out().print("\n".join(error.problems), soft_wrap=True)
        raise typer.Exit(1) from None
    warnings = list(findings(policy_file, tree))
    if as_json:
        policies = list(summaries(tree))
        show_json({"file": str(source), "ok": True, "problems": [], "warnings": warnings, "policies": policies})
        return
    for warning in warnings:
        warn(warning)
    made = table("policy", "kind", "ready", "models", whole=("policy",))
    for about in summaries(tree):
        models = about["models"]
        made.add_row(about["name"], about["kind"], f"{about['ready']} of {len(models)}", " ".join(models))
    out().print(f"{source}: no mistakes", soft_wrap=True)
    show_table(made)


def summaries(tree: Tree) -> Iterator[dict[str, Any]]:
    """Each policy: what it is, its models, and how many of them can be called here and now."""
    from orchestra.settings.flat import policies

    for name, spec in policies(tree.file).items():
        members = tree.asked[name]
        yield {
            "name": name,
            "kind": getattr(spec, "strategy", spec.kind),
            "models": [member.name for member in members],
            "ready": sum(member.unready() is None for member in members),
        }


def findings(file: PolicyFile, tree: Tree) -> Iterator[str]:
    """What is no mistake but worth mending: keys written down, retired models, missing keys, unknown prices."""
    yield from file.unread
    for entry, provider in file.settings.providers.items():
        if provider.api_key is not None and provider.api_key.literal:
            place = file.place(("providers", entry, "api_key"))
            key = f"providers.{entry}.api_key"
            elsewhere = (
                "name it as os.environ/NAME" if "#" in entry else f"`orchestra settings set {key}` keeps it elsewhere"
            )
            yield f"{place}: the key itself is in the file; {elsewhere}"
    members = {member.name: member for asked in tree.asked.values() for member in asked}
    members |= {name: model for name in file.settings.models if (model := tree.names.find(name)) is not None}
    today = datetime.fromtimestamp(tree.runtime.wall(), UTC).date()
    for name, member in members.items():
        card = member.card
        if card.retired(today):
            instead = f"; its successor is {card.successor!r}" if card.successor else ""
            yield f"{_place(file, name)}: {name!r} was retired by its provider on {card.retired_on}{instead}"
        if not card.free and (card.input_usd_per_mtok is None or card.output_usd_per_mtok is None):
            yield (
                f"{_place(file, name)}: nobody knows the price of {name!r}: its cost will not be counted; give it "
                "'input_usd_per_mtok' and 'output_usd_per_mtok' under 'models:'"
            )
    yield from _keyless(file, members)
    yield from _untrained(file)


def _untrained(file: PolicyFile) -> Iterator[str]:
    """The policies that learn and have not been taught yet."""
    from orchestra.build.routes import trained_path

    for name, spec in file.settings.policies.items():
        if getattr(spec, "strategy", None) != "learned":
            continue
        path, trained = ("policies", name), getattr(spec, "trained", None)
        if trained is None:
            yield f"{file.place(path)}: nothing is trained, so the strongest is asked; add 'trained: learned.json'"
        elif not trained_path(file, trained).exists():
            yield (
                f"{file.place((*path, 'trained'))}: {trained} is not there yet, so the strongest is asked; "
                f"'orchestra learn --policy {name}' writes it"
            )


def _keyless(file: PolicyFile, members: dict[str, ModelConfig]) -> Iterator[str]:
    without: dict[str, list[str]] = {}
    for name, member in members.items():
        if variable := member.missing_key:
            without.setdefault(variable, []).append(name)
    for variable, names in without.items():
        yield f"{file.origin}: {variable} is not set: {', '.join(names)} will be passed over"


def _place(file: PolicyFile, name: str) -> str:
    """Where a name is first used in the file; the file itself when it came from elsewhere."""
    path = ("models", name) if name in file.settings.models else next(_uses(file.data, name), None)
    return file.origin if path is None else file.place(path)


def _uses(data: Any, name: str) -> Iterator[KeyPath]:
    if data == name:
        yield ()
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, part in parts:
        yield from ((step, *rest) for rest in _uses(part, name))
