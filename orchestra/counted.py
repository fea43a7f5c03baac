"""Which calls a budget counts: the names that are written for it, as calls have them."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from orchestra.catalog import Catalog
from orchestra.errors import ConfigError
from orchestra.names import Names
from orchestra.settings import APISettings
from orchestra.settings.money import BudgetSpec

WILD = frozenset("*?[")


class Counted:
    """Resolves what budgets are for; a name that no call could have is a mistake, and not a budget without calls."""

    def __init__(self, settings: APISettings, catalog: Catalog, names: Names) -> None:
        self._settings = settings
        self._catalog = catalog
        self._names = names

    def spec(self, spec: BudgetSpec) -> BudgetSpec:
        """The budget with every name as calls have it; raises `ConfigError`."""
        models = tuple(name for written in spec.models for name in self.models(written))
        providers = tuple(self.provider(written) for written in spec.providers)
        return spec.model_copy(update={"models": models, "providers": providers})

    def models(self, written: str) -> tuple[str, ...]:
        """A model as it is written, and its LiteLLM id where that is another; patterns stay as they are."""
        if WILD & set(written):
            return (written,)
        if written not in self._settings.models and self._catalog.find(written) is None and self._provider(written):
            raise ConfigError(f"{written!r} is a provider; name it under 'providers:'")
        model = self._names.find(written)
        if model is None:
            if written in {known.partition("/")[2] for known in self._ids()}:
                return (written,)
            raise ConfigError(f"no model is called {written!r}{self._names.hint(written)}")
        same = any(fnmatchcase(name, written) for name in (model.model, model.model.partition("/")[2]))
        return (written,) if same else (written, model.model)

    def provider(self, written: str) -> str:
        """A provider, in any spelling of its name, as calls have it; a pattern stays as it is."""
        if WILD & set(written):
            return written
        entry = self._settings.providers.get(written)
        kind = (entry and entry.provider) or written
        card = self._catalog.provider(kind)
        name = card.name if card else kind
        if entry is not None and self._catalog.provider(written) is None and name != written:
            raise ConfigError(f"calls to {written!r} count as those of the provider {name!r}; name that")
        if entry is None and not self._catalog.knows_provider(written):
            close = self._catalog.suggest_provider(written, self._settings.providers)
            hint = f"did you mean {close!r}?" if close else "'orchestra providers' lists those there are"
            raise ConfigError(f"no provider is called {written!r}; {hint}")
        return name

    def _provider(self, name: str) -> bool:
        return name in self._settings.providers or self._catalog.provider(name) is not None

    def _ids(self) -> Iterator[str]:
        """The LiteLLM id of every model that is known or set up."""
        yield from (card.litellm for card in self._catalog.all_cards())
        roles = [f"{entry}:{role}" for entry, one in self._settings.providers.items() for role in one.models]
        for name in (*self._settings.models, *roles):
            if model := self._names.find(name):
                yield model.model
