"""The nodes that keep a request alive, within bounds, or from being made twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from orchestra.settings.base import Spec

if TYPE_CHECKING:
    from orchestra.settings.nodes import NodeSpec


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
