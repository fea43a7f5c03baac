"""What must not suffer while something else gets better: cost, latency and errors of each arm's requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

from orchestra.prompting.observed import Observed
from orchestra.prompting.sequences import ENOUGH, ENOUGH_ALONE, Moments, betting_interval, difference_interval
from orchestra.settings.experiments import ExperimentSpec

Kept = Literal["kept", "broken", "open"]
"""A guardrail is shown to hold, or not to, or neither is known yet."""
Measured = Mapping[str, list[float]]
"""What the requests of an arm came to: `cost` in USD, `latency` in seconds, `errors` as 1 or 0."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """What an arm does to a metric that must not suffer: its mean, the first arm's, and whether `margin` holds."""

    arm: str
    metric: str
    margin: float
    mean: float | None
    control: float | None
    state: Kept


def enough_of(spec: ExperimentSpec) -> int:
    """Results of each arm from which their means can be compared: more where one gets over twice what another gets."""
    shares = spec.shares.values()
    return ENOUGH if max(shares) <= 2 * min(shares) else ENOUGH_ALONE


def measured_of(seen: Observed, arm: str) -> Measured:
    """What the requests of an arm came to."""
    calls = [call for call in seen.calls.values() if call.arm == arm]
    return {
        "cost": [call.cost_usd for call in calls if call.cost_usd is not None],
        "latency": [call.ended_at - call.began_at for call in calls if call.success],
        "errors": [float(not call.success) for call in calls],
    }


def guarded_by(spec: ExperimentSpec, measured: Mapping[str, Measured]) -> Iterator[Guarded]:
    """Every guardrail of every arm: non-inferiority to the first one, at every look."""
    for arm, metric in product(list(spec.arms)[1:], ("cost", "latency", "errors")):
        margin: float | None = getattr(spec.guardrails, metric)
        if margin is None:
            continue
        first, second = measured[spec.control][metric], measured[arm][metric]
        one, two = Moments.of(first), Moments.of(second)
        if metric == "errors":
            apart = Counter(b - a for a, b in zip(first, second, strict=False))
            low, high = (end - margin for end in betting_interval(apart, spec.alpha))
        else:
            low, high = difference_interval(one.times(1 + margin), two, spec.alpha, enough_of(spec))
        state: Kept = "broken" if low > 0 else "kept" if high <= 0 else "open"
        yield Guarded(arm, metric, margin, two.mean if two.n else None, one.mean if one.n else None, state)
