"""Judges that need no model: they cost nothing, never err, and decide what they can before a model is asked."""

from __future__ import annotations

import ast
import operator
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from orchestra.ensemble.answers import Answers, joined
from orchestra.ensemble.schema import Schema, data_of
from orchestra.types import Judge, Request, Response, Verdict

EQUATION = re.compile(r"(?<![\w.,])([-(]?[$\d][\d.,\s()$+*/×÷·−-]*[)\d])\s*=\s*\$?(-?\d[\d,]*(?:\.\d+)?)(?![\w%.,]*\w)")
PYTHON = re.compile(r"```(?:python|py)[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
GOES_ON = "+-*/×÷·−("
"""What stands before or after an equation that is a part of a longer one."""
SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "$": None, ",": None})
OPERATORS: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Check(ABC):
    """A judge that scores an answer 1 when it finds no issue, else 0; the reason has a line for each issue."""

    __slots__ = ()

    @abstractmethod
    def issues(self, response: Response) -> list[str]:
        """What is wrong with an answer; none when nothing is."""

    async def __call__(self, request: Request, responses: Sequence[Response]) -> Sequence[Verdict]:
        found = [self.issues(response) for response in responses]
        return [Verdict(score=0.0 if issues else 1.0, reason="\n".join(issues)) for issues in found]


@dataclass(frozen=True, slots=True)
class Fits(Check):
    """The answer is JSON that fits a schema."""

    schema: Schema

    def issues(self, response: Response) -> list[str]:
        data = data_of(response)
        return ["the answer has no JSON"] if data is None else self.schema.problems(data)


@dataclass(frozen=True, slots=True)
class Matches(Check):
    """A regular expression is found in the answer."""

    pattern: str
    _compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", re.compile(self.pattern))

    def issues(self, response: Response) -> list[str]:
        return [] if self._compiled.search(response.text) else [f"nothing in the answer matches {self.pattern!r}"]


@dataclass(frozen=True, slots=True)
class Resembles(Check):
    """The answer is the same as a reference."""

    reference: str

    def issues(self, response: Response) -> list[str]:
        answer = Answers().read(response)
        keys = joined([Answers().form(self.reference), answer and answer.key])
        return [] if keys[0] == keys[1] else ["the answer is not the reference"]


@dataclass(frozen=True, slots=True)
class Adds(Check):
    """Every equation of plain numbers that the answer writes out (`3 × 14 = 42`) holds, as far as it is rounded."""

    def issues(self, response: Response) -> list[str]:
        found = []
        for equation in EQUATION.finditer(response.text):
            before, after = response.text[: equation.start()].rstrip(), response.text[equation.end() :].lstrip()
            if before[-1:] in (*GOES_ON, ")", "%") or after[:1] in (*GOES_ON, "%"):
                continue
            left, right = equation.groups()
            stated, value = right.translate(SIGNS), _value(left.translate(SIGNS))
            if value is not None and abs(value - Fraction(stated)) > _rounding(stated):
                found.append(f"{left.strip()} is {float(value):g}, not {right}")
        return found


@dataclass(frozen=True, slots=True)
class Parses(Check):
    """Every block of Python in the answer, or all of it where it has none, is Python; nothing of it is run."""

    def issues(self, response: Response) -> list[str]:
        blocks = PYTHON.findall(response.text) or [response.text]
        return [f"it is no Python: {said}" for block in blocks if (said := _unparsed(block))]


@dataclass(frozen=True, slots=True)
class Checked:
    """Lets `checks` decide what they can: an answer that fails one scores 0, and only the others go to `judge`.

    Where one is left, or there is no judge, no model is asked.
    """

    checks: tuple[Judge, ...]
    judge: Judge | None = None

    async def __call__(self, request: Request, responses: Sequence[Response]) -> Sequence[Verdict]:
        verdicts = await checked(self.checks, request, responses)
        passed = [n for n, verdict in enumerate(verdicts) if verdict.score == 1]
        if self.judge is not None and len(passed) > 1:
            judged = await self.judge(request, [responses[n] for n in passed])
            for n, verdict in zip(passed, judged, strict=True):
                verdicts[n] = verdict
        return verdicts


async def checked(checks: Sequence[Judge], request: Request, responses: Sequence[Response]) -> list[Verdict]:
    """The worst verdict on each answer, with the reasons of every check that it fails."""
    rows = [await check(request, responses) for check in checks]
    return [
        Verdict(
            score=min((verdict.score for verdict in column), default=1.0),
            reason="\n".join(verdict.reason for verdict in column if verdict.score < 1),
        )
        for column in ([row[n] for row in rows] for n in range(len(responses)))
    ]


def _unparsed(code: str) -> str:
    """Why a text is no Python; empty where it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape that Python does not know, in an answer
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        return f"{getattr(error, 'msg', error)}{f', line {line}' if line else ''}"
    return ""


def _value(expression: str) -> Fraction | None:
    """What numbers and signs between them come to; `None` for what is no such thing."""
    try:
        parsed = ast.parse(expression.strip(), mode="eval").body
        return _evaluated(parsed) if isinstance(parsed, ast.BinOp) else None
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _evaluated(node: ast.expr) -> Fraction:
    match node:
        case ast.BinOp() if type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](_evaluated(node.left), _evaluated(node.right))
        case ast.UnaryOp(op=ast.USub()):
            return -_evaluated(node.operand)
        case ast.Constant(value=int() | float()):
            return Fraction(repr(node.value))
        case _:
            raise ValueError("not an expression of numbers")


def _rounding(stated: str) -> Fraction:
    """Half a unit of the last place of a figure."""
    places = len(stated.partition(".")[2])
    return Fraction(1, 2 * 10**places)
