"""What a budget counts."""

import pytest

from orchestra.ledger import Budget


def _budget(**fields: object) -> Budget:
    return Budget(**{"name": "b", "limit_nano": 10, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, True),
        ({"models": ("gpt-4*",)}, True),
        ({"models": ("openai/gpt-4o",)}, True),
        ({"models": ("claude*",)}, False),
        ({"providers": ("open*",)}, True),
        ({"providers": ("anthropic",)}, False),
        ({"models": ("gpt-4o",), "providers": ("anthropic",)}, False),
        ({"tags": {"team": "a"}}, True),
        ({"tags": {"team": "b"}}, False),
        ({"tags": {"team": "a", "env": "test"}}, False),
    ],
)
def test_a_budget_counts_what_matches_in_every_respect(fields: dict[str, object], counts: bool) -> None:
    """Models and providers are globs, tags must all be there."""
    assert _budget(**fields).matches("openai/gpt-4o", "openai", {"team": "a"}) is counts


def test_each_value_of_a_tag_has_a_window_of_its_own() -> None:
    """`by: user` splits by user; calls without the tag share one window, so that leaving it out buys nothing."""
    budget = _budget(by=("user", "team"))
    assert budget.scope({"user": "ann", "team": "x"}) != budget.scope({"user": "ben", "team": "x"})
    assert budget.scope({}) == budget.scope({"other": "1"})
    assert _budget().scope({"user": "ann"}) == ""


def test_the_limit_is_not_part_of_what_is_counted() -> None:
    """A new limit goes on with what was spent; another zone, window or match counts anew."""
    assert _budget().rule == _budget(limit_nano=20, alert_at=0.5).rule
    changed = [_budget(timezone="Asia/Tokyo"), _budget(per="week"), _budget(models=("x",)), _budget(by=("user",))]
    assert len({budget.rule for budget in [_budget(), *changed]}) == 5


def test_only_the_cheaper_model_may_go_up_to_the_hard_limit() -> None:
    """The hard limit is for the model that the budget names."""
    budget = _budget(hard_limit_nano=20, downgrade_to="groq/cheap")
    assert (budget.ceiling_for("openai/gpt-4o"), budget.ceiling_for("groq/cheap")) == (10, 20)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"limit_nano": -1}, "below zero"),
        ({"hard_limit_nano": 5}, "hard limit is below"),
        ({"alert_at": 1.5}, "alert_at"),
        ({"alert_at": 0}, "alert_at"),
        ({"timezone": "Europe/Berln"}, "no time zone named 'Europe/Berln'"),
        ({"on_unknown_price": "assume"}, "amount to assume"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(fields: dict[str, object], message: str) -> None:
    """Mistakes are found when the budget is made."""
    with pytest.raises(ValueError, match=message):
        _budget(**fields)


def test_the_alert_is_a_share_of_the_limit_without_float_noise() -> None:
    """Eight tenths of a dollar are eight tenths."""
    assert _budget(limit_nano=10**9, alert_at=0.8).alert_nano == 8 * 10**8
    assert _budget(alert_at=None).alert_nano is None
