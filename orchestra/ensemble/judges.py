"""Judges that are models: two answers compared in both orders, or each graded by itself."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestra.ensemble.asking import Asked, task_of
from orchestra.ensemble.order import Copeland, Order, Pair
from orchestra.ensemble.verdict import said, share
from orchestra.errors import AllFailed, OrchestraError
from orchestra.gather import gather
from orchestra.types import Failure, Model, Request, Response, Verdict

WHOLE = 10.0
"""The best grade."""
MASK = "this model"
MODEL = re.compile(r"\w[-/.:]\w|\d")
"""What a name has that is a model's, and no word of the language."""
TIE = -1
LONG = 4
"""How many times as long as the other the winner is that has the whole of the discount."""


@dataclass(frozen=True, slots=True)
class Pairwise:
    """Compares answers two at a time and orders them by what came of it.

    Each pair is shown in both orders: where the judge does not prefer the same answer twice it is a tie, so that a
    liking for a place cancels out and shows in `consistency`. Answers of the same words are one. Names of the models
    are masked. A win of the longer answer counts up to `length_control` less, all of it from four times the length on
    (Dubois 2024 fits that figure, we set it; 0 turns it off). Costs two calls for each pair that `order` asks for.

    Raises the judge's error where it answered nothing at all.
    """

    asked: Asked
    measure: str = "accuracy"
    order: Order = field(default_factory=Copeland)
    length_control: float = 0.25
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    async def __call__(self, request: Request, responses: Sequence[Response]) -> Sequence[Verdict]:
        texts = masked(request, responses)
        different = list(dict.fromkeys(texts))
        played: dict[Pair, float] = {}
        agreed: dict[Pair, bool] = {}
        while pairs := self.order.following(len(different), played):
            for pair, (outcome, same) in zip(pairs, await self._compared(request, different, pairs), strict=True):
                played[pair], agreed[pair] = outcome, same
        scores = self.order.scores(len(different), played)
        verdicts = {
            text: Verdict(score=score, reason=_record(n, played), consistency=_consistency(n, agreed))
            for n, (text, score) in enumerate(zip(different, scores, strict=True))
        }
        return [verdicts[text] for text in texts]

    async def _compared(
        self, request: Request, texts: Sequence[str], pairs: Sequence[Pair]
    ) -> list[tuple[float, bool]]:
        """What came of each pair for its lower number, and whether both orders said the same."""
        shown = [order for low, high in pairs for order in ((low, high), (high, low))]
        asking = [{"first": texts[one], "second": texts[other], "measure": self.measure} for one, other in shown]
        answers = await _put(self.asked, request, "rank_compare", asking, self.clock)
        better = [_better(answer, pair) for answer, pair in zip(answers, shown, strict=True)]
        found = []
        for n, (low, high) in enumerate(pairs):
            one, two = better[2 * n : 2 * n + 2]
            same = one == two is not None
            won = one if same else TIE
            found.append((self._outcome(won, low, high, texts), same))
        return found

    def _outcome(self, won: int | None, low: int, high: int, texts: Sequence[str]) -> float:
        if won not in (low, high):
            return 0.5
        ratio = max(1, len(texts[won])) / max(1, len(texts[low + high - won]))
        win = 1 - self.length_control * min(1.0, max(0.0, math.log(ratio, LONG)))
        return win if won == low else 1 - win


@dataclass(frozen=True, slots=True)
class Pointwise:
    """Grades each answer by itself, out of ten: one call for each, cheaper and less sure than comparing them.

    An answer whose grade can't be read has the mean of the others. Raises the judge's error where it graded none.
    """

    asked: Asked
    measure: str = "accuracy"
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    async def __call__(self, request: Request, responses: Sequence[Response]) -> Sequence[Verdict]:
        texts = masked(request, responses)
        different = list(dict.fromkeys(texts))
        asking = [{"answer": text, "measure": self.measure} for text in different]
        answers = await _put(self.asked, request, "rank_grade", asking, self.clock)
        grades = [None if isinstance(answer, Failure) else _grade(answer) for answer in answers]
        known = [grade.score for grade in grades if grade is not None]
        mean = sum(known) / len(known) if known else 0.5
        of_text = dict(zip(different, grades, strict=True))
        return [of_text[text] or Verdict(score=mean, reason="no grade could be read") for text in texts]


def masked(request: Request, responses: Sequence[Response]) -> list[str]:
    """The answers, each without the name of the model that gave it, unless the task names it."""
    task = task_of(request).casefold()
    return [_masked(response, task) for response in responses]


def _masked(response: Response, task: str) -> str:
    own = {name for full in (response.name, response.model) for name in (full, full.rpartition("/")[2])}
    hidden = sorted((name for name in own if MODEL.search(name) and name.casefold() not in task), key=len, reverse=True)
    if not hidden:
        return response.text.strip()
    names = "|".join(map(re.escape, hidden))
    return re.sub(rf"(?<!\w)(?:{names})(?!\w)", MASK, response.text, flags=re.IGNORECASE).strip()


async def _put(
    asked: Asked,
    request: Request,
    prompt: str,
    asking: Sequence[Mapping[str, Any]],
    clock: Callable[[], float],
) -> list[Response | Failure]:
    """What the judge says to each; raises its error where it answers none."""
    members = [(asked.name, _bound(asked, prompt, variables)) for variables in asking]
    outcomes = [outcome for outcome in await gather(members, request, clock=clock) if outcome is not None]
    errors: list[OrchestraError] = [outcome.error for outcome in outcomes if isinstance(outcome, Failure)]
    if len(errors) == len(outcomes):
        raise errors[0] if len(errors) == 1 else AllFailed(f"{asked.name} judged none of the answers", errors)
    return outcomes


def _bound(asked: Asked, prompt: str, variables: Mapping[str, Any]) -> Model:
    async def model(request: Request) -> Response:
        return await asked(request, prompt, variables)

    return model


def _better(answer: Response | Failure, shown: Pair) -> int | None:
    """Which of the two the judge prefers, or `TIE`; `None` where it did not say."""
    word = None if isinstance(answer, Failure) else said(answer.text, "better")
    return {"a": shown[0], "b": shown[1], "tie": TIE}.get(str(word).strip().casefold())


def _record(n: int, played: Mapping[Pair, float]) -> str:
    """`won 1, lost 0, tied 1`, of the comparisons of one answer."""
    own = [outcome if n == pair[0] else 1 - outcome for pair, outcome in played.items() if n in pair]
    won, lost = sum(outcome > 0.5 for outcome in own), sum(outcome < 0.5 for outcome in own)
    return f"won {won}, lost {lost}, tied {len(own) - won - lost}" if own else "nothing to compare it with"


def _consistency(n: int, agreed: Mapping[Pair, bool]) -> float | None:
    own = [same for pair, same in agreed.items() if n in pair]
    return sum(own) / len(own) if own else None


def _grade(answer: Response) -> Verdict | None:
    score = share(said(answer.text, "score"), WHOLE)
    return None if score is None else Verdict(score=score, reason=str(said(answer.text, "reason") or ""))
