"""The spec's words for an ensemble as a node of a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestra.errors import ConfigError
from orchestra.settings.api import ENSEMBLE_SPELLINGS, EnsembleConfig
from orchestra.settings.file import dotted
from orchestra.settings.nodes import FuseSpec, NodeSpec, RankSpec, VerifySpec, VoteSpec

STRATEGIES: dict[str, type[VoteSpec | RankSpec | FuseSpec | VerifySpec]] = {
    "voting": VoteSpec,
    "ranking": RankSpec,
    "fusion": FuseSpec,
    "verification": VerifySpec,
}
"""The node that each strategy of the spec is."""

WORDS = {
    "quality_metric": "metric",
    "generator_model": "generator",
    "validator_model": "validator",
    "schema": "json_schema",
}
"""The spec's words for fields of a node."""

NODE: TypeAdapter[NodeSpec] = TypeAdapter(NodeSpec)


def words_of(strategy: str) -> set[str]:
    """Every word that goes with a strategy; raises `ConfigError` for a strategy that there is not."""
    strategy = ENSEMBLE_SPELLINGS.get(strategy, strategy)
    if strategy not in STRATEGIES:
        known = ", ".join(f"{ours} ({spec})" for ours, spec in ENSEMBLE_SPELLINGS.items())
        raise ConfigError(f"no ensemble strategy is called {strategy!r}; there are {known}")
    fields = STRATEGIES[strategy].model_fields.keys() - {"kind", "models"}
    return fields | {word for word, field in WORDS.items() if field in fields}


def sorted_out(strategy: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that are words of a strategy, and the others, which belong to the request.

    A `schema` is a word of fusion; the others ask for it by `response_format`.
    """
    known = words_of(strategy)
    words = {word: value for word, value in options.items() if word in known and not _of_litellm(word, value)}
    others = {word: value for word, value in options.items() if word not in words}
    schema = others.pop("schema", None)
    if isinstance(schema, Mapping) and "properties" in schema:
        schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return words, others if schema is None else {**others, "response_format": schema}


def _of_litellm(word: str, value: Any) -> bool:
    """LiteLLM's `stop` lists what ends a text; a vote's says what ends the vote."""
    return word == "stop" and value not in ("all", "decided")


def node(strategy: str, models: Sequence[Any], words: Mapping[str, Any]) -> NodeSpec:
    """The node of a strategy; raises `ConfigError` for what does not go with it.

    A verification takes its generator and its validator from `models` where no word names them.
    """
    known = words_of(strategy)
    given: dict[str, Any] = {WORDS.get(word, word): value for word, value in words.items() if value is not None}
    for word in words.keys() - known:
        raise ConfigError(f"{strategy} has no {word!r}; it has {', '.join(sorted(known))}")
    kind = STRATEGIES[ENSEMBLE_SPELLINGS.get(strategy, strategy)]
    if kind is VerifySpec:
        given = {**dict(zip(("generator", "validator"), models, strict=False)), **given}
    else:
        given["models"] = list(models)
    try:
        return NODE.validate_python({"kind": kind.model_fields["kind"].default, **given})
    except ValidationError as invalid:
        found = invalid.errors(include_url=False)
        raise ConfigError(*(f"{strategy}: {dotted(list(one['loc'][1:]))}: {one['msg']}" for one in found)) from None


def ensemble(config: EnsembleConfig) -> NodeSpec:
    """The flat fields of the spec as a node."""
    known = words_of(config.strategy)
    words = {name: value for name, value in config if name in known}
    return node(config.strategy, config.models, words)
