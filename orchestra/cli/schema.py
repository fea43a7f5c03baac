"""`orchestra schema`: what may stand in a policy file."""

from __future__ import annotations

from orchestra.cli import options
from orchestra.cli.output import show_json


def schema(as_json: options.Json = True) -> None:
    """Print the JSON schema of the policy file, for editors and other programs."""
    from orchestra.settings.schema import json_schema

    show_json(json_schema())
