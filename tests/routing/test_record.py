"""A decision can be made again from its record, bit for bit, and is written down with what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestra import APISettings, MultiModelAPI, NoModelAvailable
from orchestra.build import build
from orchestra.ledger import Ledger
from orchestra.routing.diary import Diary
from orchestra.routing.route import Route
from orchestra.routing.scored import KINDS, scored
from orchestra.runtime import Runtime
from orchestra.settings import parse
from orchestra.testing import Answer, FakeClock, Fault, Provider
from orchestra.types import Choice, Request, Response

MODELS = "models: [gpt-4o-mini, gpt-4o, claude-3-5-sonnet], fallback: [groq]"
POLICIES = {
    "rules": "rules: [{when: {task: code}, use: [gpt-4o, groq]}], otherwise: gpt-4o-mini, fallback: [groq]",
    "cost": f"strategy: cost_optimized, quality_bar: 0.7, {MODELS}",
    "speed": f"strategy: speed_optimized, {MODELS}",
    "quality": f"strategy: quality_optimized, {MODELS}",
    "balanced": f"strategy: balanced, usd_per_quality_point: 0.001, {MODELS}",
    "adaptive": f"strategy: adaptive, explore: 0.3, {MODELS}",
    "learned": f"strategy: learned, strong_share: 0.3, {MODELS}",
}
TEXT = "policies:\n" + "".join(f"  {name}: {{kind: route, {body}}}\n" for name, body in POLICIES.items())


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    clock = FakeClock()
    return Runtime(clock=clock, sleep=clock.sleep)


@pytest.fixture(scope="module")
def tree(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Any:
    text = f"ledger: {{path: '{tmp_path_factory.mktemp('books')}/l.db'}}\n{TEXT}"
    return build(parse(text, "orchestra.yaml"), runtime)


@given(
    name=st.sampled_from(sorted(POLICIES)),
    content=st.text(max_size=80),
    params=st.sampled_from([{}, {"max_tokens": 300}, {"tools": [{}]}, {"temperature": 0.5}]),
    request=st.builds(
        dict,
        task_type=st.sampled_from([None, "code", "chat"]),
        priority=st.sampled_from(["normal", "high"]),
        preferred_model=st.sampled_from([None, "gpt-4o"]),
        tags=st.sampled_from([{}, {"team": "a"}]),
        input_tokens=st.none() | st.integers(0, 300_000),
    ),
    live=st.booleans(),
    ill=st.sets(st.sampled_from(["openai/gpt-4o", "openai/gpt-4o-mini"])),
)
@hypothesis_settings(max_examples=60)
def test_a_decision_is_made_again_from_its_record(
    tree: Any, runtime: Runtime, name: str, content: str, params: Any, request: Any, live: bool, ill: set[str]
) -> None:
    """After a trip through JSON: the same choice with every reason, whatever has changed since."""
    asked = Request(messages=({"role": "user", "content": content},), params=params, **request)
    for model in ill:
        runtime.cooldowns.start(model, 12.5)
    node = tree.policies[name].model
    assert isinstance(node, Route)
    try:
        choice = node.explain(asked, live)
    except NoModelAvailable:
        return
    finally:
        for model in ("openai/gpt-4o", "openai/gpt-4o-mini"):
            runtime.cooldowns.end(model)
    again = node.again(json.loads(json.dumps(choice.record)))
    assert again == choice
    assert again.record == choice.record
    assert content not in json.dumps(choice.record) or len(content) < 9


def api_of(provider: Provider, folder: Path, policies: dict[str, Any]) -> MultiModelAPI:
    settings = APISettings(
        router=None,
        default_model=None,
        max_retries=0,
        daily_budget_usd=None,
        policies=policies,
        providers={"openai": {"api_key": "k", "base_url": provider.api_base("openai")}},
        ledger={"path": str(folder / "l.db")},
    )
    return MultiModelAPI(settings)


async def test_what_came_of_a_decision_is_in_the_ledger(tmp_path: Path) -> None:
    """The decision, the arm that answered in its place, whether the form was kept, and the score that was given."""
    policy = {"kind": "route", "otherwise": "gpt-4o", "fallback": ["gpt-4o-mini"]}
    with Provider() as provider, api_of(provider, tmp_path, {"default": policy}) as api:
        provider.reply(Fault.NOT_FOUND, Answer('{"a": 1}'), Answer("no json"))
        form = {"type": "json_object"}
        first = await api.generate("Extract the prices.", response_format=form)
        second = await api.generate("Extract the prices.", response_format=form)
        api.score(first, 0.75)
        ledger = api.tree.money.ledger
        found = list(scored([event for event in ledger.events() if event.kind in KINDS], {}))
        rows = ledger.rows()
    assert first.choice is not None
    assert (first.choice.arm, first.name, second.name) == ("gpt-4o", "gpt-4o-mini", "gpt-4o")
    assert [(one.arm, one.value, one.given) for one in found] == [
        ("gpt-4o-mini", 1.0, False),
        ("gpt-4o", 0.0, False),
        ("gpt-4o-mini", 0.75, True),
    ]
    assert {one.facts["task"] for one in found} == {"extraction"}
    assert {row.labels["task"] for row in rows} == {"extraction"}
    assert {row.task_type for row in rows} == {None}


def test_an_answer_that_does_not_hold_counts_against_its_arm(tmp_path: Path) -> None:
    """Cut, unagreed or unverified: a zero without anybody's word; of a plain answer nothing is known."""
    ledger = Ledger(tmp_path / "l.db")
    diary, choice = Diary(ledger), Choice(arm="careful", reason="", record={"policy": "p"})
    diary.answered(Request(id="plain"), choice, Response(text="x", model="m"))
    diary.answered(Request(id="unverified"), choice, Response(text="x", model="m", success=False))
    (event,) = ledger.events("signal")
    ledger.close()
    assert event.payload == {"request": "unverified", "policy": "p", "arm": "careful", "value": 0.0}


async def test_a_model_is_asked_for_the_task_where_nothing_else_tells(tmp_path: Path) -> None:
    """Once for all routes on the way, booked like any call; an answer that names no task leaves it open."""
    policy = {
        "kind": "route",
        "classifier": {"model": "gpt-4o-mini"},
        "rules": [{"when": {"task": "translation"}, "use": "inner"}],
        "otherwise": "o3-mini",
    }
    inner = {**policy, "rules": [{"when": {"task": "translation"}, "use": "gpt-4o"}]}
    with Provider() as provider, api_of(provider, tmp_path, {"default": policy, "inner": inner}) as api:
        provider.reply(Answer("translation"), Answer("a"), Answer("no idea"), Answer("b"), Fault.NOT_FOUND, Answer("c"))
        answers = [await api.generate("zqx vrrm") for _ in range(3)]
        told = await api.generate("Translate into German: good night")
        dry = await api.explain("zqx vrrm")
        rows = api.tree.money.ledger.rows()
    assert [answer.name for answer in answers] == ["gpt-4o", "o3-mini", "o3-mini"]
    assert len(answers[0].attempts) == 2
    assert answers[0].attempts[0].path == ("classifier",)
    assert answers[0].choice is not None
    assert answers[0].choice.features["task"] == "translation"
    assert len(told.attempts) == 1
    assert dry.arm == "o3-mini"
    assert len(rows) == 7
