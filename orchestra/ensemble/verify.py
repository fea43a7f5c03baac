"""Have one model answer and another check it, until the answer stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra.ensemble.asking import Asked, Prompts
from orchestra.ensemble.calls import output, plain_calls
from orchestra.ensemble.checks import Fits, checked
from orchestra.ensemble.members import noted
from orchestra.ensemble.schema import Schema
from orchestra.ensemble.verdict import said, share, yes
from orchestra.errors import BudgetExceeded, ModelError, NoModelAvailable
from orchestra.types import Failure, Judge, Model, Request, Response


@dataclass(frozen=True, slots=True)
class Finding:
    """What the checks, or the validator, found of an answer; `correct` is `None` where nobody could say.

    `confidence` is how likely it is right, in [0, 1]; `text` what was said of it.
    """

    correct: bool | None
    confidence: float
    text: str
    issues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """An answer, by whom, and what was found of it."""

    author: str
    response: Response
    finding: Finding


@dataclass(frozen=True, slots=True)
class Verify:
    """Let `generator`, a name and a model, answer, and `validator` check it; have what is wrong mended.

    `checks` come first, and the validator is asked only about what passes them. A wrong answer goes back to its author
    with the issues, up to `max_rounds` times; then `otherwise` is asked instead. Tool calls are checked as JSON, and
    mended with the issues as their results. `result` has `output`, `verification` and `confidence`, `details` every
    round. What is wrong to the end, or could not be checked, is the likeliest of the answers, without `success`. Costs
    two calls, and up to two more for each further round. Raises the generator's error where it gives no answer at all.
    """

    generator: tuple[str, Model]
    validator: Asked | None
    prompts: Prompts = field(repr=False, compare=False)
    checks: tuple[Judge, ...] = ()
    max_rounds: int = 1
    otherwise: tuple[str, Model] | None = None
    clock: Callable[[], float] = field(default=time.monotonic, repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        own = replace(request, sink=None, tentative=True)
        rounds: list[Round] = []
        failures: list[Failure] = []
        author, asking, begun = self.generator, own, self.clock()
        try:
            for _ in range(self.max_rounds + 1):
                rounds.append(await self._round(author, own, asking))
                if rounds[-1].finding.correct is not False:
                    break
                asking = self._mending(asking, rounds[-1])
            if rounds[-1].finding.correct is False and self.otherwise is not None:
                author, begun = self.otherwise, self.clock()
                rounds.append(await self._round(author, own, own))
        except (ModelError, NoModelAvailable, BudgetExceeded) as error:
            if not rounds:
                raise
            failures.append(Failure(name=author[0], error=error, latency_s=self.clock() - begun))
        return _response(rounds, failures)

    async def _round(self, author: tuple[str, Model], own: Request, asking: Request) -> Round:
        name, model = author
        response = await model(asking.at(name))
        own.tell(name, response)
        return Round(name, response, await self._finding(own, response))

    async def _finding(self, own: Request, response: Response) -> Finding:
        checks = self.checks
        if own.params.get("response_format") is not None and (response.text or not response.tool_calls):
            checks = (Fits(Schema.of(own.params["response_format"])), *checks)
        (verdict,) = await checked(checks, own, [response])
        if verdict.score < 1:
            return Finding(False, 0.0, verdict.reason, tuple(verdict.reason.splitlines()))
        if self.validator is None:
            return Finding(True, 1.0, f"passes {len(checks)} checks")
        try:
            answer = await self.validator(own.at(self.validator.name), "verify_check", {"output": output(response)})
        except (ModelError, NoModelAvailable, BudgetExceeded) as error:
            return Finding(None, 0.0, f"{self.validator.name} did not check it: {error}")
        own.tell(self.validator.name, answer)
        return _read(answer.text)

    def _mending(self, asking: Request, last: Round) -> Request:
        """The conversation so far, the answer, and what was found wrong with it: of tool calls, as their results."""
        mend = self.prompts.get("verify_repair").messages({"issues": list(last.finding.issues)})
        answer: dict[str, Any] = {"role": "assistant", "content": last.response.text}
        if calls := plain_calls(last.response):
            answer |= {"content": last.response.text or None, "tool_calls": calls}
            found = "\n\n".join(str(message["content"]) for message in mend)
            mend = tuple({"role": "tool", "tool_call_id": call.get("id"), "content": found} for call in calls)
        return replace(asking, messages=(*asking.messages, answer, *mend))


def _read(text: str) -> Finding:
    """A validator's verdict; a confidence that contradicts its word is that of the word."""
    correct, confidence, issues = yes(said(text, "correct")), share(said(text, "confidence")), said(text, "issues")
    if correct is None:
        return Finding(None, confidence or 0.0, text)
    if confidence is None:
        confidence = float(correct)
    elif not correct and confidence > 0.5:
        confidence = 1 - confidence
    listed = issues if isinstance(issues, list) else [issues] if issues else []
    lines = tuple(" ".join(str(issue).split()) for issue in listed if str(issue).strip())
    return Finding(correct, confidence, text, lines or (() if correct else ("It is not correct, or not complete.",)))


def _response(rounds: Sequence[Round], failures: Sequence[Failure]) -> Response:
    """The answer that was found right, else the likeliest, the latest of equals."""
    n = max(range(len(rounds)), key=lambda n: (rounds[n].finding.correct is True, rounds[n].finding.confidence, n))
    last, response, finding = rounds[n], rounds[n].response, rounds[n].finding
    word = {True: "verified", False: "found wrong", None: "not verified"}[finding.correct]
    repaired = f" after {len(rounds) - 1} more rounds" if len(rounds) > 1 else ""
    failed = f"{failures[0].name} failed" if failures else ""
    return replace(
        response,
        result={"output": output(response), "verification": finding.text, "confidence": finding.confidence},
        details={"rounds": [_told(one) for one in rounds]},
        score=finding.confidence,
        success=response.success and finding.correct is True,
        note=noted(f"{response.name or last.author}: {word}{repaired}", failed, response.note),
        sources=(*(replace(one.response, score=one.finding.confidence) for one in rounds), *failures),
    )


def _told(one: Round) -> dict[str, Any]:
    found = one.finding
    return {
        "model": one.author,
        "output": output(one.response),
        "correct": found.correct,
        "confidence": found.confidence,
        "issues": list(found.issues),
    }
