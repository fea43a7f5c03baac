"""Answers: when two are the same, by kind, and what is taken from a text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from orchestra import ConfigError, Request, Response
from orchestra.ensemble import Answers
from orchestra.ensemble.answers import joined, possible

from .judging import tool_call


def key(text: str, answers: Answers) -> Any:
    answer = answers.read(Response(text=text, model="m"))
    return None if answer is None else answer.key


def same(first: str, second: str, answers: Answers) -> bool:
    one, other = joined([key(first, answers), key(second, answers)])
    return one is not None and one == other


ALIKE = [
    ("auto", "$49.99", "49.99 USD"),
    ("auto", "1,234.50", "$1234.5"),
    ("auto", "The answer is 42.", "42"),
    ("auto", "**Paris**", "paris."),
    ("auto", "so \\boxed{7}", "7.0"),
    ("auto", "```json\n{\"a\": 1}\n```", '{"a": 1.0}'),
    ("auto", "5 March 2024", "2024-03-05"),
    ("number", "49,99 €", "EUR 49.99"),
    ("number", "1.234,50", "1234.5"),
    ("number", "50%", "0.5"),
    ("number", "50 percent", "50"),
    ("number", "1/2", "0.50"),
    ("number", "1 1/2", "1.5"),
    ("number", "½", ".5"),
    ("number", "1.2 million", "1,200,000"),
    ("number", "1.2e3", "1200"),
    ("number", "−3", "-3"),
    ("number", "$18 per day", "18 dollars"),
    ("number", "12 feet", "12"),
    ("number", "5 red apples", "5 apples"),
    ("number", "2 + 3 = 5", "5"),
    ("number", "It is 3 plus 4. #### 7", "7"),
    ("choice", "B", "(b)"),
    ("choice", "B) Paris", "Option B"),
    ("choice", "The answer is (B).", "B."),
    ("boolean", "Yes, supported.", "true"),
    ("boolean", "no, not supported", "False"),
    ("boolean", "That is not correct.", "no"),
    ("date", "March 5th, 2024", "on 2024-03-05"),
    ("date", "13/05/2024", "2024-05-13"),
    ("json", '{"a": 1, "b": null}', 'Here: {"a": 1.0}'),
    ("json", '{"b": [1], "a": "x"}', '{"a": "x", "b": [1.0]}'),
    ("code", "{'l': 1, 't': 2}", '{"t": 2, "l": 1}'),
    ("code", "'abc'", "abc"),
    ("code", "[1,2]", "[1, 2]"),
    ("text", "“Yes,”  said she", "yes,\" said she."),
]  # fmt: skip
APART = [
    ("auto", "41", "42"),
    ("auto", "yes, supported", "no, not supported"),
    ("auto", "$5", "€5"),
    ("auto", "5 kg", "5 km"),
    ("auto", '{"a": true}', '{"a": 1}'),
    ("number", "41", "42"),
    ("number", "50%", "5"),
    ("number", "-3", "3"),
    ("number", "12.5", "125"),
    ("number", "12 feet", "12 inches"),
    ("choice", "A", "B"),
    ("boolean", "yes, supported", "no, not supported"),
    ("boolean", "true", "not true"),
    ("date", "03/05/2024", "05/03/2024"),
    ("date", "2024-03-05", "2024-03-06"),
    ("json", '{"a": "1"}', '{"a": 1}'),
    ("json", "[1, 2]", "[2, 1]"),
    ("code", "True", "1"),
    ("code", "(1, 2)", "[1, 2]"),
    ("code", "'  7  '", "7"),
    ("code", "'abc'", "'ABC'"),
    ("text", "yes, supported", "no, not supported"),
]


@pytest.mark.parametrize(("kind", "first", "second"), ALIKE)
def test_the_same(kind: Any, first: str, second: str) -> None:
    """One vote, however it is written."""
    assert same(first, second, Answers(kind))


@pytest.mark.parametrize(("kind", "first", "second"), APART)
def test_not_the_same(kind: Any, first: str, second: str) -> None:
    """Never one vote."""
    assert not same(first, second, Answers(kind))


def test_a_label_inside_a_longer_one_is_the_longer() -> None:
    """`not supported` is not `supported`; a text that weighs both and begins with neither names none."""
    answers = Answers("label", labels=("supported", "not supported"))
    assert same("The claim is not supported.", "Not supported", answers)
    assert not same("supported", "not supported", answers)
    assert key("It may be supported or not supported", answers) == ("text", "it may be supported or not supported")


@pytest.mark.parametrize(
    ("answers", "text", "said"),
    [
        (Answers("number", field="answer"), '```json\n{"reasoning": "2 of 9", "answer": "4"}\n```', "4"),
        (Answers("number", field="a.b"), 'So {"x": 1} then {"a": {"b": 4}}', 4),
        (Answers("number", field="answer"), '{"reasoning": "broken \\" here, "answer": "4",}', "4"),
        (Answers("number", field="answer"), "no JSON, but \\boxed{4}", "4"),
        (Answers("auto", pattern=r"ANSWER: (\S+)"), "ANSWER: 3\nno, ANSWER: 4", "4"),
        (Answers("auto", fenced=True), "a\n```py\n1\n```\nb\n```\n4\n```", "4"),
    ],
)
def test_what_is_taken(answers: Answers, text: str, said: Any) -> None:
    """From a field, at any depth and of broken JSON too; from a pattern or a block, the last."""
    answer = answers.read(Response(text=text, model="m"))
    assert answer is not None
    assert answer.said == said


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (Answers(), "  "),
        (Answers(field="answer"), "I can't say"),
        (Answers(pattern="x(.)"), "none"),
        (Answers(fenced=True), "none"),
        (Answers(key=lambda text: None), "anything"),
    ],
)
def test_no_answer(answers: Answers, text: str) -> None:
    """What gives no answer has no vote."""
    assert key(text, answers) is None


@pytest.mark.parametrize(
    "text",
    ["9" * 9000, "1e999999999", f'{{"a": {"9" * 999}}}', '{"a": 1e999999999}', "[" * 9000, "{" * 9000, "(" * 9000],
)
@pytest.mark.parametrize("kind", ["auto", "number", "json", "code"])
def test_what_is_made_to_be_slow_is_an_answer_like_any_other(text: str, kind: Any) -> None:
    """Numbers without end and brackets without end are compared too, and never raise."""
    assert same(text, text, Answers(kind))
    assert not same(text, "1", Answers(kind))


def test_a_key_of_ones_own() -> None:
    """The caller's function takes the place of everything."""
    assert same("abc", "xyz", Answers(key=len))


