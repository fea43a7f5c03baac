"""Experiments on a screen: the arms, what is known of their differences, and how that came to be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from orchestra.cli.figures import clock, money, seconds, span
from orchestra.cli.output import out, show_table, table

if TYPE_CHECKING:
    from orchestra.prompting import Analysis
    from orchestra.prompting.analysis import Difference, Estimate
    from orchestra.prompting.guardrails import Guarded
    from orchestra.prompting.observed import Observed
    from orchestra.settings.experiments import ExperimentSpec

COLUMNS, ROWS, WIDTH = 60, 11, 2
"""Size of a plot, and of a point in time on it."""
LABEL = 9
"""Columns of the numbers beside a plot."""
UNBOUNDED = 1e9
"""An end of an interval beyond this is none."""
NANO = 1_000_000_000


def ago(then: float, now: float) -> str:
    """How long ago something was."""
    return span(max(0.0, now - then))


def overview(found: Mapping[str, tuple[ExperimentSpec, Observed, Analysis | None]], at: float) -> None:
    """Print a line for each experiment."""
    from orchestra.prompting.report import state

    made = table("experiment", "state", "arms", "units", "results", "what it says", whole=("experiment", "state"))
    for name, (spec, seen, analysis) in found.items():
        said = seen.stopped.reason if seen.stopped else analysis.said if analysis else "not started"
        if seen.stopped:
            said += f"; {seen.stopped.serve} answers"
        age = f" for {ago(seen.started_at, at)}" if seen.runs and seen.started_at is not None else ""
        results = sum(estimate.n for estimate in analysis.estimates) if analysis else 0
        made.add_row(name, state(seen) + age, ", ".join(spec.arms), str(len(seen.exposed)), str(results), said)
    show_table(made)


def screen(name: str, seen: Observed, found: Analysis, zone: ZoneInfo, at: float) -> None:
    """Print one experiment in full, as it is seen `at` a time."""
    from orchestra.prompting.report import history

    spec, console = seen.spec, out()
    assert spec is not None
    assert seen.started_at is not None
    whom = f"{spec.assign} by {spec.by}" if spec.by else spec.assign
    begun, ran = clock(seen.started_at, at, zone), ago(seen.started_at, found.at)
    if seen.stopped is None:
        console.print(f"{name}: running since {begun} ({ran}), {whom}, {spec.metric}")
    else:
        ended = clock(seen.stopped.at, at, zone)
        console.print(f"{name}: stopped at {ended}, ran for {ran} from {begun} on, {whom}, {spec.metric}")
        console.print(f"over: {seen.stopped.reason}; {seen.stopped.serve} answers")
    console.print(f"{found.said}\n")
    _arms(found)
    if found.guarded:
        console.print()
        _guardrails(found.guarded)
    if any(estimate.n for estimate in found.estimates):
        past = history(seen, found.at, COLUMNS // WIDTH)
        for n, difference in enumerate(found.differences):
            if difference.other == spec.control:
                console.print(f"\n{difference.arm} less {difference.other}: {_between(difference)}")
                lines = plot([analysis.differences[n] for analysis in past])
                if lines:
                    end = clock(found.at, at, zone)
                    lines.append(f"{'':{LABEL}} {begun}{end:>{COLUMNS - len(begun)}}")
                console.file.writelines(f"{line}\n" for line in lines)


def plot(points: Sequence[Difference]) -> list[str]:
    """Lines of a plot: the estimate (●) in its interval (│) at each time, and the line of no difference (┄).

    None as long as no interval is known.
    """
    late = [one.interval for one in points[len(points) // 2 :] if one.n and abs(one.interval[0]) < UNBOUNDED]
    if not late:
        return []
    top = max((high for _, high in late if high > 0), default=0.0)
    bottom = min((low for low, _ in late if low < 0), default=0.0)
    step = (top - bottom) / (ROWS - 1) or 1.0
    first = round(top / step)
    lines = []
    for row in range(first, first - ROWS, -1):
        label = f"{row * step:+.2g}" if row in (first, 0, first - ROWS + 1) else ""
        lines.append(f"{label:>{LABEL}} " + "".join(_cell(point, row, step) * WIDTH for point in points).rstrip())
    return lines


def _cell(point: Difference, row: int, step: float) -> str:
    if point.n and round(point.mean / step) == row:
        return "●"
    low, high = (max(-UNBOUNDED, min(UNBOUNDED, end)) for end in point.interval)
    if point.n and round(low / step) <= row <= round(high / step):
        return "│"
    return "┄" if row == 0 else " "


def _arms(found: Analysis) -> None:
    columns = ("arm", "units", "results", "mean", "between", "requests", "cost each", "latency", "errors")
    made = table(*columns, whole=("arm", "mean", "between"))
    for column in (*made.columns[1:4], *made.columns[5:]):
        column.justify = "right"
    for one in found.estimates:
        low, high = one.interval
        made.add_row(
            one.arm + (" ← winner" if one.arm == found.winner else ""),
            f"{one.exposed:,}",
            f"{one.n:,}",
            "-" if one.mean is None else f"{one.mean:.3g}",
            f"{low:.3g} and {high:.3g}" if abs(low) < UNBOUNDED and one.n else "not known yet",
            f"{one.requests:,}",
            *(_amount(metric, value) for metric, value in _means(one).items()),
        )
    show_table(made)


def _means(one: Estimate) -> dict[str, float | None]:
    return {"cost": one.cost_usd, "latency": one.latency_s, "errors": one.errors}


def _guardrails(guarded: Sequence[Guarded]) -> None:
    made = table("guardrail", "arm", "its mean", "the first's", "may be", "state", whole=("its mean", "the first's"))
    for one in guarded:
        allowed = f"{one.margin:.1%} {'points' if one.metric == 'errors' else 'more'}"
        means = (_amount(one.metric, value) for value in (one.mean, one.control))
        made.add_row(one.metric, one.arm, *means, allowed, one.state)
    show_table(made)


def _amount(metric: str, value: float | None) -> str:
    if value is None:
        return "-"
    match metric:
        case "cost":
            return money(round(value * NANO))
        case "latency":
            return seconds(value)
        case _:
            return f"{value:.2%}"


def _between(difference: Difference) -> str:
    low, high = difference.interval
    pairs = f"{difference.n:,} {'inputs' if difference.paired else 'pairs' if difference.way == 'exact' else 'each'}"
    if abs(low) >= UNBOUNDED:
        return f"{difference.mean:+.3g} ({pairs}; too few to say more)"
    return f"{difference.mean:+.3g}, between {low:+.3g} and {high:+.3g} ({pairs}, {difference.way})"
