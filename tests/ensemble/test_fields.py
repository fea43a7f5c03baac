"""Field-level fusion: what each field becomes, who gave it, and what a permutation of the members changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.ensemble.assignment import assignment
from orchestra.ensemble.fields import Field, Fusion, Merged, put
from orchestra.ensemble.records import same
from orchestra.settings.nodes import FieldSpec


def merged(*records: Any, **about: Any) -> Merged:
    return Fusion("abcdefgh"[: len(records)], same, **about)(dict(enumerate(records)))


def field(found: Merged, name: str) -> Field:
    return next(one for one in found.fields if one.name == name)


def test_each_field_is_what_most_members_say() -> None:
    """Nested too; with its confidence, who gave it, and what speaks against it."""
    found = merged(
        {"name": "Lamp", "price": {"amount": 10, "currency": "USD"}},
        {"name": "Lamp", "price": {"amount": 12, "currency": "USD"}},
        {"name": "lamp ", "price": {"amount": 10.0, "currency": "EUR"}},
    )
    assert found.value == {"name": "Lamp", "price": {"amount": 10, "currency": "USD"}}
    amount = field(found, "price.amount")
    assert (amount.confidence, amount.given[0].sources) == (2 / 3, ("a", "c"))
    assert amount.given[1].value == 12
    assert not field(found, "name").conflict
    assert found.confidence == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_nothing_said_is_no_vote() -> None:
    """Null, an absent field and an empty text neither win nor count; false and zero do."""
    found = merged(
        {"rating": None, "stock": 0, "sold": False}, {"rating": "", "stock": 0}, {"rating": "4.5", "sold": None}
    )
    assert found.value == {"rating": "4.5", "stock": 0, "sold": False}
    assert field(found, "rating").confidence == pytest.approx(1 / 3)
    assert merged({"rating": None}, {"rating": None}).value == {"rating": None}


@pytest.mark.parametrize(
    ("rule", "values", "expected"),
    [
        ("vote", [9, 1, 9, 5], 9),
        ("median", [1, 9, 3, 4, 100], 4),
        ("median", [1, 2, 3, 100], 2),
        ("longest", ["Acme lamp", "Acme lamp, brass", "Other thing"], "Acme lamp, brass"),
        ("longest", ["Other and much longer text", "Acme", "acme Lamp"], "acme Lamp"),
        ("union", [["x", "y"], ["x", "z"], ["y", "x"]], ["x", "y"]),
        ("vote", [["x", "y"], ["x", "z"], ["x", "y"]], ["x", "y"]),
        ("union", [["x", "x"], ["x", "x"], ["x"]], ["x", "x"]),
    ],
)
def test_a_rule_says_how_the_values_become_one(rule: Any, values: list[Any], expected: Any) -> None:
    """Each takes a value that somebody gave."""
    found = merged(*({"f": value} for value in values), rules={"f": FieldSpec(merge=rule)})
    assert found.value == {"f": expected}


def test_a_rule_of_a_type_holds_where_the_path_has_none() -> None:
    """A rule of the path comes first."""
    rules = {"number": FieldSpec(merge="median"), "id": FieldSpec(merge="vote")}
    records = [{"id": 7, "n": 1}, {"id": 1, "n": 2}, {"id": 7, "n": 9}, {"id": 2, "n": 9}, {"id": 3, "n": 1}]
    assert merged(*records, rules=rules).value == {"id": 7, "n": 2}


def test_items_are_paired_by_best_match() -> None:
    """In any order, with fields that differ; what too few members have is left out and listed."""
    found = merged(
        {"items": [{"name": "red lamp", "price": 1}, {"name": "blue chair", "price": 2}]},
        {"items": [{"name": "blue chair", "price": 2}, {"name": "red lamp", "price": 9}]},
        {
            "items": [
                {"name": "red lamp", "price": 1},
                {"name": "blue chair", "price": 3},
                {"name": "ghost", "price": 0},
            ]
        },
    )
    assert found.value == {"items": [{"name": "red lamp", "price": 1}, {"name": "blue chair", "price": 2}]}
    (out,) = [one for one in found.fields if not one.kept]
    assert (out.name, out.value, out.given[0].sources) == ("items", {"name": "ghost", "price": 0}, ("c",))
    assert field(found, "items[0].price").given[1].sources == ("b",)


@pytest.mark.parametrize(
    "about",
    [{}, {"rules": {"items": FieldSpec(key="sku")}}, {"rules": {"items": FieldSpec(key="sku", merge="union")}}],
    ids=["found", "named", "union"],
)
def test_items_are_aligned_by_a_key(about: dict[str, Any]) -> None:
    """An identifier that all items have, or the one that is named, whatever else of them differs."""
    found = merged(
        {"items": [{"sku": "1", "t": "a b c"}, {"sku": "2", "t": "d e f"}]},
        {"items": [{"sku": "2", "t": "a b c"}, {"sku": "1", "t": "g h i"}]},
        **about,
    )
    assert [item["sku"] for item in found.value["items"]] == ["1", "2"]
    assert field(found, "items[0].t").given[1].value == "g h i"


def test_a_field_that_too_few_have_is_left_out() -> None:
    """Where a rule says so."""
    records = [{"name": "x", "extra": 1}, {"name": "x"}, {"name": "x"}]
    assert merged(*records).value == {"name": "x", "extra": 1}
    found = merged(*records, rules={"extra": FieldSpec(min_support=0.5)})
    assert found.value == {"name": "x"}
    assert not field(found, "extra").kept


def test_weights_are_those_of_the_members_or_of_the_field() -> None:
    """A reliable member outvotes two, and for another field another one does."""
    records = [{"price": 1, "name": "x"}, {"price": 2, "name": "y"}, {"price": 2, "name": "y"}]
    rules = {"name": FieldSpec(weights={"a": 1})}
    found = merged(*records, weights={"a": 3}, rules=rules)
    assert found.value == {"price": 1, "name": "y"}
    assert field(found, "price").confidence == 3 / 5


def test_the_kind_of_a_field_says_when_two_values_are_the_same() -> None:
    """A code literal is compared by value, and its capitals count; other texts are not."""
    records = [{"v": "'Ab'"}, {"v": "ab"}, {"v": "ab"}]
    assert field(merged({"v": "AB"}, {"v": "ab"}), "v").confidence == 1
    assert merged(*records, rules={"v": FieldSpec(kind="code")}).value == {"v": "ab"}
    assert field(merged(*records, rules={"string": FieldSpec(kind="code")}), "v").confidence == 2 / 3


def test_another_shape_is_a_conflict() -> None:
    """A list where others have a text is outvoted, and noted."""
    found = merged({"tags": ["x"]}, {"tags": ["x"]}, {"tags": "x"})
    assert found.value == {"tags": ["x"]}
    assert field(found, "tags").given[1].sources == ("c",)


VALUES = st.sampled_from([None, "", "x", "y", "long text", 1, 2, 2.5, True, False])
RECORDS = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["p", "q", "r"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(RECORDS, min_size=1, max_size=5))
@settings(max_examples=150)
def test_members_that_agree_are_what_comes_out(records: list[Any]) -> None:
    """However many, at full confidence; and no record breaks the merging."""
    merged(*records)
    found = merged(*[records[0]] * 3)
    assert found.value == records[0] or records[0] in (None, "")
    assert all(one.confidence == 1 and not one.conflict for one in found.fields)


@given(st.lists(st.dictionaries(st.sampled_from("pqr"), st.integers(0, 2), max_size=3), min_size=2, max_size=4))
@settings(max_examples=100)
def test_a_permutation_of_the_members_changes_nothing_but_ties(records: list[Any]) -> None:
    """What has the most weight alone wins in any order."""
    found = merged(*records)
    clear = {one.path for one in found.fields if len(one.given) == 1 or one.given[0].share > one.given[1].share}
    for order in itertools.permutations(range(len(records))):
        again = merged(*(records[n] for n in order))
        assert {one.path for one in again.fields} == {one.path for one in found.fields}
        for one in again.fields:
            if one.path in clear:
                assert one.value == next(other.value for other in found.fields if other.path == one.path)


@given(st.permutations([0, 1, 2]))
def test_a_permutation_of_lists_pairs_the_same_items(order: list[int]) -> None:
    """Best match does not depend on who is first."""
    lists = [
        [{"n": "red lamp", "p": 1}, {"n": "blue chair", "p": 2}],
        [{"n": "chair blue", "p": 2}, {"n": "lamp", "p": 1}, {"n": "rug", "p": 5}],
        [{"n": "red lamp big", "p": 1}, {"n": "rug", "p": 5}],
    ]
    found = merged(*({"items": lists[n]} for n in order))
    assert sorted(item["p"] for item in found.value["items"]) == [1, 2, 5]


MATRICES = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), min_size=n, max_size=n), max_size=4)
)


@given(MATRICES)
@settings(max_examples=200)
def test_an_assignment_is_the_best_there_is(likeness: list[list[float]]) -> None:
    """As good as the best of all, and one to one."""
    pairs = assignment(likeness)
    rows, columns = len(likeness), len(likeness[0]) if likeness else 0
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs) == min(rows, columns)
    few, many = min(rows, columns), range(max(rows, columns))
    at: Callable[[int, int], float] = (
        (lambda one, other: likeness[one][other]) if rows <= columns else (lambda one, other: likeness[other][one])
    )
    best = max(sum(at(n, chosen[n]) for n in range(few)) for chosen in itertools.permutations(many, few))
    assert sum(likeness[row][column] for row, column in pairs) == pytest.approx(best)


def test_a_value_is_put_anywhere() -> None:
    """In a copy."""
    whole = {"items": [{"p": 1}, {"p": 2}], "name": "x"}
    assert put(whole, ("items", 1, "p"), 9) == {"items": [{"p": 1}, {"p": 9}], "name": "x"}
    assert whole["items"][1]["p"] == 2
