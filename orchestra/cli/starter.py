"""The text of a first policy file: the shipped policy, narrowed to the providers whose keys are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestra.catalog import Catalog, ProviderCard
from orchestra.names import LOCAL
from orchestra.resources import shipped
from orchestra.settings.document import Document

HEAD = """\
# How Orchestra decides which model answers. Written by `orchestra init`; change what you like.
#   orchestra check                                  what is wrong in here
#   orchestra explain "…" --task reasoning           what it decides, and why, without a call
#   orchestra settings set deadline_s 60             a change that keeps these comments
version: 1

# Time and retries, for every request.
deadline_s: {deadline_s}            # seconds in all, retries and fallbacks included; null: no end
max_retries: {max_retries}             # of one request, over all models
retry_delay_seconds: {retry_delay_seconds}     # doubled for each retry, and drawn at random from 0 up to that
# max_requests_per_minute: 60

on_retired: {on_retired}            # a model that its provider has withdrawn: try | successor | refuse
drop_params: {drop_params}         # true: leave out what the chosen model refuses, such as temperature
"""

PROVIDERS = """
# Where the keys are: the names of environment variables, never the keys themselves. `openai` stands for the provider's
# default model, `openai:fast` for another of its roles. Name roles under `models:` to choose for yourself; those in
# the comments are what the catalogue has today.
providers:
"""

NO_PROVIDERS = """
# No key was found in the environment, so the local model answers. A provider is added by its key, as in
#   orchestra settings set providers.openai.api_key
# providers:
#   openai:
#     api_key: os.environ/OPENAI_API_KEY
"""

POLICY = """
# From the top, the first rule that holds and has a model that can serve decides. A rule looks at: task, priority (high,
# normal, budget, speed), input_tokens (such as "> 100000"), tags, images, audio, video, files, tools, structured.
policies:
  default:
    kind: route
"""


def starter(catalog: Catalog, found: Mapping[str, str]) -> str:
    """A policy file for the providers in `found`, each with the variable that holds its key."""
    from orchestra.settings import APISettings

    default = Document((shipped("config") / "default.yaml").read_text(encoding="utf-8")).data
    spec = APISettings()
    values = {
        "deadline_s": f"{spec.deadline_s:g}",
        "max_retries": default["max_retries"],
        "retry_delay_seconds": default["retry_delay_seconds"],
        "on_retired": spec.on_retired,
        "drop_params": str(spec.drop_params).lower(),
    }
    cards = [card for card in catalog.providers() if card.name in found]
    parts = [HEAD.format(**values), PROVIDERS if cards else NO_PROVIDERS]
    parts += (_provider(card, found[card.name]) for card in cards)
    parts += [POLICY, *_policy(default["policies"]["default"], catalog, cards)]
    return "".join(parts)


def _provider(card: ProviderCard, variable: str) -> str:
    roles = "".join(f"    #   {role}: {model}\n" for role, model in card.models.items())
    return f"  {card.name}:\n    api_key: os.environ/{variable}\n    # models:\n{roles}"


def _policy(spec: Mapping[str, Any], catalog: Catalog, cards: list[ProviderCard]) -> Iterator[str]:
    names = {card.name for card in cards}

    def kept(use: Any) -> list[str]:
        models = [use] if isinstance(use, str) else use
        return [model for model in models if _provider_of(model, catalog) in names]

    rules = [(rule, models) for rule in spec["rules"] if (models := kept(rule["use"]))]
    fallback = [*kept(spec["fallback"])]
    fallback += [card.name for card in cards if card.name not in {_provider_of(model, catalog) for model in fallback}]
    if rules:
        yield "    rules:\n"
    for rule, models in rules:
        yield f"      - name: {rule['name']}\n"
        yield f"        when: {_flow(rule['when'])}\n"
        yield f"        use: {_flow(models)}\n"
        yield f"        reason: {rule['reason']}\n"
    yield f"    otherwise: {[*fallback, LOCAL][0]}\n"
    yield f"    fallback: {_flow([*fallback, LOCAL])}       # asked in this order when the chosen model fails\n"


def _provider_of(model: str, catalog: Catalog) -> str | None:
    card = catalog.provider(model.partition(":")[0])
    return card.name if card else None


def _flow(value: Any) -> str:
    """A value in YAML's one-line form, which takes JSON's strings."""
    import json

    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) and value.replace("_", "").replace(":", "").isalnum() else json.dumps(value)
