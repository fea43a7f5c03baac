"""Replay: the requests of a log through another policy, without a call."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orchestra.build import build
from orchestra.ledger import Entry, Event, nano
from orchestra.replay import FEWEST_SCORES, Replay, replay
from orchestra.routing.measured import Measured, fold
from orchestra.settings import parse
from orchestra.tree import Tree

POLICY = """
models:
  small: {litellm: openai/small, input_usd_per_mtok: 1, output_usd_per_mtok: 2, context_tokens: 10000}
  large: {litellm: openai/large, input_usd_per_mtok: 10, output_usd_per_mtok: 20}
  mystery: {litellm: openai/mystery}
policies:
  default:
    kind: route
    rules:
      - {name: easy, when: {task: extraction}, use: small}
      - {name: team, when: {tags: {team: a}}, use: inner}
      - {name: odd, when: {priority: speed}, use: mystery}
    otherwise: large
  inner: {kind: route, otherwise: small}
"""


@pytest.fixture(scope="module")
def tree() -> Tree:
    return build(parse(POLICY, "new.yaml"))


def entry(request: str, name: str = "large", **about: Any) -> Entry:
    about = {"input_tokens": 1_000, "output_tokens": 100, "latency_s": 2.0, "amount": nano(Decimal("0.012")), **about}
    return Entry(
        id=f"{request}{about}", kind="post", basis="usage", request=request, call=about.pop("call", "chat"), name=name,
        model=f"openai/{name}", started_at=0, made=0, at=0, **about,
    )  # fmt: skip


def decision(request: str, **facts: Any) -> Event:
    payload = {"request": request, "policy": "default", "arm": "large", "rule": "otherwise", "facts": facts}
    return Event(kind="decision", key=request, payload=payload, at=0)


def score(request: str, value: float) -> Event:
    return Event(kind="score", key=request, payload={"request": request, "metric": "quality", "value": value}, at=0)


def run(tree: Tree, rows: list[Entry], events: list[Event] = []) -> Replay:  # noqa: B006  # never changed
    return replay(tree, "default", rows, events, fold(Measured(), events, rows))


def test_a_request_that_stays_costs_what_was_logged(tree: Tree) -> None:
    """To the nano-dollar, cached tokens and all, its failed attempts included."""
    rows = [entry("a", amount=777), entry("a", amount=5, error="Unavailable")]
    result = run(tree, rows)
    assert (result.before.amount, result.after.amount, result.moved) == (782, 782, 0)


def test_a_request_that_moves_costs_its_tokens_at_the_new_price(tree: Tree) -> None:
    """And the move is named by its rule."""
    result = run(tree, [entry("a", task_type="extraction"), entry("b")])
    (move,) = result.moves
    assert (move.rule, move.before, move.after, move.requests) == ("easy", "large", "small", 1)
    assert result.after.amounts == {"small": nano(Decimal("0.0012")), "large": nano(Decimal("0.012"))}
    assert move.saved == result.before.amount - result.after.amount


def test_a_decisions_own_facts_count_before_the_row(tree: Tree) -> None:
    """What was told from the text, the priority, the abilities: a row has none of them, and it is counted apart."""
    result = run(tree, [entry("a"), entry("b")], [decision("a", task="extraction", confidence=0.9)])
    assert (result.requests, result.whole, result.moved) == (2, 1, 1)


def test_a_policy_within_is_followed_to_its_model(tree: Tree) -> None:
    """By the outer rule's name."""
    (move,) = run(tree, [entry("a", tags={"team": "a"})]).moves
    assert (move.rule, move.after) == ("team", "small")


def test_what_has_no_price_is_not_reckoned_as_free(tree: Tree) -> None:
    """It is counted, and in no sum."""
    result = run(tree, [entry("a")], [decision("a", priority="speed")])
    assert (result.after.unpriced, result.after.amount) == (1, 0)


def test_a_request_that_nothing_can_serve_is_said_to_go_nowhere(tree: Tree) -> None:
    """It is an answer that would have been missing: counted, and of no cost that is known."""
    too_long = [decision("a", input_tokens=50_000)]
    result = replay(tree, "inner", [entry("a")], too_long, Measured())
    assert [move.after for move in result.moves] == ["no model"]
    assert (result.after.unpriced, result.after.models) == (1, {"no model": 1})


def test_quality_is_told_only_where_there_are_scores_enough(tree: Tree) -> None:
    """Of the share that is covered, with an error; of nothing else."""
    rows = [entry(f"l{n}", task_type="extraction") for n in range(20)]
    rows += [entry(f"s{n}", "small", task_type="extraction") for n in range(20)]
    few = [score(f"l{n}", 1.0) for n in range(FEWEST_SCORES - 1)]
    assert run(tree, rows, few).before.quality is None
    enough = [score(f"l{n}", float(n % 2)) for n in range(20)] + [score(f"s{n}", 1.0) for n in range(20)]
    result = run(tree, rows, enough)
    assert result.before.quality == pytest.approx(0.75)
    assert result.after.quality == pytest.approx(1.0)
    assert 0 < (result.after.error or 0) < (result.before.error or 0)
    half = run(tree, rows, enough[:20])
    assert (half.before.covered, half.after.covered, half.after.quality) == (0.5, 0.0, None)


def test_only_answered_chats_are_replayed(tree: Tree) -> None:
    """An embedding is not routed, a request without an answer says nothing."""
    rows = [entry("a", call="embedding"), entry("b", error="Refused"), entry("c")]
    assert run(tree, rows).requests == 1


def test_the_new_models_latency_is_what_was_measured_of_it(tree: Tree) -> None:
    """By its own rows in the log."""
    rows = [entry("a", task_type="extraction", latency_s=9.0)]
    rows += [entry(f"s{n}", "small", task_type="extraction", latency_s=0.5) for n in range(29)]
    result = run(tree, rows)
    assert result.before.latency_s == pytest.approx((9.0 + 29 * 0.5) / 30)
    assert result.after.latency_s == pytest.approx(0.5)
