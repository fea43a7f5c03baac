"""The nodes that keep a request alive, within bounds, or from being made twice."""

from __future__ import annotations

from orchestra.build.builder import Builder, members
from orchestra.resilience import Cached, Fallback, Limited, RateLimit, Retry
from orchestra.resilience.store import cache_place
from orchestra.routing import Arm
from orchestra.settings.file import KeyPath
from orchestra.settings.nodes import CachedSpec, FallbackSpec, LimitedSpec, RetrySpec


def fallback(builder: Builder, spec: FallbackSpec, name: str, path: KeyPath) -> Arm:
    arms = builder.nodes(spec.models, name, (*path, "models"))
    return Arm(name, Fallback(tuple((arm.name, arm.model) for arm in arms), builder.runtime.clock), members(arms))


def retry(builder: Builder, spec: RetrySpec, name: str, path: KeyPath) -> Arm | None:
    of = builder.node(spec.model, f"{name}.model", (*path, "model"))
    if of is None:
        return None
    run = builder.runtime
    again = Retry(of.model, spec.max_retries, spec.retry_delay_s, run.clock, run.sleep, run.uniform)
    return Arm(name, again, of.members)


def limited(builder: Builder, spec: LimitedSpec, name: str, path: KeyPath) -> Arm | None:
    of = builder.node(spec.model, f"{name}.model", (*path, "model"))
    if of is None:
        return None
    limit = RateLimit(spec.max_requests_per_minute)
    return Arm(name, Limited(of.model, limit, builder.runtime.clock, builder.runtime.sleep), of.members)


def cached(builder: Builder, spec: CachedSpec, name: str, path: KeyPath) -> Arm | None:
    of = builder.node(spec.model, f"{name}.model", (*path, "model"))
    if of is None:
        return None
    run = builder.runtime
    store = run.store(cache_place(spec.path), spec.size_mb * 1_000_000)
    return Arm(name, Cached(of.model, store, spec.ttl_s, clock=run.clock, wall=run.wall), of.members)
