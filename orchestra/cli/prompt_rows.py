"""The versions of a prompt with what the books say of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestra.ledger import Entry, Ledger
from orchestra.ledger.report import totals_dict
from orchestra.ledger.usage import Totals, totals
from orchestra.prompting import Library
from orchestra.prompting.scores import Scored, Scores
from orchestra.prompting.template import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A version; `usual` is the one that is taken when none is named, and one that was `changed` after it was made is
    refused. `users` are the tags of its requests, or the models that were asked where they have none, the most
    frequent first."""

    version: int
    digest: str
    changed: bool
    created_at: datetime
    labels: tuple[str, ...]
    usual: bool
    totals: Totals
    last_used: float | None
    scored: Scored | None
    users: tuple[tuple[str, int], ...]


class Records:
    """The prompts of a library with the calls that were made since a time, and all scores."""

    def __init__(self, library: Library, ledger: Ledger, since: float | None = None) -> None:
        self._library = library
        self._scores = Scores(ledger).all()
        self._calls: dict[tuple[str, str], list[Entry]] = {}
        for call in ledger.rows(since):
            if "prompt" in call.labels:
                key = (call.labels["prompt"], call.labels.get("prompt_version", ""))
                self._calls.setdefault(key, []).append(call)

    def rows(self, name: str) -> list[Row]:
        """The versions of a prompt, lowest first."""
        found = self._library.found(name)
        return [self._row(found.name, version) for version in found.files]

    def totals(self, name: str) -> Totals:
        """The calls of all versions."""
        name = self._library.found(name).name
        return totals(call for (prompt, _), calls in self._calls.items() if prompt == name for call in calls)

    def _row(self, name: str, version: int) -> Row:
        found = self._library.found(name)
        calls = self._calls.get((name, str(version)), [])
        digest = digest_of(self._library.text(name, version))
        return Row(
            version=version,
            digest=digest,
            changed=found.digests.get(version, digest) != digest,
            created_at=self._library.created_at(name, version),
            labels=tuple(sorted(label for label, number in found.labels.items() if number == version)),
            usual=version == found.usual,
            totals=totals(calls),
            last_used=max((call.made for call in calls), default=None),
            scored=self._scores.get((name, version)),
            users=_users(calls),
        )


def as_data(row: Row) -> dict[str, Any]:
    """A version as plain data; amounts in USD as decimal text."""
    used = None if row.last_used is None else datetime.fromtimestamp(row.last_used, UTC).isoformat()
    return {
        "version": row.version,
        "digest": row.digest,
        "changed": row.changed,
        "created_at": row.created_at.isoformat(),
        "labels": row.labels,
        "usual": row.usual,
        **totals_dict(row.totals),
        "last_used": used,
        "score": None if row.scored is None else row.scored.mean,
        "scored": 0 if row.scored is None else row.scored.count,
        "users": dict(row.users),
    }


def _users(calls: Sequence[Entry]) -> tuple[tuple[str, int], ...]:
    requests = {call.request or call.id: call for call in calls}.values()
    tags = Counter(f"{name}={value}" for call in requests for name, value in call.tags.items())
    return tuple((tags or Counter(call.name or call.model for call in requests)).most_common())
