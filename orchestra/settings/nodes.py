"""The nodes of a policy as they are written: a closed set, told apart by `kind`, nesting freely."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from orchestra.settings.base import Spec
from orchestra.types import Priority

StrategyName = Literal["task_based", "cost_optimized", "speed_optimized", "quality_optimized"]

COMPARISON = re.compile(r"\s*(<=|>=|<|>|=)?\s*([\d_]+)\s*(k|m)?\s*", re.IGNORECASE)
UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


class Bounds(Spec):
    """How many: `"> 100000"`, `"<= 5k"`, or a list of several that all hold."""

    above: int | None = None
    """More than this."""
    below: int | None = None
    """Less than this."""

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        if isinstance(value, (str, list)):
            bounds: dict[str, int] = {}
            for part in value if isinstance(value, list) else [value]:
                bounds |= _bound(str(part))
            return bounds
        return value

    def holds(self, n: int) -> bool:
        return (self.above is None or n > self.above) and (self.below is None or n < self.below)

    def covers(self, other: Bounds) -> bool:
        """Whatever meets `other` meets this too."""
        above = self.above is None or (other.above is not None and other.above >= self.above)
        return above and (self.below is None or (other.below is not None and other.below <= self.below))

    def __str__(self) -> str:
        low = [] if self.above is None else [f"> {self.above}"]
        return " and ".join(low + ([] if self.below is None else [f"< {self.below}"]))


def _bound(text: str) -> dict[str, int]:
    match = COMPARISON.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a comparison such as '> 100000' or '<= 5k'")
    sign, digits, unit = match.groups()
    n = int(digits) * UNITS[(unit or "").lower()]
    match sign:
        case ">":
            return {"above": n}
        case ">=":
            return {"above": n - 1}
        case "<":
            return {"below": n}
        case "<=":
            return {"below": n + 1}
        case _:
            return {"above": n - 1, "below": n + 1}


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class When(Spec):
    """What must hold for a rule to fire; what is not named does not matter. A list means any of its members."""

    task: Words | None = None
    priority: Annotated[tuple[Priority, ...], BeforeValidator(_listed)] | None = None
    input_tokens: Bounds | None = None
    tags: dict[str, Words] | None = None
    images: bool | None = None
    audio: bool | None = None
    video: bool | None = None
    files: bool | None = None
    tools: bool | None = None
    structured: bool | None = None
    """A JSON answer is asked for (`response_format`)."""

    @model_validator(mode="before")
    @classmethod
    def _spec_words(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        for word, value, priority in (
            ("importance", "high", "high"),
            ("budget_mode", True, "budget"),
            ("latency_critical", True, "speed"),
        ):
            if data.get(word) == value and word in data:
                if "priority" in data:
                    raise ValueError(f"{word!r} and 'priority' are the same thing; name one")
                del data[word]
                data["priority"] = priority
        if "task_type" in data and "task" not in data:
            data["task"] = data.pop("task_type")
        return data

    def covers(self, other: When) -> bool:
        """Whatever meets `other` meets this too."""
        return all(_covers(getattr(self, name), getattr(other, name)) for name in type(self).model_fields)

    def __str__(self) -> str:
        parts = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple):
                parts.append(f"{name} {' or '.join(value)}")
            elif isinstance(value, Bounds):
                parts.append(f"{name} {value}")
            elif isinstance(value, dict):
                parts += [f"{key} {' or '.join(values)}" for key, values in value.items()]
            elif value is not None:
                parts.append(name if value else f"no {name}")
        return ", ".join(parts) or "always"


def _named(value: Any) -> Any:
    return {"kind": "name", "name": value} if isinstance(value, str) else value


def _kind(value: Any) -> str | None:
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)


def _covers(mine: Any, theirs: Any) -> bool:
    if mine is None or theirs is None:
        return mine is None
    match mine:
        case Bounds():
            return mine.covers(theirs)
        case tuple():
            return set(theirs) <= set(mine)
        case dict():
            return all(key in theirs and set(theirs[key]) <= set(values) for key, values in mine.items())
        case _:
            return bool(mine == theirs)


def _one(value: Any) -> Any:
    return (value,) if isinstance(value, (str, dict, Spec)) else value


class NameSpec(Spec):
    """A name: a policy, a model of this file, or one of the catalogue; `params` go with the calls made from here."""

    kind: Literal["name"] = "name"
    name: str
    params: dict[str, Any] = Field(default_factory=dict)


class RuleSpec(Spec):
    """One rule of a route: `use` the first of its models that can serve; when none can, the next rule that holds."""

    name: str | None = None
    when: When = When()
    use: Annotated[tuple[NodeSpec, ...], BeforeValidator(_one), Field(min_length=1)]
    reason: str | None = None


class RouteSpec(Spec):
    """Choose one model for each request, and fall back on others when it fails."""

    kind: Literal["route"] = "route"
    strategy: StrategyName = "task_based"
    rules: tuple[RuleSpec, ...] = ()
    models: tuple[NodeSpec, ...] = ()
    """The candidates of `cost_optimized`, `speed_optimized` and `quality_optimized`."""
    otherwise: NodeSpec | None = None
    fallback: tuple[NodeSpec, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> RouteSpec:
        if self.strategy == "task_based" and self.otherwise is None:
            raise ValueError("a route by rules needs 'otherwise': the model for what no rule takes")
        if self.strategy == "task_based" and self.models:
            raise ValueError("'models' are the candidates of the optimized strategies; a route by rules has 'rules'")
        if self.strategy != "task_based" and not self.models:
            raise ValueError(f"strategy {self.strategy!r} needs 'models': its candidates")
        return self


class FallbackSpec(Spec):
    """Ask the first; when it fails, the next."""

    kind: Literal["fallback"] = "fallback"
    models: tuple[NodeSpec, ...] = Field(min_length=1)


class RetrySpec(Spec):
    """Ask again after a failure that may pass."""

    kind: Literal["retry"] = "retry"
    model: NodeSpec
    max_retries: int = Field(default=2, ge=0)
    retry_delay_s: float = Field(default=1.0, ge=0)


class LimitedSpec(Spec):
    """Let only so many requests through in a minute; the others wait, within their deadline."""

    kind: Literal["limited"] = "limited"
    model: NodeSpec
    max_requests_per_minute: int = Field(ge=1)


class CachedSpec(Spec):
    """Keep answers on disk, give them again to equal requests, and make identical calls in flight once."""

    kind: Literal["cached"] = "cached"
    model: NodeSpec
    ttl_s: float = Field(default=86_400.0, gt=0)
    size_mb: int = Field(default=256, ge=1)
    """About how much of the disk it takes; the least recently used answers go first."""
    path: str | None = None
    """The folder; unset: `$ORCHESTRA_HOME/cache`, else the user's cache folder."""


