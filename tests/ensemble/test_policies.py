"""Votes and cascades as they are written in a policy file, and over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestra import ConfigError, MultiModelAPI, Request
from orchestra.build import build
from orchestra.build.strategy import ensemble
from orchestra.ensemble import Answers, Cascade, Vote
from orchestra.ensemble.cascade import Agreement, Judged
from orchestra.ensemble.learned import VOTE
from orchestra.ensemble.vote import Given
from orchestra.settings import parse
from orchestra.testing import Answer, Fault, Provider

MODELS = "models: [gpt-4o-mini, claude-haiku-4-5, gemini-2.5-flash]"


def node(policy: str) -> Any:
    return (
        build(parse(f"policies:\n  p: {{{policy}}}\n  strong: {{kind: fallback, models: [gpt-4o]}}\n", "o.yaml"))
        .find("p")
        .model
    )


def test_a_vote_is_what_its_policy_says() -> None:
    """Every word of it; the spec's spelling too."""
    made = node(
        f"kind: voting, {MODELS}, answers: {{kind: number, field: answer}}, min_agreement: 0.5, otherwise: strong, "
        "stop: decided, launch: all, samples: 2, weights: {gpt-4o-mini: 3}"
    )
    assert isinstance(made, Vote)
    assert [name for name, _ in made.models] == ["gpt-4o-mini", "claude-haiku-4-5", "gemini-2.5-flash"]
    assert (made.answers, made.min_agreement, made.otherwise[0]) == (Answers("number", "answer"), 0.5, "strong")
    assert (made.stop, made.launch, made.samples, made.weigh) == ("decided", "all", 2, Given({"gpt-4o-mini": 3}))
    bare = node(f"kind: vote, {MODELS}, answers: choice, otherwise: abstain")
    assert (bare.answers, bare.otherwise, bare.stop, bare.min_agreement) == (Answers("choice"), "abstain", "all", 0.67)


def test_a_cascade_is_what_its_policy_says() -> None:
    """Steps nest; the threshold is that of the agreement, or of the judge."""
    made = node(f"kind: cascade, models: [{{kind: vote, {MODELS}}}, strong], threshold: 0.9")
    assert isinstance(made, Cascade)
    assert ([name for name, _ in made.models], made.accept) == (["p.models[0]", "strong"], Agreement(0.9))
    judged = node("kind: cascade, models: [gpt-4o-mini, gpt-4o], accept: judge, judge: strong, threshold: 0.8").accept
    assert isinstance(judged, Judged)
    assert judged.threshold == 0.8


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("kind: vote, models: [gpt-4o-mini]", "at least 2 voters"),
        ("kind: vote, models: [gpt-4o-mini, gpt-4o-mini, gpt-4o]", "'gpt-4o-mini' is listed twice"),
        (f"kind: vote, {MODELS}, launch: staged", "stop: decided"),
        (f"kind: vote, {MODELS}, weights: {{nobody: 1}}", "'nobody' is no member"),
        (f"kind: vote, {MODELS}, weights: {{gpt-4o-mini: -1}}", "from 0 up"),
        (f"kind: vote, {MODELS}, weights: learned, samples: 2", "drop one of the two"),
        (f"kind: vote, {MODELS}, otherwise: nobdy", "no model or policy is called 'nobdy'"),
        (f"kind: vote, {MODELS}, answers: label", "labels"),
        (f"kind: vote, {MODELS}, answers: {{pattern: '('}}", "no regular expression"),
        ("kind: cascade, models: [gpt-4o-mini]", "needs 2 or more, and has 1"),
        ("kind: cascade, models: [gpt-4o-mini, gpt-4o], accept: judge", "needs a 'judge'"),
        ("kind: cascade, models: [gpt-4o-mini, gpt-4o]", "gpt-4o-mini is one model, whose answer has no agreement"),
    ],
)
def test_a_mistake_is_refused_with_its_place(policy: str, said: str) -> None:
    """Before anything is asked of a model."""
    with pytest.raises(ConfigError, match="o.yaml:2") as caught:
        node(policy)
    assert any(said in problem for problem in caught.value.problems)


