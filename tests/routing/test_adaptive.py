"""The adaptive strategy: it goes where the scores are, notices when that changes, and keeps to its money."""

from __future__ import annotations

from collections import Counter
from typing import Any

from orchestra.ledger import Event
from orchestra.routing import Arm, Facts
from orchestra.routing.adaptive import Adaptive, Played, fold
from orchestra.routing.strategies import Ranked

from .conftest import MakeArm


class Log:
    """Events as the ledger has them, a second apart."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, kind: str, **payload: Any) -> None:
        at = float(len(self.events))
        self.events.append(Event(kind=kind, key=f"k{len(self.events)}", payload=payload, at=at))

    def scored(self, arm: str, value: float, times: int, task: str = "chat", policy: str = "p") -> None:
        for _ in range(times):
            request = f"r{len(self.events)}"
            self.add("decision", request=request, policy=policy, arm=arm, rule="adaptive", facts={"task": task})
            self.add("score", request=request, metric="quality", value=value)

    def played(self, half_life: int = 50) -> Played:
        return fold(Played("p", half_life), self.events, [])


def shares(arms: tuple[Arm, ...], played: Played, task: str = "chat", **options: Any) -> Counter[str]:
    """Where 300 requests go."""
    route = Ranked(Adaptive(lambda: played, lambda: 1.0, **options), arms)
    return Counter(route.decide(Facts(task=task, request=f"q{n}")).arm for n in range(300))


def test_it_goes_to_the_arm_with_the_better_scores_of_that_task(arm: MakeArm) -> None:
    """Task by task: what is good at chat may be bad at code."""
    log = Log()
    for task, good, bad in (("chat", "a", "b"), ("code", "b", "a")):
        log.scored(good, 0.9, 40, task)
        log.scored(bad, 0.3, 40, task)
    arms = (arm("a"), arm("b"))
    assert shares(arms, log.played(), "chat")["a"] > 270
    assert shares(arms, log.played(), "code")["b"] > 270


def test_without_scores_every_arm_is_tried(arm: MakeArm) -> None:
    """Equal arms share the requests about equally."""
    counts = shares((arm("a"), arm("b")), Played("p", 50))
    assert min(counts["a"], counts["b"]) > 100


def test_newer_scores_count_more(arm: MakeArm) -> None:
    """After a change the better arm is found, which undiscounted counts would not do."""
    log = Log()
    log.scored("a", 1.0, 300)
    log.scored("b", 0.0, 20)
    log.scored("a", 0.0, 60)
    log.scored("b", 1.0, 10)
    arms = (arm("a"), arm("b"))
    assert shares(arms, log.played(half_life=15))["b"] > 150
    assert shares(arms, log.played(half_life=10**9))["a"] > 250


def test_a_floor_of_requests_is_anyones(arm: MakeArm) -> None:
    """Half of `explore` reaches the arm that never wins."""
    log = Log()
    log.scored("a", 1.0, 200)
    log.scored("b", 0.0, 200)
    played = log.played(half_life=10**6)
    assert shares((arm("a"), arm("b")), played, explore=0.0)["b"] == 0
    assert 20 <= shares((arm("a"), arm("b")), played, explore=0.2)["b"] <= 45


def test_quality_may_be_worth_money(arm: MakeArm) -> None:
    """With a dial, a dear arm that is a little better is not taken."""
    log = Log()
    log.scored("cheap", 0.80, 200)
    log.scored("dear", 0.85, 200)
    arms = (arm("cheap", usd=(0.1, 0.1)), arm("dear", usd=(50, 100)))
    played = log.played(half_life=10**6)
    assert shares(arms, played)["dear"] > 150
    assert shares(arms, played, explore=0.0, usd_per_quality_point=0.001)["dear"] == 0


def test_the_spend_guard_stops_the_trying(arm: MakeArm) -> None:
    """Once the day's extra money is spent, the arm that looks best is asked, and the reason says so."""
    log = Log()
    log.scored("good", 0.9, 100)
    measured = {"good": {"mean": 0.9, "usd": 0.01, "drawn": 0.1}, "dear": {"mean": 0.2, "usd": 0.51, "drawn": 0.9}}
    log.add("decision", request="x", policy="p", arm="dear", rule="adaptive", facts={}, measured=measured)
    played = log.played()
    assert played.extra_usd(100.0) == 0.5
    assert played.extra_usd(100.0 + 86_400 + len(log.events)) == 0
    arms = (arm("good"), arm("dear"))
    guarded = Ranked(Adaptive(lambda: played, lambda: 100.0, 1.0, 0.4), arms).decide(Facts(task="chat", request="q"))
    assert guarded.arm == "good"
    assert "money for trying others is spent" in guarded.reason
    assert shares(arms, played, explore=1.0, explore_limit_usd=0.6)["dear"] > 100


def test_observing_asks_the_first_and_says_what_would_be_chosen(arm: MakeArm) -> None:
    """Nothing changes while it watches."""
    log = Log()
    log.scored("b", 1.0, 100)
    log.scored("a", 0.0, 100)
    arms = (arm("a"), arm("b"))
    choice = Ranked(Adaptive(log.played, lambda: 0.0, 0.0, observe=True), arms).decide(Facts(task="chat", request="q"))
    assert choice.arm == "a"
    assert choice.reason.startswith("observing: b would be chosen")


def test_folding_in_parts_is_folding_at_once() -> None:
    """Processes that read at other times come to the same counts; other policies' decisions do not count."""
    log = Log()
    log.scored("a", 0.7, 20)
    log.scored("z", 0.1, 20, policy="other")
    log.scored("b", 0.4, 20)
    parts = Played("p", 50)
    for n in range(0, len(log.events), 7):
        parts = fold(parts, log.events[n : n + 7], [])
    assert parts.counts == log.played().counts
    assert {arm for _, arm in parts.counts} == {"a", "b"}


def test_a_signal_counts_for_the_arm_that_answered() -> None:
    """Where a fallback answered, its score is its own."""
    log = Log()
    log.add("decision", request="r", policy="p", arm="a", rule="adaptive", facts={"task": "chat"})
    log.add("signal", request="r", policy="p", arm="b", value=None)
    log.add("score", request="r", metric="quality", value=1.0)
    log.add("score", request="r", metric="other", value=0.0)
    assert log.played().counts == {("chat", "b"): (1.0, 0.0)}
    log.add("score", request="r", metric="retry", value=0.0)
    assert log.played(half_life=10**9).counts[("chat", "b")][1] == 1.0


def test_the_same_request_draws_the_same(arm: MakeArm) -> None:
    """A decision hangs on the request's id and the counts, on nothing else."""
    route = Ranked(Adaptive(lambda: Played("p", 50), lambda: 0.0), (arm("a"), arm("b")))
    facts = Facts(request="q7")
    assert route.decide(facts) == route.decide(facts)
    assert route.decide(facts).record == route.decide(facts).record
