"""When are two answers the same? What is taken from a response, and what it is compared by."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from orchestra.ensemble.calls import calls_of
from orchestra.ensemble.forms import (
    Quantity,
    boolean_form,
    choice_form,
    code_form,
    date_form,
    label_form,
    number_form,
    text_form,
)
from orchestra.ensemble.forms.data import FENCE, canonical, json_values
from orchestra.ensemble.forms.numbers import PERCENT
from orchestra.errors import ConfigError
from orchestra.types import Request, Response

Kind = Literal["auto", "number", "choice", "label", "boolean", "date", "json", "code", "text"]
"""What an answer is; `auto` looks at each answer."""

Keys = Sequence[Hashable | None]
"""What the answers of all members are compared by, `None` for a member without one."""

BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
MARKED = re.compile(
    r"(?:####|\banswer\**\s*(?:is|:|=)|\bresult\s*(?:is|:))[ \t*:]*(?!\s*$)([^\n]+)", re.IGNORECASE | re.MULTILINE
)
MARKED_KINDS = ("auto", "number", "choice", "label", "boolean", "date")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a response said, and what it is compared by."""

    said: Any
    key: Hashable

    @property
    def shown(self) -> str:
        """What was said, as text."""
        if isinstance(self.said, BaseModel):
            return self.said.model_dump_json()
        return self.said if isinstance(self.said, str) else json.dumps(self.said, default=str, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Answers:
    """What is taken from a response, and what two answers are compared by.

    The answer is the whole text, the part of it that is marked as the answer ("The answer is …", `\\boxed{…}`), the
    `field` of its JSON (dots go deeper), its last fenced block, or the last match of `pattern` (its first group, where
    it has one). One that is not of its `kind` is compared as text. `key` takes the place of all that: it is given the
    text and returns what is compared, `None` for no answer. Where there are tool calls in place of a text, they are the
    answer: by their names and arguments, in any order.
    """

    kind: Kind = "auto"
    field: str | None = None
    pattern: str | None = None
    fenced: bool = False
    labels: tuple[str, ...] = ()
    key: Callable[[str], Hashable | None] | None = None

    def __post_init__(self) -> None:
        if self.kind == "label" and not self.labels:
            raise ConfigError("answers of kind 'label' need their labels: labels=('positive', 'negative')")
        if sum((self.field is not None, self.pattern is not None, self.fenced, self.key is not None)) > 1:
            raise ConfigError(
                "an answer is taken from a field, a pattern, a fenced block or by a key: name one of them"
            )
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ConfigError(f"answers: {self.pattern!r} is no regular expression: {error}") from error

    def of(self, request: Request) -> Answers:
        """The same for one request: where nothing is said of the answer, a structured one is compared as JSON."""
        structured = request.params.get("response_format") not in (None, {"type": "text"})
        return Answers("json") if structured and self == Answers() else self

    def read(self, response: Response) -> Answer | None:
        """The answer of a response; `None` where it gives none."""
        if response.tool_calls and not response.text.strip():
            calls = calls_of(response)
            return Answer(calls, ("calls", tuple(sorted((canonical(call) for call in calls), key=repr))))
        if self.key is not None:
            key = self.key(response.text)
            return None if key is None else Answer(response.text, key)
        said = self._taken(response)
        if said is None or (isinstance(said, str) and not said.strip() and self.kind != "code"):
            return None
        return Answer(said, self.form(said))

    def form(self, said: Any) -> Hashable:
        """What an answer, given as text or as a JSON value, is compared by."""
        if isinstance(said, BaseModel):
            said = said.model_dump(mode="json")
        if self.kind == "json" or (self.kind == "auto" and isinstance(said, (Mapping, list))):
            value = next(json_values(said), said) if isinstance(said, str) else said
            return ("json", canonical(value))
        text = said if isinstance(said, str) else json.dumps(said, default=str, ensure_ascii=False)
        form = self._form(text)
        return ("text", text_form(text)) if form is None else (self.kind, form) if not _own(form) else form

    def _form(self, text: str) -> Hashable | None:
        match self.kind:
            case "number":
                return number_form(text)
            case "choice":
                return choice_form(text)
            case "label":
                return label_form(text, self.labels)
            case "boolean":
                return boolean_form(text)
            case "date":
                return date_form(text)
            case "code":
                return code_form(text)
            case "auto":
                return _auto(text)
            case _:
                return None

    def _taken(self, response: Response) -> Any:
        text = response.text
        if self.field is not None:
            return _field(response, self.field)
        if self.pattern is not None:
            matches = list(re.finditer(self.pattern, text))
            return (matches[-1][1] if matches[-1].re.groups else matches[-1][0]) if matches else None
        blocks = FENCE.findall(text) if self.fenced or FENCE.fullmatch(text.strip()) else []
        if self.fenced and not blocks:
            return None
        if self.kind == "json" and response.parsed is not None:
            return response.parsed
        text = blocks[-1].removesuffix("\n") if blocks else text
        if self.kind == "json":
            return next(json_values(text), text)
        return marked(text) if self.kind in MARKED_KINDS else text


def marked(text: str) -> str:
    """What a text marks as its answer, the last where there are several; the whole of it where it marks none."""
    found = [*BOXED.finditer(text), *MARKED.finditer(text)]
    return max(found, key=lambda match: match.start())[1].strip(" *`").removesuffix(".") if found else text


def joined(keys: Keys) -> list[Hashable | None]:
    """The keys, with bare numbers read in the one unit that there is among them; in none where there are several."""
    units = _units(keys)
    return _read_in(keys, *units) if len(units) == 1 else list(keys)


def possible(keys: Keys) -> list[list[Hashable | None]]:
    """What `joined` may make of these keys once more answers have come: a unit may appear, or a second one."""
    now = joined(keys)
    units = _units(keys)
    later = list(keys) if units else _read_in(keys, PERCENT)
    return [now] if later == now or len(units) > 1 else [now, later]


def _units(keys: Keys) -> set[str]:
    return {key.unit for key in keys if isinstance(key, Quantity) and key.unit}


def _read_in(keys: Keys, unit: str) -> list[Hashable | None]:
    return [key.read_in(unit) if isinstance(key, Quantity) else key for key in keys]


def _auto(text: str) -> Hashable | None:
    number = number_form(text, whole=True)
    if number is not None:
        return number
    truth = boolean_form(text, whole=True)
    if truth is not None:
        return ("boolean", truth)
    day = date_form(text, whole=True)
    if day is not None:
        return ("date", day)
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        try:
            return ("json", canonical(json.loads(stripped)))
        except (ValueError, RecursionError):
            return None
    return None


def _own(form: Hashable) -> bool:
    """The form says of what kind it is."""
    return isinstance(form, (Quantity, tuple))


def _field(response: Response, path: str) -> Any:
    """The value at a path of the first JSON object that has one; of broken JSON, what stands after its last name."""
    names = path.split(".")
    for value in _objects(response):
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    after = list(re.finditer(rf'"{re.escape(names[-1])}"\s*:\s*("(?:[^"\\]|\\.)*"|[^\s,}}][^\n}}]*)', response.text))
    if after:
        raw = after[-1][1].strip().rstrip(",").strip()
        return _unquoted(raw)
    boxed = BOXED.findall(response.text)
    return boxed[-1].strip() if boxed else None


def _objects(response: Response) -> Iterator[Any]:
    if response.parsed is not None:
        parsed = response.parsed
        yield parsed.model_dump(mode="json") if isinstance(parsed, BaseModel) else parsed
    yield from json_values(response.text)


def _unquoted(raw: str) -> Any:
    try:
        return json.loads(raw, strict=False)
    except ValueError:
        return raw.strip('"')