class Point(BaseModel):
    x: int
    y: float | None = None


def test_a_structured_answer_is_compared_by_its_fields() -> None:
    """`response_format` says that it is JSON; a parsed instance is the answer."""
    request = Request(params={"response_format": Point})
    answers = Answers().of(request)
    first = answers.read(Response(text='{"x": 1}', model="m", parsed=Point(x=1)))
    second = answers.read(Response(text='{"y": null, "x": 1}', model="m"))
    assert first is not None
    assert second is not None
    assert first.key == second.key
    assert first.said == Point(x=1)
    assert Answers("number").of(request) == Answers("number")


def test_bare_numbers_join_the_only_unit_and_no_other() -> None:
    """With one currency among the answers a bare number is in it; with two it stands alone."""
    answers = Answers("number")
    dollars, bare, euros = (key(text, answers) for text in ("$5", "5", "€5"))
    assert len(set(joined([dollars, bare]))) == 1
    assert len(set(joined([dollars, bare, euros]))) == 3


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "label"}, {"field": "a", "fenced": True}, {"pattern": "("}],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigError):
        Answers(**wrong)


numbers = st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=100)
units = st.sampled_from(["", "$", "€", "kg", "%"])
written = st.one_of(
    st.builds(lambda n, u: f"{u}{float(n):.2f}" if u in "$€" else f"{float(n):.2f} {u}".strip(), numbers, units),
    st.text(max_size=12),
    st.sampled_from([text for _, *pair in ALIKE + APART for text in pair]),
)
kinds = st.sampled_from(["auto", "number", "choice", "boolean", "date", "json", "code", "text"])


