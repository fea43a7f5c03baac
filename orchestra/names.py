"""Names of models: what a user writes, resolved to a model as it will be called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from orchestra.catalog import Card, Catalog, ProviderCard
from orchestra.errors import ConfigError
from orchestra.local import MODEL, LocalServer, missing
from orchestra.model_config import ModelConfig
from orchestra.settings import APISettings, ModelSpec, ProviderConfig

LOCAL = "local"
PREFIX = "orchestra/"


class Names:
    """Resolves names in this order: `models:`, the catalogue, a provider (`groq`, `groq:fast`), any LiteLLM id."""

    def __init__(self, settings: APISettings, catalog: Catalog, local: LocalServer) -> None:
        self._settings = settings
        self._catalog = catalog
        self._local = local
        self._local_complete = False

    def find(self, name: str, params: Mapping[str, Any] | None = None) -> ModelConfig | None:
        """The model of that name, `params` added to its own; `None` when nobody knows it."""
        spec = self._settings.models.get(name)
        found = self._own(name, spec) if spec is not None else self._known(name)
        if found is None or not params:
            return found
        return replace(found, params={**found.params, **params})

    def all(self) -> Iterator[str]:
        """Every name worth suggesting."""
        yield from self._settings.models
        yield from self._settings.providers
        yield from (card.name for card in self._catalog.cards())

    def _own(self, name: str, spec: ModelSpec) -> ModelConfig:
        if spec.litellm.startswith(PREFIX):
            raise ConfigError(f"{spec.litellm!r} is a policy, no model of LiteLLM's; name it where it is used")
        base = self._known(spec.litellm) if spec.litellm != name else self._catalogued(spec.litellm)
        if spec.provider is not None:
            if spec.provider not in self._settings.providers and self._catalog.provider(spec.provider) is None:
                raise ConfigError(f"no provider is called {spec.provider!r}")
            card = base.card if base else self._catalog.unknown(spec.litellm)
            base = self._config(name, card, *self._provider(spec.provider))
        if base is None:
            raise ConfigError(f"LiteLLM knows no model {spec.litellm!r}{self.hint(spec.litellm)}")
        if spec.base_model is not None:
            base = replace(base, card=self._alike(base.card, spec.base_model))
        prices = {
            rate: usd / 1_000_000
            for rate, usd in (
                ("input_cost_per_token", spec.input_usd_per_mtok),
                ("output_cost_per_token", spec.output_usd_per_mtok),
            )
            if usd is not None
        }
        card = replace(
            base.card,
            name=name,
            row={**base.card.row, **prices},
            context_tokens=spec.context_tokens or base.card.context_tokens,
            output_tokens=spec.output_tokens or base.card.output_tokens,
            abilities=base.card.abilities if spec.abilities is None else frozenset(spec.abilities),
            free=(base.card.free and not prices) if spec.free is None else spec.free,
        )
        params = {**base.params, **spec.params}
        timeout_s = base.timeout_s if spec.timeout_s is None else spec.timeout_s
        return replace(base, name=name, card=card, params=params, timeout_s=timeout_s)

    def _alike(self, card: Card, base_model: str) -> Card:
        """A card with what is known of another model."""
        like = self._catalog.find(base_model)
        if like is None:
            raise ConfigError(f"nobody knows the base_model {base_model!r}{self.hint(base_model)}")
        return replace(like, litellm=card.litellm, provider=card.provider, refuses=card.refuses | like.refuses)

    def _known(self, name: str) -> ModelConfig | None:
        return self._entry(name) or self._catalogued(name) or self._role(name) or self._unlisted(name)

    def _entry(self, name: str) -> ModelConfig | None:
        """`entry/model`, where `entry` is a name of `providers:` that stands for a server of the user's own."""
        entry, _, model = name.partition("/")
        config = self._settings.providers.get(entry)
        if not model or config is None or (config.base_url is None and config.provider in (None, entry)):
            return None
        return self._of_provider(name, entry, model)

    def _catalogued(self, name: str) -> ModelConfig | None:
        card = self._catalog.find(name)
        return None if card is None else self._config(name, card, *self._provider(card.provider))

    def _role(self, name: str) -> ModelConfig | None:
        """`groq` is the role `default` of the provider, `groq:fast` another."""
        entry, _, role = name.partition(":")
        provider, config = self._provider(entry)
        if provider is None and config is None:
            return None
        if entry == LOCAL and not (config and config.base_url):
            return self._local_model(name)
        roles = {**(provider.models if provider else {}), **(config.models if config else {})}
        model = roles.get(role or "default")
        if model is None:
            if not roles:
                raise ConfigError(
                    f"provider {entry!r} has no models; name some under its 'models:', or use '{entry}/…'"
                )
            raise ConfigError(f"provider {entry!r} has no role {role or 'default'!r}; it has {', '.join(roles)}")
        return self._of_provider(name, entry, model)

    def _of_provider(self, name: str, entry: str, model: str) -> ModelConfig:
        provider, config = self._provider(entry)
        prefix = provider.litellm if provider else entry
        own = config is not None and config.base_url is not None and provider is not None and provider.free
        card = None
        if not own:
            card = self._catalog.find(f"{prefix}/{model}") or self._catalog.find(model)
        if card is None or (provider is not None and card.provider != provider.name):
            model_id = model if model.startswith(f"{prefix}/") else f"{prefix}/{model}"
            card = self._catalog.unknown(model_id, provider.name if provider else None)
            free = config.free if config and config.free is not None else bool(provider and provider.free)
            card = replace(card, name=name, free=free)
        return self._config(name, card, provider, config)

    def _unlisted(self, name: str) -> ModelConfig | None:
        """An id that the catalogue has no row for, of a provider that is known or configured: legal, price unknown."""
        entry, slash, model = name.partition("/")
        if not slash or not model:
            return None
        provider, config = self._provider(entry)
        if provider is None and config is None and not self._catalog.knows_provider(entry):
            return None
        return self._of_provider(name, entry, model)

    def _local_model(self, name: str) -> ModelConfig:
        card = self._catalog.find(f"{LOCAL}/{MODEL}") or self._catalog.unknown(f"openai/{MODEL}", LOCAL)
        model = self._config(name, card, self._catalog.provider(LOCAL), self._settings.providers.get(LOCAL))
        return replace(model, needs_key=False, address=self._local.address, lacks=self._lacks)

    def _lacks(self) -> str | None:
        """What the local model misses; once it misses nothing, that is remembered."""
        if not self._local_complete:
            problem = missing()
            self._local_complete = problem is None
            return problem
        return None

    def _provider(self, name: str) -> tuple[ProviderCard | None, ProviderConfig | None]:
        """What is known of a provider, and how it is configured, whichever of its names is used."""
        config = self._settings.providers.get(name)
        kind = config.provider if config and config.provider else name
        card = self._catalog.provider(kind)
        if config is None and card is not None:
            for entry, candidate in self._settings.providers.items():
                if (found := self._catalog.provider(candidate.provider or entry)) and found.name == card.name:
                    config = candidate
                    break
        return card, config

    def _config(
        self, name: str, card: Card, provider: ProviderCard | None, config: ProviderConfig | None
    ) -> ModelConfig:
        config = config or ProviderConfig()
        provider = provider or self._catalog.provider(card.provider)
        params = dict(config.parameters)
        timeout_s = params.pop("timeout", None)
        if config.free is not None:
            card = replace(card, free=config.free)
        model = ModelConfig(
            name=name,
            card=card,
            provider=provider.name if provider else card.provider,
            api_key=config.api_key,
            key_variables=provider.key_variables if provider else (),
            needs_key=config.api_key is not None or bool(provider and provider.needs_key),
            keyless=provider is not None and not provider.needs_key,
            base_url=config.base_url or (provider.base_url if provider else None),
            organization=config.organization,
            params=params,
            enabled=config.enabled,
        )
        return model if timeout_s is None else replace(model, timeout_s=float(timeout_s))

    def hint(self, name: str) -> str:
        """What to do about a name that nobody knows."""
        close = self._catalog.suggest(
            name, [*self._settings.models, *self._settings.policies, *self._settings.providers]
        )
        return f"; did you mean {close!r}?" if close else "; 'orchestra models' lists those there are"
