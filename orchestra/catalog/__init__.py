"""What is known of providers and models: LiteLLM id, price, window, abilities; old names and their successors."""

from orchestra.catalog.card import Ability, Card, ProviderCard, Refusal
from orchestra.catalog.lookup import Catalog

__all__ = ["Ability", "Card", "Catalog", "ProviderCard", "Refusal"]