@settings(max_examples=150)
@given(st.lists(written, max_size=6), kinds, st.randoms())
def test_sameness_is_an_equivalence_that_no_order_changes(texts: list[str], kind: Any, random: Any) -> None:
    """Answers fall into sets: the same ones in whatever order they come, and each with itself."""
    answers = Answers(kind)

    def sets(order: Sequence[int]) -> set[frozenset[int]]:
        keys = joined([key(texts[n], answers) for n in order])
        return {frozenset(order[m] for m, other in enumerate(keys) if other == one) for one in keys if one is not None}

    order = list(range(len(texts)))
    before = sets(order)
    random.shuffle(order)
    assert sets(order) == before
    assert sum(map(len, before)) == sum(key(text, answers) is not None for text in texts)
    again = [text for text in texts for _ in range(2)]
    keys = joined([key(text, answers) for text in again])
    assert keys[::2] == keys[1::2]


@settings(max_examples=100)
@given(numbers, numbers, units)
def test_different_numbers_are_never_one_vote(first: Fraction, second: Fraction, unit: str) -> None:
    """In one unit, as in none, two numbers are one vote when they are equal."""
    ours, theirs = (f"{float(n):.3f} {unit}" for n in (first, second))
    assert same(ours, theirs, Answers("number")) == (round(float(first), 3) == round(float(second), 3))


@settings(max_examples=100)
@given(st.integers(-(10**12), 10**12), st.integers(0, 99))
def test_a_number_is_itself_in_every_form(whole: int, cents: int) -> None:
    """Separators, currency before or after, trailing zeros."""
    plain = f"{whole}.{cents:02d}"
    forms = [
        plain,
        f"{whole:,}.{cents:02d}",
        f"${plain}",
        f"{plain} dollars",
        f"USD {plain}",
        f"**{plain}00**",
        f"{plain}.",
    ]
    assert len(set(joined([key(form, Answers("number")) for form in forms]))) == 1


@settings(max_examples=60)
@given(st.dates(min_value=date(1000, 1, 1)))
def test_a_date_is_itself_in_every_form(day: date) -> None:
    """ISO, words in both orders, ordinal."""
    forms = [day.isoformat(), f"{day:%B} {day.day}, {day:%Y}", f"{day.day}th of {day:%b} {day:%Y}", f"{day:%Y/%m/%d}"]
    assert len({key(form, Answers("date")) for form in forms}) == 1


leaves = st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=4)
json_values = leaves | st.lists(leaves, max_size=3) | st.dictionaries(st.text(max_size=3), leaves, max_size=3)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=3), json_values, min_size=1, max_size=3))
def test_json_is_itself_whatever_the_order_of_its_keys(value: dict[str, Any]) -> None:
    """By value, at every depth."""
    import json

    backwards = json.dumps(dict(reversed(value.items())), indent=2)
    assert same(json.dumps(value), f"Here it is:\n```json\n{backwards}\n```", Answers("json"))


@settings(max_examples=100)
@given(st.lists(written, max_size=4), written)
def test_what_is_possible_holds_what_comes(texts: list[str], later: str) -> None:
    """After one more answer the earlier ones fall into one of the ways that were thought possible before."""
    answers = Answers("number")
    keys = [key(text, answers) for text in texts]
    now = joined([*keys, key(later, answers)])[:-1]

    def sets(of: Sequence[Any]) -> set[frozenset[int]]:
        return {frozenset(m for m, other in enumerate(of) if other == one) for one in of if one is not None}

    assert sets(now) in [sets(way) for way in possible(keys)]


def test_tool_calls_in_place_of_a_text_are_the_answer() -> None:
    """By name and arguments, whatever their ids, the order and the form of the JSON; a text goes before them."""

    def of(*calls: Any, text: str = "") -> Any:
        return Answers("number").read(Response(text=text, model="m", tool_calls=calls))

    here, there = tool_call("1", "weather", city="Paris", days=1), tool_call("2", "time")
    again = tool_call("3", "weather", days=1.0, city="Paris")
    cut = {"id": "4", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Pa'}}
    assert of(here, there).key == of(there, again).key
    assert len({of(*calls).key for calls in ((here,), (there,), (here, there), (here, here), (cut,))}) == 5
    assert of(here).shown == '[{"name": "weather", "arguments": {"city": "Paris", "days": 1}}]'
    assert of(here, text="42").key == of(text="42").key
    assert of() is None
