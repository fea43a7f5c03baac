"""One vote under way: who was asked, what they said, and the answer that it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from orchestra.ensemble.answers import Answer, Answers, joined
from orchestra.ensemble.ballot import Count, Rules
from orchestra.errors import AllFailed, Unavailable
from orchestra.gather import Outcome
from orchestra.types import Failure, Model, Request, Response


class Poll:
    """One vote under way: who was asked, what they said."""

    def __init__(self, members: Sequence[tuple[str, Model]], answers: Answers, rules: Rules, everybody: bool) -> None:
        self.members, self.answers, self.rules, self.everybody = members, answers, rules, everybody
        self.asked: set[int] = set()
        self.outcomes: list[Outcome | None] = [None] * len(members)
        self.said: list[Answer | None] = [None] * len(members)
        self.given: Answer | None = None
        """What was answered, once it is."""

    @property
    def keys(self) -> list[Any]:
        return [None if answer is None else answer.key for answer in self.said]

    @property
    def left(self) -> list[int]:
        """Who can still be asked; one without a vote only where everybody is."""
        return [
            n for n in range(len(self.members)) if n not in self.asked and (self.everybody or self.rules.weights[n])
        ]

    @property
    def open(self) -> list[int]:
        """Who has not been heard yet."""
        return [n for n, outcome in enumerate(self.outcomes) if outcome is None]

    def put(self, n: int, outcome: Outcome) -> None:
        self.outcomes[n] = outcome
        self.said[n] = self.answers.read(outcome) if isinstance(outcome, Response) else None

    def best(self) -> int:
        """Of those who voted, the one of the highest weight."""
        return max((n for n, answer in enumerate(self.said) if answer), key=self._standing)

    @property
    def best_heard(self) -> bool:
        """Nobody who is still to be heard comes before the best of those who voted."""
        return all(self._standing(n) < self._standing(self.best()) for n in self.open)

    def response(self, count: Count, chosen: int | None = None, failed: Failure | None = None) -> Response:
        """The answer of the winner, or of the `chosen` member; agreed on or not."""
        chosen = count.voters[0] if chosen is None else chosen
        outcome, answer = self.outcomes[chosen], self.said[chosen]
        assert isinstance(outcome, Response)
        assert answer is not None
        self.given = answer
        agreed = count.agreed
        note = [] if agreed else [f"no agreement: {float(count.share):.2f} is less than {self.rules.min_agreement:g}"]
        if failed is not None:
            note.append(f"{failed.name} failed")
        return replace(
            outcome,
            result=self._result(answer, agreed),
            success=outcome.success and agreed,
            sources=self._sources(*([failed] if failed else [])),
            note="; ".join(part for part in (self._note(), *note, outcome.note) if part),
        )

    def by_another(self, other: Response, name: str) -> Response:
        """The answer of the model that was asked because the members did not agree."""
        self.given = answer = self.answers.read(other) or Answer(other.text, ("said", other.text))
        return replace(
            other,
            result=self._result(answer, agreed=False),
            sources=self._sources(replace(other, sources=())),
            note="; ".join(part for part in (self._note(), f"no agreement: {name} answered", other.note) if part),
        )

    def abstained(self) -> Response:
        result = {"result": None, "confidence": 0.0, "votes": self._votes(), "agreed": False}
        note = f"{self._note()}; no agreement: abstained"
        return Response(text="", model="", result=result, success=False, sources=self._sources(), note=note)

    def failure(self) -> Exception:
        """Why nobody voted."""
        errors = [
            outcome.error
            if isinstance(outcome, Failure)
            else Unavailable(f"{name}: no answer could be read in its text")
            for (name, _), outcome in zip(self.members, self.outcomes, strict=True)
            if outcome is not None
        ]
        return AllFailed(f"none of the {len(self.members)} members voted", errors)

    def ballot(self, request: Request) -> dict[str, Any]:
        """The vote as plain data, without what was said: who voted alike, what was answered, and what each cost.

        `winner` is `None` where no member gave the answer, or where another may be given in its place: a score of the
        request says nothing of it. `full` says that all were asked, whatever they said.
        """
        keys = joined(self.keys)
        groups = {key: n for n, key in enumerate(dict.fromkeys(key for key in keys if key is not None))}
        known = None if self.given is None or request.tentative else self.given.key
        *alike, given = joined([*self.keys, known])
        winner = None if given is None or given not in alike else groups[keys[alike.index(given)]]
        return {
            "request": request.id,
            "path": list(request.path),
            "task": request.task_type,
            "members": [name for name, _ in self.members],
            "groups": [None if key is None else groups[key] for key in keys],
            "winner": winner,
            "full": self.everybody,
            "costs": [_cost(request, (*request.path, name)) for name, _ in self.members],
        }

    def _standing(self, n: int) -> tuple[int, int]:
        return self.rules.weights[n], -n

    def _result(self, answer: Answer, agreed: bool) -> dict[str, Any]:
        keys = joined([*self.rules.heard(self.keys), answer.key])
        votes = [n for n, key in enumerate(keys[:-1]) if key == keys[-1]]
        share = self.rules.share(votes)
        return {"result": answer.said, "confidence": float(share), "votes": self._votes(), "agreed": agreed}

    def _votes(self) -> dict[str, int]:
        shown: dict[Any, str] = {}
        votes: dict[str, int] = {}
        for key, answer in zip(joined(self.keys), self.said, strict=True):
            if answer is not None:
                form = shown.setdefault(key, answer.shown)
                votes[form] = votes.get(form, 0) + 1
        return votes

    def _sources(self, *more: Outcome) -> tuple[Outcome, ...]:
        return (*(outcome for outcome in self.outcomes if outcome is not None), *more)

    def _note(self) -> str:
        votes = sorted(self._votes().items(), key=lambda vote: -vote[1])
        said = ", ".join(f"{count} × {_short(form)}" for form, count in votes)
        failed = [name for (name, _), out in zip(self.members, self.outcomes, strict=True) if isinstance(out, Failure)]
        parts = [f"{len(self.members)} members: {said or 'no votes'}"]
        parts += [f"{', '.join(failed)} failed"] if failed else []
        unheard = len(self.open)
        return "; ".join([*parts, *([f"{unheard} not needed"] if unheard else [])])


def _cost(request: Request, path: tuple[str, ...]) -> str | None:
    """What a member cost in all, in USD; `None` when a price is not known."""
    costs = [a.usage.cost for a in request.journal if a.request == request.id and a.path[: len(path)] == path]
    return None if None in costs else f"{sum((cost for cost in costs if cost is not None), Decimal(0)):f}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:37]}…"
