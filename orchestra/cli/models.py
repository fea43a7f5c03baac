"""`orchestra models`: what can be asked, for how much, and what it can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestra.cli import options
from orchestra.cli.output import show_json, show_table, table
from orchestra.errors import ConfigError

if TYPE_CHECKING:
    from orchestra.catalog import Card
    from orchestra.model_config import ModelConfig
    from orchestra.tree import Tree


@dataclass(frozen=True, slots=True)
class Row:
    """A model as it is listed; `roles` are the short names that stand for it (`openai`, `openai:fast`)."""

    name: str
    model: ModelConfig
    roles: tuple[str, ...] = ()

    @property
    def card(self) -> Card:
        return self.model.card

    def has(self, words: list[str]) -> bool:
        """Each of the words is in one of its names."""
        names = " ".join((self.name, self.card.litellm, self.model.provider, *self.roles)).casefold()
        return all(word.casefold() in names for word in words)


def models(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="Only names with this in them.", show_default=False)
    ] = None,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Only this provider's.")] = None,
    ability: Annotated[
        list[str] | None, typer.Option(metavar="ABILITY", help="Only those that can do this; may be repeated.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that LiteLLM's price map has.")] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """List models: provider, context window, price, abilities, whether their key is set, and what replaces old ones."""
    from orchestra.build import build
    from orchestra.settings import find, read

    tree = build(read(find(config)))
    kind = provider_name(tree, provider)
    wanted = set(abilities(ability))
    meant = tree.catalog.find(" ".join(words or ()))
    rows = [
        row
        for row in listed(tree, everything)
        if kind in (None, row.model.provider)
        and wanted <= row.card.abilities
        and (row.has(words or []) or (meant is not None and row.card.litellm == meant.litellm))
    ]
    today = datetime.fromtimestamp(tree.runtime.wall(), UTC).date()
    if as_json:
        show_json([as_data(row) | {"retired": row.card.retired(today)} for row in rows])
        return
    if not rows:
        named = f" has {' '.join(words)!r} in its name" if words else " fits"
        others = " among those asked for" if words and (provider or ability) else ""
        raise ConfigError(f"no model{others}{named}{'' if everything else '; --all lists every one of LiteLLM'}")
    made = table(
        "model",
        "provider",
        "context",
        "$/M in",
        "$/M out",
        "key",
        "retired",
        "abilities",
        "roles",
        whole=("model", "retired"),
    )
    for column in made.columns[2:5]:
        column.justify = "right"
    for row in rows:
        gone = row.card.retired(today)
        made.add_row(
            row.name,
            row.model.provider,
            size(row.card.context_tokens),
            price(row.card.input_usd_per_mtok),
            price(row.card.output_usd_per_mtok),
            "yes" if row.model.unready() is None else "no",
            f"{row.card.retired_on} → {row.card.successor or '?'}" if gone else "",
            " ".join(sorted(row.card.abilities)),
            " ".join(row.roles),
            style="dim" if gone else None,
        )
    show_table(made)


def listed(tree: Tree, everything: bool) -> Iterator[Row]:
    """The models of the settings, then those of the catalogue, each once."""
    for name in tree.settings.models:
        if model := tree.names.find(name):
            yield Row(name, model)
    roles: dict[str, list[str]] = {}
    for card in tree.catalog.providers():
        for role in card.models:
            if model := tree.names.find(f"{card.name}:{role}"):
                roles.setdefault(model.model, []).append(card.name if role == "default" else f"{card.name}:{role}")
    seen: set[str] = set()
    for found in tree.catalog.all_cards() if everything else tree.catalog.cards():
        model = tree.names.find(found.name)
        if model is not None and model.model not in seen:
            seen.add(model.model)
            yield Row(found.name, model, tuple(roles.get(model.model, ())))


def provider_name(tree: Tree, name: str | None) -> str | None:
    """The provider as the catalogue spells it; raises `typer.BadParameter` for one that it does not know."""
    if name is None:
        return None
    card = tree.catalog.provider(name)
    if card is None and name not in tree.settings.providers and not tree.catalog.knows_provider(name):
        known = ", ".join(card.name for card in tree.catalog.providers())
        raise typer.BadParameter(f"no provider is called {name!r}; there are: {known}", param_hint="--provider")
    return card.name if card else name


def abilities(names: list[str] | None) -> list[str]:
    """The abilities asked for; raises `typer.BadParameter` for a word that is none."""
    from typing import get_args

    from orchestra.catalog import Ability

    for name in names or ():
        if name not in get_args(Ability):
            known = ", ".join(get_args(Ability))
            raise typer.BadParameter(f"no ability is called {name!r}; there are: {known}", param_hint="--ability")
    return names or []


def as_data(row: Row) -> dict[str, Any]:
    """A model as plain data; prices in USD per million tokens as decimal text, `null` for what nobody knows."""
    card = row.card
    prices = (card.input_usd_per_mtok, card.output_usd_per_mtok)
    return {
        "name": row.name,
        "litellm": card.litellm,
        "provider": row.model.provider,
        "mode": card.mode,
        "roles": row.roles,
        "context_tokens": card.context_tokens,
        "output_tokens": card.output_tokens,
        "input_usd_per_mtok": None if prices[0] is None else f"{prices[0]:f}",
        "output_usd_per_mtok": None if prices[1] is None else f"{prices[1]:f}",
        "price_source": card.source,
        "abilities": sorted(card.abilities),
        "key_present": row.model.missing_key is None,
        "missing_key": row.model.missing_key,
        "retired_on": card.retired_on,
        "successor": card.successor,
    }


def size(tokens: int | None) -> str:
    """A number of tokens in short: 128k, 1.05M."""
    if tokens is None:
        return "?"
    if tokens < 1000:
        return str(tokens)
    return f"{tokens / 1_000_000:.3g}M" if tokens >= 1_000_000 else f"{tokens / 1000:.3g}k"


def price(usd: Decimal | None) -> str:
    """A price per million tokens; `?` when nobody knows it."""
    return "?" if usd is None else f"{usd:.2f}" if usd == round(usd, 2) else f"{usd.normalize():f}"
