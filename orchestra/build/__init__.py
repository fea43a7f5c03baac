"""Settings to tree: every name resolved, every mistake found, before anything is asked of a model."""

from __future__ import annotations

from orchestra.build.builder import Builder, Maker
from orchestra.build.ensembles import cascade, vote
from orchestra.build.judged import fuse, rank, verify
from orchestra.build.keeping import cached, fallback, limited, retry
from orchestra.build.prompts import inline, prompted
from orchestra.build.routes import route
from orchestra.build.splits import experiments, split
from orchestra.build.spread import spread
from orchestra.catalog import Catalog
from orchestra.errors import ConfigError
from orchestra.events import CONFIG_UNREAD, emit
from orchestra.resilience import RateLimit
from orchestra.runtime import Runtime
from orchestra.settings.base import Spec
from orchestra.settings.file import PolicyFile
from orchestra.settings.flat import policies
from orchestra.settings.nodes import (
    CachedSpec,
    CascadeSpec,
    FallbackSpec,
    FuseSpec,
    LimitedSpec,
    PromptedSpec,
    RankSpec,
    RetrySpec,
    RouteSpec,
    SplitSpec,
    SpreadSpec,
    VerifySpec,
    VoteSpec,
)
from orchestra.tree import Tree

__all__ = ["build"]

MAKERS: dict[type[Spec], Maker] = {
    RouteSpec: route,
    SplitSpec: split,
    SpreadSpec: spread,
    FallbackSpec: fallback,
    RetrySpec: retry,
    LimitedSpec: limited,
    CachedSpec: cached,
    RankSpec: rank,
    FuseSpec: fuse,
    VerifySpec: verify,
    PromptedSpec: prompted,
    VoteSpec: vote,
    CascadeSpec: cascade,
}
"""What builds each kind of node."""


def build(file: PolicyFile, runtime: Runtime | None = None, catalog: Catalog | None = None) -> Tree:
    """The tree of every policy in a file; raises `ConfigError` with one line for each mistake."""
    runtime = runtime or Runtime()
    if runtime.limit is None and file.settings.max_requests_per_minute is not None:
        runtime.limit = RateLimit(file.settings.max_requests_per_minute)
    tree = Tree(file, runtime, catalog or Catalog(file.settings.price_map))
    builder = Builder(tree, policies(file), MAKERS)
    inline(builder)
    arms = builder.built()
    experiments(builder)
    if builder.problems:
        raise ConfigError(*dict.fromkeys(builder.problems))
    tree.add(arms, builder.asked)
    for said in file.unread:
        emit(CONFIG_UNREAD, said=said)
    return tree
