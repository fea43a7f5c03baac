"""The usage report: what its cards, its groups and its budgets say, as values and as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from orchestra.ledger.entry import Entry
from orchestra.ledger.export import decimal
from orchestra.ledger.forecast import Outlook
from orchestra.ledger.period import Period
from orchestra.ledger.usage import Group, Totals, groups, local, totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was spent in a period; `totals` are the sums of its rows, and of its `groups`.

    `outlooks` are of the windows of budgets at `at`, whatever the period is.
    """

    period: Period
    at: float
    zone: ZoneInfo
    by: str
    totals: Totals
    groups: Sequence[Group]
    outlooks: Sequence[Outlook] = ()


def report(
    rows: Iterable[Entry], period: Period, by: str, zone: ZoneInfo, at: float, outlooks: Sequence[Outlook] = ()
) -> Report:
    """The report of `rows`; raises `ValueError` for what calls can't be grouped by."""
    found = list(rows)
    return Report(
        period=period,
        at=at,
        zone=zone,
        by=by,
        totals=totals(found),
        groups=groups(found, by, zone),
        outlooks=outlooks,
    )


def report_dict(report: Report) -> dict[str, Any]:
    """A report as plain data; amounts are decimal text in USD, times ISO 8601."""
    since, until = report.period.since, report.period.until
    return {
        "since": None if since is None else local(since, report.zone).isoformat(),
        "until": local(report.at if until is None else until, report.zone).isoformat(),
        "timezone": report.zone.key,
        **totals_dict(report.totals),
        "by": report.by,
        "groups": [
            {"key": group.key, "label": group.label, "percent": group.percent, **totals_dict(group.totals)}
            for group in report.groups
        ],
        "budgets": [outlook_dict(outlook) for outlook in report.outlooks],
    }


def totals_dict(totals: Totals) -> dict[str, Any]:
    """Sums as plain data."""
    average_s = totals.average_latency_s
    return {
        "requests": totals.requests,
        "calls": totals.calls,
        "errors": totals.errors,
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "total_tokens": totals.total_tokens,
        "cached_tokens": totals.cached_tokens,
        "reasoning_tokens": totals.reasoning_tokens,
        "cost_usd": decimal(totals.amount),
        "upper_bound_usd": decimal(totals.upper_bound),
        "unpriced_calls": totals.unpriced,
        "saved_usd": decimal(totals.saved),
        "avg_latency_ms": None if average_s is None else round(average_s * 1000, 3),
    }


def outlook_dict(outlook: Outlook) -> dict[str, Any]:
    """A window of a budget as plain data; times in the budget's own zone, `None` for what never comes."""
    budget, standing = outlook.budget, outlook.standing
    zone = ZoneInfo(budget.timezone)
    hard = budget.hard_limit_nano
    return {
        "budget": standing.budget,
        "scope": standing.scope,
        "per": budget.per,
        "timezone": budget.timezone,
        "limit_usd": decimal(standing.limit),
        "hard_limit_usd": None if hard is None else decimal(hard),
        "spent_usd": decimal(standing.spent),
        "held_usd": decimal(standing.held),
        "free_usd": decimal(standing.free),
        "overrun_usd": decimal(standing.overrun),
        "percent": outlook.percent,
        "starts": _iso(float(standing.starts), zone) if standing.ends is not None else None,
        "resets_at": _iso(standing.ends, zone),
        "exhausted_at": _iso(outlook.exhausted_at, zone),
        "alert_at": budget.alert_at,
        "alerted_at": _iso(outlook.alerted_at, zone),
        "on_exceeded": budget.on_exceeded,
    }


def _iso(at: float | None, zone: ZoneInfo) -> str | None:
    return None if at is None else local(at, zone).isoformat(timespec="seconds")
