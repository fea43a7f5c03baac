"""Experiments as plain data, and as they were at earlier times."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Literal

from orchestra.ledger.export import decimal
from orchestra.ledger.money import NANOS
from orchestra.prompting.analysis import Analysis, analysed
from orchestra.prompting.observed import Observed
from orchestra.prompting.sequences import Interval
from orchestra.settings.experiments import ExperimentSpec

State = Literal["declared", "running", "stopped"]


def state(seen: Observed) -> State:
    """Where it is in its one life."""
    return "running" if seen.runs else "declared" if seen.stopped is None else "stopped"


def history(seen: Observed, at: float, points: int) -> list[Analysis]:
    """What it said at so many times, evenly spread from its start to its end, or to `at`."""
    assert seen.started_at is not None
    end = at if seen.stopped is None else seen.stopped.at
    times = [seen.started_at + (end - seen.started_at) * (n + 1) / points for n in range(points)]
    return [analysed(seen.until(time), time) for time in times]


def changed(declared: ExperimentSpec, started: ExperimentSpec) -> list[str]:
    """What a file says otherwise than the experiment was started with; `share` may change."""
    one, other = (
        spec.model_dump(exclude={"share", "arms"}) | {"arms": list(spec.arms)} for spec in (declared, started)
    )
    return sorted(key for key in one if one[key] != other[key])


def report(name: str, seen: Observed, found: Analysis | None) -> dict[str, Any]:
    """An experiment as plain data; times are ISO 8601, costs decimal text in USD, ends that are unbounded `None`."""
    stopped = seen.stopped
    about = {
        "experiment": name,
        "state": state(seen),
        "started_at": _iso(seen.started_at),
        "stopped_at": _iso(stopped.at if stopped else None),
        "serve": stopped.serve if stopped else None,
        "reason": stopped.reason if stopped else None,
    }
    if found is None or seen.spec is None:
        return about
    return about | {
        "metric": seen.spec.metric,
        "assign": seen.spec.assign,
        "alpha": seen.spec.alpha,
        "leader": found.leader,
        "winner": found.winner,
        "said": found.said,
        "more_per_arm": found.more_per_arm,
        "excluded": list(found.excluded),
        "harmful": list(found.harmful),
        "mismatch": found.mismatch,
        "runs_until": _iso(found.runs_until),
        "arms": [
            {
                "arm": e.arm,
                "units": e.exposed,
                "results": e.n,
                "mean": e.mean,
                "interval": _ends(e.interval),
                "requests": e.requests,
                "cost_usd": _usd(e.cost_usd),
                "latency_ms": None if e.latency_s is None else e.latency_s * 1000,
                "error_rate": e.errors,
            }
            for e in found.estimates
        ],
        "differences": [
            {
                "arm": d.arm,
                "other": d.other,
                "results": d.n,
                "mean": d.mean,
                "interval": _ends(d.interval),
                "way": d.way,
                "paired": d.paired,
            }
            for d in found.differences
        ],
        "guardrails": [
            {
                "arm": one.arm,
                "metric": one.metric,
                "margin": one.margin,
                "mean": _usd(one.mean) if one.metric == "cost" else one.mean,
                "control": _usd(one.control) if one.metric == "cost" else one.control,
                "state": one.state,
            }
            for one in found.guarded
        ],
    }


def _usd(mean: float | None) -> str | None:
    return None if mean is None else decimal(round(mean * int(NANOS)))


def _ends(interval: Interval) -> list[float | None]:
    return [end if math.isfinite(end) else None for end in interval]


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
