"""The key of a request: the same for what asks the same, another for any difference."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from orchestra import Cooled, Fallback, Leaf, Limited, ModelConfig, Request, Response, Retry
from orchestra.catalog import Card
from orchestra.resilience import Cooldowns, RateLimit, Retired
from orchestra.resilience.key import identity_of, key_of, reads_facts
from orchestra.settings.secret import Secret
from orchestra.testing import Scripted

PLAIN = st.recursive(
    st.none() | st.text(max_size=3) | st.integers(2, 9),
    lambda parts: st.lists(parts, max_size=2) | st.dictionaries(st.text("ab", max_size=2), parts, max_size=2),
    max_leaves=4,
)
REQUESTS = st.builds(
    Request,
    messages=st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": PLAIN}), max_size=2).map(tuple),
    params=st.dictionaries(st.sampled_from(["temperature", "tools", "input"]), PLAIN, max_size=2),
    call=st.sampled_from(["chat", "embedding", "rerank"]),
    sample=st.integers(0, 2),
    task_type=st.sampled_from([None, "code"]),
    priority=st.sampled_from(["normal", "high"]),
    tags=st.dictionaries(st.sampled_from(["user"]), st.text("ab", max_size=1), max_size=1),
    preferred_model=st.sampled_from([None, "fast"]),
    input_tokens=st.sampled_from([None, 7]),
)
ASKED = ("messages", "params", "call", "sample")
ROUTED = ("task_type", "priority", "tags", "preferred_model", "input_tokens")


def key(request: Request, facts: bool = True, node: str = "node") -> str | None:
    return key_of(node, facts, request)


def turned(value: Any) -> Any:
    """The same, with every dict in the opposite order and every list as a tuple."""
    if isinstance(value, dict):
        return {name: turned(value[name]) for name in reversed(value)}
    return tuple(turned(part) for part in value) if isinstance(value, (list, tuple)) else copy.deepcopy(value)


def parts(request: Request, facts: bool) -> list[Any]:
    return [getattr(request, name) for name in ASKED + (ROUTED if facts else ())]


@given(REQUESTS)
def test_equal_requests_have_one_key(request: Request) -> None:
    """Whatever the order of their keys, and whoever asks, when and where in the tree."""
    same = {name: turned(getattr(request, name)) for name in ASKED + ROUTED}
    other = Request(**same, deadline=5.0, path=("a",), retries=3, labels={"arm": "b"})
    assert key(other) == key(request) is not None


@given(REQUESTS, REQUESTS, st.booleans())
def test_requests_have_one_key_only_if_they_are_equal(one: Request, other: Request, facts: bool) -> None:
    """Any difference in what is asked, or in what a route reads where there is one, is another key."""
    assert (key(one, facts) == key(other, facts)) is (parts(one, facts) == parts(other, facts))


@given(REQUESTS, st.sampled_from(ASKED + ROUTED), REQUESTS)
def test_one_difference_is_enough(one: Request, name: str, other: Request) -> None:
    """A single part from another request changes the key exactly when it changes the request."""
    mixed = replace(one, **{name: getattr(other, name)})
    assert (key(one) == key(mixed)) is (getattr(one, name) == getattr(other, name))


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), ("1", 1), (None, "null"), ([], {}), ("", None)])
def test_values_that_only_look_alike_differ(one: Any, other: Any) -> None:
    """Types count."""
    assert key(Request(params={"seed": one})) != key(Request(params={"seed": other}))


@pytest.mark.parametrize("word", ["timeout", "num_retries", "stream", "cache", "api_key"])
def test_words_that_no_answer_depends_on_do_not_count(word: str) -> None:
    """How long to wait, how often to try, and in how many pieces it comes."""
    assert key(Request(params={word: object()})) == key(Request())


def test_what_json_does_not_know_has_no_key() -> None:
    """A set, a function, bytes and a circle: not kept, and never an error."""
    circle: list[Any] = []
    circle.append(circle)
    for value in ({1}, print, b"x", object(), circle, {("a",): 1}):
        assert key(Request(params={"x": value})) is None
        assert key(Request(messages=({"role": "user", "content": value},))) is None


def test_a_class_that_an_answer_must_fit_counts_by_its_schema() -> None:
    """Two classes of one name are two; messages may hold pydantic objects, as LiteLLM's are."""

    def shape(field: type) -> type[BaseModel]:
        class Shape(BaseModel):
            side: field = Field()  # type: ignore[valid-type]

        return Shape

    keys = {key(Request(params={"response_format": shape(field)})) for field in (int, str, int)}
    assert len(keys) == 2
    assert None not in keys
    square, cube = shape(int)(side=2), shape(int)(side=3)
    assert key(Request(messages=({"x": square},))) != key(Request(messages=({"x": cube},)))


def leaf(name: str = "m", params: dict[str, Any] | None = None, **more: Any) -> Leaf:
    card = Card(name=name, litellm=f"openai/{name}", provider="openai")
    return Leaf(ModelConfig(name=name, card=card, provider="openai", params=params or {}, **more))


@dataclass(frozen=True)
class Kind:
    """A node of a user's own."""

    word: str
    mode: Literal["a", "b"] = "a"

    async def __call__(self, request: Request) -> Response:
        return Response(text=self.word, model="own")


class Bare:
    async def __call__(self, request: Request) -> Response:
        return Response(text="bare", model="own")


async def named(request: Request) -> Response:
    return Response(text="named", model="own")


def test_a_tree_is_known_by_what_is_in_it() -> None:
    """Built again it is the same; another model, parameter, address or shape is another."""
    trees = [
        leaf(),
        leaf("n"),
        leaf(params={"temperature": 0}),
        leaf(base_url="http://127.0.0.1:1"),
        Retry(leaf()),
        Fallback((("a", leaf()), ("b", leaf("n")))),
        Fallback((("b", leaf("n")), ("a", leaf()))),
        Kind("x"),
        Kind("y"),
        Kind("x", "b"),
        named,
        Scripted(name="a"),
        Scripted(name="b"),
    ]
    identities = [identity_of(tree) for tree in trees]
    assert len(set(identities)) == len(trees)
    assert [identity_of(copy.copy(tree)) for tree in trees] == identities


def test_keys_of_a_provider_do_not_count_and_can_be_changed() -> None:
    """Another account gives the same answers; a new key does not empty the cache."""
    assert identity_of(leaf(api_key=Secret("one"))) == identity_of(leaf(api_key=Secret("two"))) == identity_of(leaf())


def test_what_says_too_little_of_itself_is_one_of_a_kind() -> None:
    """Two functions of one name, lambdas, and objects that only show their address are never taken for one another."""

    def asking(word: str) -> Any:
        async def ask(request: Request) -> Response:
            return Response(text=word, model="own")

        return ask

    unknown = [asking("a"), asking("b"), lambda request: named(request), Bare().__call__]
    assert len({identity_of(model) for model in unknown}) == len(unknown)
    assert len({identity_of(Bare()) for _ in range(9)}) == 9  # though each is where the one before it was


def test_only_nodes_that_read_them_make_task_priority_and_tags_count() -> None:
    """The nodes around a leaf do not; whatever is not known to leave them alone may."""
    kept_alive = Cooled("m", Retry(Limited(leaf(), RateLimit(1))), Cooldowns())
    assert not reads_facts(Fallback((("m", Retired("m", kept_alive, "n", leaf("n"))),)))
    assert reads_facts(Fallback((("m", kept_alive), ("k", Kind("x")))))
    assert reads_facts(named)
    tagged = Request(tags={"user": "alice"})
    assert key(tagged, facts=False) == key(Request(), facts=False)