NodeSpec = Annotated[
    Annotated[
        Annotated[NameSpec, Tag("name")]
        | Annotated[RouteSpec, Tag("route")]
        | Annotated[FallbackSpec, Tag("fallback")]
        | Annotated[RetrySpec, Tag("retry")]
        | Annotated[LimitedSpec, Tag("limited")]
        | Annotated[CachedSpec, Tag("cached")],
        Discriminator(_kind),
    ],
    BeforeValidator(_named),
]

for _spec in (RuleSpec, RouteSpec, FallbackSpec, RetrySpec, LimitedSpec, CachedSpec):
    _spec.model_rebuild()


class ModelSpec(Spec):
    """A model of the user's own: a LiteLLM id under another name, with what is known of it.

    `params` go with every call. Prices are in USD per million tokens; unset, LiteLLM's map is asked.
    """

    litellm: str
    params: dict[str, Any] = Field(default_factory=dict)
    provider: str | None = None
    """The entry of `providers:` whose key and address it uses; unset: the one that its prefix names."""
    timeout_s: float | None = Field(default=None, gt=0)
    input_usd_per_mtok: float | None = Field(default=None, ge=0)
    output_usd_per_mtok: float | None = Field(default=None, ge=0)
    context_tokens: int | None = Field(default=None, gt=0)
    output_tokens: int | None = Field(default=None, gt=0)
    abilities: tuple[str, ...] | None = None
    free: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_id(cls, data: Any) -> Any:
        return {"litellm": data} if isinstance(data, str) else data

    @field_validator("params")
    @classmethod
    def _no_secrets(cls, params: dict[str, Any]) -> dict[str, Any]:
        for word in ("api_key", "api_base", "base_url"):
            if word in params:
                raise ValueError(f"{word!r} belongs to the provider, under 'providers:'")
        return params