def test_two_voters_draw_a_warning_unless_it_is_plain_what_happens_when_they_differ() -> None:
    """They can't outvote each other."""
    with pytest.warns(UserWarning, match="a vote of 2"):
        node("kind: vote, models: [gpt-4o-mini, gpt-4o]")
    node("kind: vote, models: [gpt-4o-mini, gpt-4o], otherwise: abstain")
    node("kind: vote, models: [gpt-4o-mini, gpt-4o], min_agreement: 1")


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A stand-in for three providers."""
    with Provider() as stand_in:
        yield stand_in


@pytest.fixture
def api(tmp_path: Path, provider: Provider) -> Iterator[MultiModelAPI]:
    """A client with a panel under a budget."""
    names = ("openai", "groq", "mistral")
    providers = "\n".join(f"  {name}: {{api_key: k, base_url: '{provider.api_base(name)}'}}" for name in names)
    path = tmp_path / "o.yaml"
    path.write_text(
        f"providers:\n{providers}\n"
        f"ledger: {{path: {tmp_path}/ledger.db}}\n"
        "max_retries: 0\n"
        "budgets: {day: {limit_usd: '1', per: day}}\n"
        "policies:\n"
        "  panel: {kind: vote, models: [openai:cheap, groq:fast, mistral:cheap], stop: decided}\n"
    )
    with MultiModelAPI(path) as client:
        yield client


async def test_a_vote_over_http_is_in_the_books_and_in_the_events(api: MultiModelAPI, provider: Provider) -> None:
    """Two that agree are asked, at one hold each; the vote is kept for learning; a stream has the winner."""
    provider.always("The answer is 42.")
    response = await api.generate("How much?", model="panel")
    assert (response.result["result"], response.result["votes"]) == ("42", {"42": 2})
    assert len(provider.calls) == len(response.attempts) == 2
    ledger = api.tree.money.ledger
    ledger.flush()
    (vote,) = ledger.events(VOTE)
    assert vote.payload["groups"] == [0, 0, None]
    assert vote.payload["costs"][2] == "0"
    assert (len(ledger.entries()), ledger.holds(), ledger.audit()) == (2, [], [])
    stream = api.generate_stream("How much?", model="panel")
    assert "".join([chunk.text async for chunk in stream]) == "The answer is 42."


async def test_all_that_learn_read_the_same_table(api: MultiModelAPI) -> None:
    """Ensembles that are made for one call know at once what was learned before them: of votes, and of fields."""
    names, ledger = ["openai:cheap", "groq:fast", "mistral:cheap", "openai:fast"], api.tree.money.ledger
    groups = [0, 1, 1, 1]
    for n in range(60):
        about = {"request": f"r{n}", "path": [], "task": None, "members": names, "groups": groups}
        ledger.event(VOTE, None, {**about, "winner": None, "costs": [None] * 4})
    ledger.flush()
    words: dict[str, Any] = {"weights": "learned"}
    votes: list[Any] = [ensemble(api.tree, "voting", names, words).model for _ in range(2)]
    votes[0].weigh.past.read()
    weights = votes[1].weigh(Request(), names)
    assert weights[0] < min(weights[1:])
    fusions: list[Any] = [ensemble(api.tree, "fusion", names, words).model for _ in range(2)]
    assert fusions[0].records.measure.past is fusions[1].records.measure.past


async def test_a_cancelled_vote_closes_every_upstream_and_settles_every_hold(
    api: MultiModelAPI, provider: Provider
) -> None:
    """While all of them think."""
    await api.generate("warm", model="panel")
    before = len(provider.calls)
    provider.always(Fault.HANG)
    asked = Request(messages=({"role": "user", "content": "hello"},), budgets=api.tree.budgets())
    task = asyncio.ensure_future(api.tree.find("panel").model(asked))
    await asyncio.to_thread(provider.arrived, before + 2)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    records = await asyncio.to_thread(provider.settled)
    assert [record.closed_early for record in records[before:]] == [True, True]
    assert [attempt.basis for attempt in asked.journal] == ["reserved", "reserved"]
    ledger = api.tree.money.ledger
    ledger.flush()
    assert (ledger.holds(), ledger.audit()) == ([], [])


async def test_a_down_provider_is_a_listed_failure(api: MultiModelAPI, provider: Provider) -> None:
    """The third is asked in its place."""
    provider.always(Answer("7"))
    provider.on("groq").always(Fault.SERVER_ERROR)
    response = await api.generate("How much?", model="panel")
    assert (response.text, response.success, len(response.attempts)) == ("7", True, 3)
    assert "failed" in response.note
