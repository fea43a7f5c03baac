"""Reliabilities of members for each field, learned from past fusions without labels."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestra.ensemble import Fuse
from orchestra.ensemble.records import Records
from orchestra.ensemble.reliability import FUSION, LearnedFields, fields_of
from orchestra.ledger import Ledger
from orchestra.types import Model, Request, Response

from .judging import LIBRARY, request

NAMES = ("b", "c", "d", "a")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.db", durability="process")
    yield ledger
    ledger.close()


def said(name: str, truth: int, luck: random.Random) -> str:
    """`a` knows prices and no sizes; the others are right on prices half of the time, and know their sizes."""
    price = truth if name == "a" or luck.random() < 0.5 else luck.randrange(1000)
    size = luck.randrange(1000) if name == "a" else truth
    return json.dumps({"items": [{"sku": "x", "price": price, "size": size}]})


def panel(texts: dict[str, str]) -> tuple[tuple[str, Model], ...]:
    def member(name: str) -> Model:
        async def answer(asking: Request) -> Response:
            return Response(text=texts[name], model=name, name=name)

        return answer

    return tuple((name, member(name)) for name in NAMES)


async def test_who_is_right_about_a_field_is_learned_from_who_agrees(ledger: Ledger) -> None:
    """For each field its own: the one that knows prices is believed where all differ there, and nowhere else."""
    luck = random.Random(1)
    past = fields_of(ledger)
    records = Records(LIBRARY, measure=LearnedFields(past), record=lambda told: ledger.event(FUSION, None, told))
    for n in range(60):
        asking = request(task_type="extraction")
        await Fuse(panel({name: said(name, n, luck) for name in NAMES}), records)(asking)
    past.read()
    texts = {"a": (1, 1), "b": (2, 2), "c": (4, 4), "d": (3, 3)}
    items = {name: json.dumps({"items": [{"sku": "x", "price": p, "size": s}]}) for name, (p, s) in texts.items()}
    response = await Fuse(panel(items), records)(request(task_type="extraction"))
    assert response.result == {"items": [{"sku": "x", "price": 1, "size": 2}]}
    other = await Fuse(panel(items), records)(request(task_type="summary"))
    assert other.result == {"items": [{"sku": "x", "price": 2, "size": 2}]}


async def test_a_fusion_keeps_nothing_of_what_was_said(ledger: Ledger) -> None:
    """Only who gave the same."""
    kept: list[object] = []
    records = Records(LIBRARY, record=kept.append)
    await Fuse(panel(dict.fromkeys(NAMES, '{"secret": "swordfish"}')), records)(request())
    assert "swordfish" not in repr(kept)
    assert kept == [
        {"request": kept[0]["request"], "task": None, "members": list(NAMES), "fields": [["secret", [0, 0, 0, 0]]]}  # type: ignore[index]
    ]
