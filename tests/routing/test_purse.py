"""The budgets as a constraint: what they have no room for is passed over, and said so."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestra import APISettings, BudgetExceeded, LedgerError, MultiModelAPI
from orchestra.runtime import Runtime
from orchestra.types import Attempt, Usage, Want

PRICED = {"input_usd_per_mtok": 1000, "output_usd_per_mtok": 1000}
MODELS = {
    "dear": {"litellm": "openai/dear", **PRICED},
    "cheap": {"litellm": "openai/cheap", "input_usd_per_mtok": 1, "output_usd_per_mtok": 1},
}


def api_of(
    folder: Path, wall: Callable[[], float] = time.time, on_ledger_error: str = "refuse", **budget: Any
) -> MultiModelAPI:
    return MultiModelAPI(
        APISettings(
            router=None,
            default_model=None,
            daily_budget_usd=None,
            models=MODELS,
            policies={"default": {"kind": "route", "otherwise": "dear", "fallback": ["cheap"]}},
            providers={"openai": {"api_key": "k"}},
            budgets={"daily": {"limit_usd": "1.00", "on_exceeded": "refuse", **budget}},
            ledger={"path": str(folder / "l.db"), "on_ledger_error": on_ledger_error},
        ),
        runtime=Runtime(wall=wall),
    )


async def spend(api: MultiModelAPI, usd: str, **tags: str) -> None:
    """Book a call of that cost under the budgets."""
    want = Want(
        id=f"w{usd}{tags}", request="r", model="openai/dear", provider="openai", most_usd=Decimal(usd), tags=tags
    )
    (hold,) = await api.tree.money.reserve([want])
    usage = Usage(cost=Decimal(usd))
    hold.book(
        Attempt(
            id=want.id, path=(), call="chat", name="dear", model=want.model, provider="openai", usage=usage, tags=tags
        )
    )


async def test_an_arm_that_the_budget_has_no_room_for_is_passed_over(tmp_path: Path) -> None:
    """With what is left and what it takes; without `live`, money does not matter."""
    with api_of(tmp_path) as api:
        assert (await api.explain("hello", live=True)).arm == "dear"
        await spend(api, "0.90")
        choice = await api.explain("hello", live=True)
        assert choice.arm == "cheap"
        assert dict(choice.passed_over)["dear"] == "budget 'daily' has $0.10 left, it takes about $0.306"
        assert (await api.explain("hello")).arm == "dear"


@pytest.mark.parametrize(
    "budget", [{"on_exceeded": "downgrade"}, {"models": ["claude-3-haiku"]}, {"tags": {"team": "b"}}]
)
async def test_a_budget_that_downgrades_or_is_not_for_the_call_stands_in_nobodys_way(
    tmp_path: Path, budget: dict[str, Any]
) -> None:
    """The first looks for something cheaper by itself."""
    with api_of(tmp_path, **budget) as api:
        await spend(api, "0.90", team="b")
        assert (await api.explain("hello", live=True)).arm == "dear"


async def test_when_nothing_else_is_left_the_budget_itself_refuses(tmp_path: Path) -> None:
    """With the error that says how much was held and spent, not with one that looks like a missing model."""
    with api_of(tmp_path) as api:
        await spend(api, "1.00")
        choice = await api.explain("hello", live=True)
        assert set(dict(choice.passed_over)) == {"dear", "cheap"}
        assert choice.chain == ("dear", "cheap")
        with pytest.raises(BudgetExceeded, match="daily"):
            await api.generate("hello")


async def test_a_new_day_has_its_own_money(tmp_path: Path) -> None:
    """Though nothing was booked in it yet."""
    noon = time.time()
    with api_of(tmp_path, wall=lambda: noon) as api:
        await spend(api, "1.00")
        assert "dear" in dict((await api.explain("hello", live=True)).passed_over)
    with api_of(tmp_path, wall=lambda: noon + 86_400) as api:
        assert (await api.explain("hello", live=True)).passed_over == ()


async def test_a_budget_split_by_tag_counts_for_its_own_value(tmp_path: Path) -> None:
    """One user's spending is not another's."""
    with api_of(tmp_path, by=["user"]) as api:
        await spend(api, "0.90", user="a")
        assert (await api.explain("hello", live=True, tags={"user": "a"})).arm == "cheap"
        assert (await api.explain("hello", live=True, tags={"user": "b"})).arm == "dear"


async def test_books_that_can_not_be_read_matter_only_where_a_budget_refuses_by_them(tmp_path: Path) -> None:
    """Not where none does, nor where calls go out without the ledger."""
    (tmp_path / "l.db").write_bytes(b"no ledger" * 1000)
    with api_of(tmp_path) as api, pytest.raises(LedgerError):
        await api.explain("hello", live=True)
    for about in ({"on_exceeded": "downgrade"}, {"on_ledger_error": "allow"}):
        with api_of(tmp_path, **about) as api:
            assert (await api.explain("hello", live=True)).arm == "dear"
