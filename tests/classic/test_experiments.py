"""The spec's A/B test of prompt versions: in scripts, in async code, in several processes."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from random import Random
from typing import Any

import pytest

from orchestra import ConfigError, Ledger, PromptABTest
from orchestra.accounts import ledger_of
from orchestra.settings.money import LedgerSpec


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """Where the settings of this machine say."""
    found = ledger_of(LedgerSpec())
    yield found
    found.close()


def filled(ledger: Ledger, rates: dict[int, float], n: int, **about: object) -> PromptABTest:
    """A test with so many results of each variant."""
    chance, test = Random(0), PromptABTest("extraction", list(rates), ledger=ledger, **about)  # type: ignore[arg-type]
    for _ in range(n):
        for variant, rate in rates.items():
            test.track_result(variant, chance.random() < rate)
    return test


def test_it_works_without_a_client_as_the_spec_has_it() -> None:
    """A variant, a result, the results, and a winner when there is one."""
    test = PromptABTest("extraction", variants=[1, 2])
    variant = test.get_variant()
    test.track_result(variant, True, 0.9)
    test.track_result(variant, False, None)
    assert test.results[variant] == [{"success": True, "score": 0.9}, {"success": False, "score": None}]
    assert test.get_winner() is None
    test.close()


def test_the_best_variant_wins_when_it_is_known(ledger: Ledger) -> None:
    """Not when its mean is but the highest, which the spec's own rule asks for."""
    few = filled(ledger, {1: 0.5, 2: 0.6}, 30, name="few")
    assert few.get_winner() is None
    assert "more per arm" in few.analysis().said
    assert filled(ledger, {1: 0.4, 2: 0.8, 3: 0.5}, 200, name="many").get_winner() == 2


def test_scores_count_before_success(ledger: Ledger) -> None:
    """Where there is one; failures with high scores win over successes with low ones."""
    test, chance = PromptABTest("extraction", [1, 2], ledger=ledger), Random(1)
    for _ in range(60):
        test.track_result(1, True, chance.uniform(0.1, 0.5))
        test.track_result(2, False, chance.uniform(0.5, 0.9))
    assert test.get_winner() == 2


def test_another_process_knows_the_results(ledger: Ledger) -> None:
    """Tests of the same versions share them; a name keeps others apart."""
    filled(ledger, {1: 0.2, 2: 0.9}, 100)
    other = ledger_of(LedgerSpec())
    assert PromptABTest("extraction", [1, 2], ledger=other).get_winner() == 2
    assert PromptABTest("extraction", [1, 2], name="again", ledger=other).results == {1: [], 2: []}
    assert PromptABTest("extraction", [1, 3], ledger=other).results == {1: [], 3: []}
    other.close()


def test_variants_come_by_chance_in_turn_or_by_unit(ledger: Ledger) -> None:
    """And a stopped test has one for all."""
    test = PromptABTest("extraction", [1, 2, 3], ledger=ledger)
    assert min(Counter(test.get_variant() for _ in range(300)).values()) > 60
    assert len({test.get_variant("ada") for _ in range(10)}) == 1
    turns = PromptABTest("other", [1, 2, 3], assign="round_robin", ledger=ledger)
    assert Counter(turns.get_variant() for _ in range(9)) == {1: 3, 2: 3, 3: 3}
    test.experiment.stop("3").result()
    later = PromptABTest("extraction", [1, 2, 3], ledger=ledger)
    assert {later.get_variant() for _ in range(20)} == {3}


@pytest.mark.parametrize("variants", [[1], [1, 1], []])
def test_a_test_has_two_variants_or_more(variants: list[int]) -> None:
    """One has nothing to be compared with."""
    with pytest.raises(ConfigError, match="two variants or more"):
        PromptABTest("extraction", variants)


def test_a_variant_that_is_not_tested_is_refused(ledger: Ledger) -> None:
    """With those that are."""
    with pytest.raises(ConfigError, match=r"no arm '4'; there are: 1, 2"):
        PromptABTest("extraction", [1, 2], ledger=ledger).track_result(4, True, 1.0)


def test_a_score_that_is_no_number_is_refused(ledger: Ledger) -> None:
    """Before it is written, where nobody could reckon with it."""
    test = PromptABTest("extraction", [1, 2], ledger=ledger)
    with pytest.raises(ConfigError, match="a score is a finite number, not 'x'"):
        test.track_result(1, True, "x")  # type: ignore[arg-type]
    assert test.results == {1: [], 2: []}


def test_every_thread_waits_for_the_first_reading(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the first ones of a program would not know that the test is over."""
    test = PromptABTest("extraction", [1, 2], ledger=ledger)
    test.get_variant()
    test.experiment.stop("2").result()
    reading, over, real = threading.Event(), threading.Event(), Ledger.news

    def slow(self: Ledger, *about: Any, **how: Any) -> Any:
        reading.set()
        over.wait(30)
        return real(self, *about, **how)

    monkeypatch.setattr(Ledger, "news", slow)
    later = PromptABTest("extraction", [1, 2], ledger=ledger)
    with ThreadPoolExecutor(20) as pool:
        variants = [pool.submit(later.get_variant, "first")]
        reading.wait(30)
        variants += [pool.submit(later.get_variant, f"unit {n}") for n in range(19)]
        done, _ = wait(variants, 0.05)
        over.set()
    assert not done
    assert {variant.result() for variant in variants} == {2}


async def test_in_async_code_nothing_waits_and_the_twins_are_durable(ledger: Ledger) -> None:
    """What was tracked here is there at once; what others tracked, when it is asked for durably."""
    test = PromptABTest("extraction", [1, 2], ledger=ledger)
    await asyncio.to_thread(filled, ledger, {1: 0.1, 2: 0.9}, 100)
    variant = await test.get_variant_durably()
    test.track_result(variant, True, 1.0)
    assert sum(map(len, test.results.values())) >= 1
    assert await test.get_winner_durably() == 2
    await test.track_result_durably(1, False, id="last")
    assert sum(map(len, test.results.values())) == 202


def test_pairs_of_the_same_input_are_sharper(ledger: Ledger) -> None:
    """A difference far smaller than that between inputs shows."""
    apart, paired = (PromptABTest("extraction", [1, 2], name=name, ledger=ledger) for name in ("apart", "paired"))
    chance = Random(3)
    for n in range(80):
        hard = chance.random()
        for variant in (1, 2):
            score = hard + 0.03 * (variant == 2) + chance.gauss(0, 0.02)
            apart.track_result(variant, True, score)
            paired.track_result(variant, True, score, pair=f"input {n}")
    assert (apart.get_winner(), paired.get_winner()) == (None, 2)
