"""Fused answers: records field by field, texts by an aggregator."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import BaseModel

from orchestra.ensemble import Fuse
from orchestra.ensemble.claims import Claims
from orchestra.ensemble.records import Records
from orchestra.ensemble.schema import Schema
from orchestra.ensemble.synthesis import Synthesis
from orchestra.errors import Unavailable
from orchestra.stream import Stream
from orchestra.testing import Scripted
from orchestra.types import Failure, Request, Response

from .judging import LIBRARY, asked, members, request

SCHEMA = {"type": "object", "properties": {"price": {"type": "number"}, "name": {"type": "string"}}}


class Lamp(BaseModel):
    name: str
    price: float


def record(**fields: Any) -> str:
    return json.dumps(fields)


def fuse(*texts: Any, synthesis: Synthesis | None = None, **about: Any) -> Fuse:
    return Fuse(members(*texts), Records(LIBRARY, **about), synthesis)


async def test_records_are_merged_and_say_how() -> None:
    """Who gave each field, how sure it is, and what was in dispute."""
    response = await fuse(record(name="Lamp", price=9), record(name="Lamp", price=9), record(name="Lump", price=8))(
        request()
    )
    assert response.result == response.parsed == {"name": "Lamp", "price": 9}
    assert json.loads(response.text) == response.result
    assert response.details["fields"]["price"] == {"confidence": 2 / 3, "sources": ["a", "b"]}
    assert [conflict["field"] for conflict in response.details["conflicts"]] == ["name", "price"]
    assert [source.name for source in response.sources if isinstance(source, Response)] == ["a", "b", "c"]


async def test_those_who_failed_or_said_no_json_are_no_vote() -> None:
    """Shares are over the members named."""
    response = await fuse(record(price=9), "dunno", Unavailable("down"), record(price=9))(request())
    assert response.details["fields"]["price"]["confidence"] == 0.5
    assert [source.name for source in response.sources if isinstance(source, Failure)] == ["c"]
    assert "1 of 3 answers have no JSON" in response.note


async def test_long_records_are_merged_beside_the_event_loop() -> None:
    """Others go on while two hundred items are paired."""
    items = [{"name": f"thing {n} of very many things", "price": n} for n in range(200)]
    node = fuse(record(items=items), record(items=items[::-1]), record(items=items))
    ticks = 0
    task = asyncio.ensure_future(node(request()))
    while not task.done():
        await asyncio.sleep(0.001)
        ticks += 1
    assert task.result().result == {"items": items}
    assert ticks > 10


async def test_only_what_is_in_dispute_goes_to_the_arbiter() -> None:
    """One call, with the values and no names; it can only choose between them."""
    arbiter = Scripted('{"1": 2, "2": 7}', name="arbiter")
    texts = (record(name="Lamp", price=9, size="s", kind=1), record(name="Lamp", price=8, size="m", kind=1))
    response = await fuse(*texts, record(name="Lump", price=7, size="l"), arbiter=asked(arbiter))(request("Extract."))
    (asking,) = arbiter.requests
    said = str(asking.messages[-1]["content"])
    assert [word in said for word in ("Extract.", "price", "size")] == [True] * 3
    assert [word in said for word in ("name", "Lump")] == [False] * 2  # two of three agree
    assert response.result == {"name": "Lamp", "price": 8, "size": "s", "kind": 1}
    price, size = response.details["conflicts"][1:]
    assert (price["arbiter"], size["arbiter"]) == ("arbiter", None)
    assert "arbiter settled 1 of 2" in response.note


async def test_an_arbiter_that_fails_leaves_the_votes_as_they_are() -> None:
    """And says so."""
    response = await fuse(record(p=1), record(p=2), arbiter=asked(Scripted(Unavailable("down"), name="arbiter")))(
        request()
    )
    assert (response.result, response.success) == ({"p": 1}, True)
    assert "did not settle" in response.note


@pytest.mark.parametrize("how", ["schema", "response_format"])
async def test_a_record_comes_back_as_its_class(how: str) -> None:
    """An instance, whether the node or the request names it."""
    asking = request() if how == "schema" else request(params={"response_format": Lamp})
    about = {"schema": Schema(Lamp)} if how == "schema" else {}
    response = await fuse(
        record(name="Lamp", price=9), record(name="Lamp", price="9.5"), record(name="x", price=9), **about
    )(asking)
    assert response.result == response.parsed == Lamp(name="Lamp", price=9)


async def test_members_are_told_the_schema() -> None:
    """Where the request does not ask for it itself."""
    node = fuse(record(price=1), record(price=1), schema=Schema(SCHEMA))
    await node(request())
    for _, model in node.models:
        assert isinstance(model, Scripted)
        assert '"price"' in str(model.requests[0].messages[0]["content"])


async def test_a_merged_record_that_does_not_fit_gives_way_to_the_nearest_that_does() -> None:
    """Fields that each have a majority need not go together."""
    schema = {
        "properties": {"low": {"type": "integer"}, "high": {"type": "integer"}},
        "oneOf": [
            {"properties": {"low": {"const": 1}, "high": {"const": 2}}},
            {"properties": {"low": {"const": 5}, "high": {"const": 6}}},
            {"properties": {"low": {"const": 5}, "high": {"const": 7}}},
        ],
    }
    texts = (record(low=1, high=2), record(low=5, high=6), record(low=5, high=7), record(low=0, high=2))
    response = await fuse(*texts, schema=Schema(schema))(request())
    assert response.result in ({"low": 5, "high": 6}, {"low": 1, "high": 2})
    assert (response.success, "stands in" in response.note) == (True, True)
    response = await fuse(record(low=0, high=2), record(low=0, high=2), schema=Schema(schema))(request())
    assert (response.result, response.success) == ({"low": 0, "high": 2}, False)


async def test_json_that_is_asked_for_and_does_not_come_is_an_error() -> None:
    """Raised, with what it cost in the journal."""
    asking = request()
    with pytest.raises(Unavailable, match="none of the 2 answers has JSON"):
        await fuse("no", "none", schema=Schema(SCHEMA), synthesis=Synthesis(asked(Scripted())))(asking)
    assert len(asking.journal) == 2


DRAFTS = (
    "The old tower is 330 metres tall. It was built in Paris long ago.",
    "The old tower is 300 metres tall. It stands there.",
    "It was built in Paris long ago. The tower has never been closed to visitors.",
    "The tower has been closed to visitors.",
)


def test_agreements_and_contradictions_are_found_by_their_words() -> None:
    """The same sentence in two drafts; nearly the same with another figure, or with a no."""
    claims = Claims.of(DRAFTS)
    assert [(claim.text, claim.drafts) for claim in claims.agreements] == [("It was built in Paris long ago.", (1, 3))]
    tall, closed = claims.contradictions
    assert [(side.text, side.drafts) for side in tall] == [
        ("The old tower is 330 metres tall.", (1,)),
        ("The old tower is 300 metres tall.", (2,)),
    ]
    assert [side.drafts for side in closed] == [(3,), (4,)]


async def test_texts_are_written_into_one_by_an_aggregator_that_is_told() -> None:
    """It sees every draft, what they share and where they differ; its answer is the answer."""
    aggregator = Scripted("One text.", name="writer")
    response = await fuse(*DRAFTS, synthesis=Synthesis(asked(aggregator)))(request(params={"max_tokens": 50}))
    assert (response.text, response.success) == ("One text.", True)
    said = str(aggregator.requests[0].messages[-1]["content"])
    assert all(draft in said for draft in DRAFTS)
    assert "built in Paris long ago. (drafts 1, 3)" in said
    assert "or: The old tower is 300 metres tall. (drafts 2)" in said
    assert aggregator.requests[0].params["max_tokens"] == 50
    assert len(response.sources) == 5


async def test_the_aggregators_text_is_streamed_as_it_comes() -> None:
    """The drafts are not."""
    node = fuse("Some draft here.", "Another draft there.", synthesis=Synthesis(asked(Scripted("One new text."))))
    chunks = [chunk.text async for chunk in Stream(lambda sink: node(request(sink=sink)))]
    assert chunks == ["One ", "new ", "text.", ""]


async def test_without_its_aggregator_the_draft_that_most_agree_with_comes_back() -> None:
    """Without success."""
    node = fuse(*DRAFTS[1:], DRAFTS[0], synthesis=Synthesis(asked(Scripted(Unavailable("down"), name="writer"))))
    response = await node(request())
    assert (response.text, response.success) == (DRAFTS[2], False)
    assert "writer wrote nothing" in response.note


async def test_drafts_that_are_the_same_need_no_aggregator() -> None:
    """Nor does a single one."""
    aggregator = Scripted("never", name="writer")
    for texts in (("Same.", "Same."), ("Alone.", Unavailable("down"))):
        response = await fuse(*texts, synthesis=Synthesis(asked(aggregator)))(request())
        assert response.text == texts[0]
    assert aggregator.requests == []


async def test_the_request_stays_as_it_was() -> None:
    """Whatever is asked of the members."""
    asking = request()
    before = repr(asking)
    await fuse(record(a=1), record(a=2), schema=Schema())(asking)
    assert repr(asking) == before
    assert isinstance(asking, Request)
