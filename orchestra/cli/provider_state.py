"""How each provider stands: its key, its address, its default model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestra.errors import ConfigError
from orchestra.local import missing
from orchestra.names import LOCAL
from orchestra.settings.keys import masked
from orchestra.settings.provider import ProviderConfig

if TYPE_CHECKING:
    from orchestra.model_config import ModelConfig
    from orchestra.tree import Tree

NO_KEY = "no key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderState:
    """One provider as it would be called now.

    `entry` is what users write before `:` or `/`. `key_variable` is where its key is looked for, `None` where it needs
    none or has it from elsewhere; `key` is the masked key. `base_url` is the configured address. `ready` means that
    somebody has set it up and that it can be called; `lacks` says why it can't.
    """

    entry: str
    title: str
    enabled: bool
    key_variable: str | None
    key: str | None
    base_url: str | None
    default_model: str | None
    ready: bool
    lacks: str | None


def provider_states(tree: Tree) -> Iterator[ProviderState]:
    """Every provider of the catalogue under the name that the settings give it, then the user's own."""
    configured = tree.settings.providers
    kinds = {entry: tree.catalog.provider(config.provider or entry) for entry, config in configured.items()}
    for card in tree.catalog.providers():
        entries = [entry for entry, kind in kinds.items() if kind is not None and kind.name == card.name]
        for entry in entries or [card.name]:
            title = card.title if len(entries) < 2 else f"{card.title} ({entry})"
            yield _state(tree, entry, title, configured.get(entry, ProviderConfig()), card.key_variables)
    for entry, kind in kinds.items():
        if kind is None:
            yield _state(tree, entry, entry, configured[entry], ())


def _state(tree: Tree, entry: str, title: str, config: ProviderConfig, variables: tuple[str, ...]) -> ProviderState:
    model, problem = _default(tree, entry)
    secret = config.api_key
    if secret is not None:
        variable, key = secret.variable, secret.reveal()
    else:
        variable, key = variables[0] if variables else None, model.key() if model else None
    lacks = None
    if not config.enabled:
        lacks = "switched off"
    elif entry == LOCAL and config.base_url is None:
        lacks = missing()
    elif key is None and config.base_url is None:
        lacks = NO_KEY if variable else "no base_url"
    elif model is None:
        lacks = problem
    return ProviderState(
        entry=entry,
        title=title,
        enabled=config.enabled,
        key_variable=variable,
        key=masked(key) if key else None,
        base_url=config.base_url,
        default_model=_model_name(model, entry),
        ready=lacks is None,
        lacks=lacks,
    )


def _model_name(model: ModelConfig | None, entry: str) -> str | None:
    """The model's name in the catalogue; its LiteLLM id where it has no other name than its entry's."""
    if model is None:
        return None
    return model.model if model.card.name == entry else model.card.name


def _default(tree: Tree, entry: str) -> tuple[ModelConfig | None, str | None]:
    """Its default model, or why it has none."""
    try:
        return tree.names.find(entry), f"{entry!r} has no default model"
    except ConfigError as error:
        return None, str(error)
