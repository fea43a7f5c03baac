"""The spec's cost and token tracking: prices, the tracker, the budget, and the dashboard line by line."""

from __future__ import annotations

import csv
import inspect
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestra import (
    APISettings,
    BudgetEnforcer,
    CostTracker,
    ModelRequest,
    ModelResponse,
    MultiModelAPI,
    Response,
    Usage,
)
from orchestra.ledger import Ledger
from orchestra.testing import Answer, Provider

from .reading import screen

pytestmark = pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")

PRICING = {
    "gpt-4-turbo": (10.00, 30.00),
    "gpt-4o": (5.00, 15.00),
    "gpt-4o-mini": (0.15, 0.60),
    "claude-3-opus": (15.00, 75.00),
    "claude-3-5-sonnet": (3.00, 15.00),
    "claude-3-haiku": (0.25, 1.25),
    "gemini-1.5-pro": (3.50, 10.50),
    "gemini-1.5-flash": (0.35, 1.05),
    "groq/llama-3.1-70b": (0.59, 0.79),
    "groq/llama-3.1-8b": (0.05, 0.08),
}
TODAY = {"gpt-4o": (2.50, 10.00)}
"""Where the model lives and its price has changed, LiteLLM's map wins."""

COLUMNS: tuple[str, ...] = ("timestamp", "model", "input_tokens", "output_tokens", "total_tokens")
COLUMNS += ("cost_usd", "latency_ms", "task_type", "success")


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[CostTracker]:
    tracker = CostTracker(Ledger(tmp_path / "ledger.db", durability="process"))
    yield tracker
    tracker.ledger.close()


@pytest.mark.parametrize("model", PRICING)
def test_pricing(model: str) -> None:
    """A view of the catalogue in the spec's shape: USD per million tokens."""
    price_in, price_out = TODAY.get(model, PRICING[model])
    assert CostTracker.PRICING[model] == {"input": price_in, "output": price_out}


def test_pricing_is_read_only() -> None:
    """Prices are changed in the policy file."""
    with pytest.raises(TypeError):
        CostTracker.PRICING["gpt-4o"] = {"input": 0, "output": 0}  # type: ignore[index]


SIGNATURES: dict[str, list[str]] = {
    "CostTracker.calculate_cost": ["model", "input_tokens", "output_tokens"],
    "CostTracker.track_request": ["request", "response"],
    "CostTracker.get_today_cost": [],
    "BudgetEnforcer.check_budget": [],
    "BudgetEnforcer.call_with_budget": ["request"],
}


@pytest.mark.parametrize(("name", "parameters"), SIGNATURES.items(), ids=SIGNATURES)
def test_method(name: str, parameters: list[str]) -> None:
    """By the spec's name, with the spec's parameters; async where it is async there."""
    owner, _, method = name.partition(".")
    function = getattr({"CostTracker": CostTracker, "BudgetEnforcer": BudgetEnforcer}[owner], method)
    assert list(inspect.signature(function).parameters)[1:] == parameters
    assert inspect.iscoroutinefunction(function) == (method == "call_with_budget")


@pytest.mark.parametrize("model", [model for model in PRICING if model not in TODAY])
def test_calculate_cost(tracker: CostTracker, model: str) -> None:
    """The spec's formula."""
    price_in, price_out = PRICING[model]
    assert tracker.calculate_cost(model, 1_000, 500) == pytest.approx((1_000 * price_in + 500 * price_out) / 1_000_000)


def test_calculate_cost_of_an_unknown_model_is_unknown(tracker: CostTracker) -> None:
    """Which is not the zero that the spec's code would say."""
    assert tracker.calculate_cost("openai/no-such-model", 1_000, 500) is None


def test_track_request(tracker: CostTracker) -> None:
    """One row, with what the request and the response say."""
    request = ModelRequest(model="gpt-4o-mini", task_type="extraction")
    response = ModelResponse(text="$5", model="gpt-4o-mini", usage=Usage(1_000, 500), latency_s=1.25, id="r-1")
    tracker.track_request(request, response)
    (row,) = tracker.ledger.rows()
    assert (row.input_tokens, row.output_tokens, row.total_tokens) == (1_000, 500, 1_500)
    assert row.cost_usd == Decimal("0.00045")
    assert (row.task_type, row.success, row.latency_s) == ("extraction", True, 1.25)


@pytest.mark.parametrize("column", COLUMNS)
def test_column(orchestra: Run, tracked: CostTracker, column: str) -> None:
    """A row has the spec's columns under the spec's names, first and in the spec's order."""
    rows = list(csv.reader(io.StringIO(orchestra("log", "--csv"))))
    assert tuple(rows[0][: len(COLUMNS)]) == COLUMNS
    assert rows[1][rows[0].index(column)]


@pytest.mark.parametrize("attribute", ["model", "task_type"])
def test_model_request_attribute(attribute: str) -> None:
    """What the spec's code reads of a request."""
    assert getattr(ModelRequest(model="gpt-4o", task_type="chat"), attribute) in ("gpt-4o", "chat")


@pytest.mark.parametrize(
    "attribute",
    ["usage.prompt_tokens", "usage.completion_tokens", "usage.total_tokens", "latency_ms", "success", "score"],
)
def test_model_response_attribute(attribute: str) -> None:
    """What the spec's code reads of a response."""
    value: Any = ModelResponse(text="", model="m", usage=Usage(2, 3), latency_s=0.5)
    for name in attribute.split("."):
        value = getattr(value, name)
    assert value in (2, 3, 5, 500.0, True, None)


def test_get_today_cost(tracker: CostTracker) -> None:
    """The sum of today's rows."""
    for number in range(3):
        response = Response(text="", model="gpt-4-turbo", usage=Usage(1_000, 1_000), id=f"r-{number}")
        tracker.track_request(ModelRequest(model="gpt-4-turbo"), response)
    assert tracker.get_today_cost() == pytest.approx(0.12)


async def test_call_with_budget(provider: Provider) -> None:
    """The spec's enforcer: it answers while the budget lasts, and books what it spends."""
    enforcer = BudgetEnforcer(daily_budget_usd=20.0)
    with enforcer.api:
        assert enforcer.daily_budget == 20.0
        assert enforcer.check_budget()
        request = ModelRequest(model="gpt-4-turbo", messages=({"role": "user", "content": "hello"},))
        response = await enforcer.call_with_budget(request)
        assert response.text == "echo: hello"
        assert enforcer.cost_tracker.get_today_cost() == pytest.approx(float(response.cost_usd or 0))


async def test_a_spent_budget_downgrades_to_the_specs_cheap_model(provider: Provider) -> None:
    """`groq/llama-3.1-8b-instant`, while its own call still fits."""
    enforcer = BudgetEnforcer(daily_budget_usd=0.01)
    with enforcer.api:
        request = ModelRequest(model="gpt-4-turbo", messages=({"role": "user", "content": "hello"},))
        response = await enforcer.call_with_budget(request)
    assert response.model == "groq/llama-3.1-8b-instant"
    assert [call.model for call in provider.calls] == ["llama-3.1-8b-instant"]


async def test_a_budget_that_has_nothing_left(provider: Provider) -> None:
    """`check_budget` is spent < limit."""
    provider.reply(Answer("x", input_tokens=1, output_tokens=1))
    enforcer = BudgetEnforcer(daily_budget_usd=0.000_000_13)
    with enforcer.api:
        assert enforcer.check_budget()
        booked = Response(text="", model="gpt-4-turbo", usage=Usage(1, 1, cost=Decimal("0.00001")), id="elsewhere")
        await enforcer.cost_tracker.track_request_durably(ModelRequest(model="gpt-4-turbo"), booked)
        assert not enforcer.check_budget()


# The dashboard: the calls of the drawing are booked, and each line of the drawing is looked for.
BOOKED = (
    ("gpt-4-turbo", 123_000, 45_000, "6.50"),
    ("claude-3-5-sonnet", 456_000, 89_000, "3.20"),
    ("gemini-1.5-flash", 890_000, 234_000, "1.80"),
    ("groq/llama-3.1-70b", 10_000, 5_000, "0.84"),
)

Run = Callable[..., str]


@dataclass
class Asked:
    model: str
    task_type: str = "extraction"


@pytest.fixture
def orchestra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command, in a folder with the spec's daily budget; returns what it printed."""
    from orchestra.cli import main

    (tmp_path / "orchestra.yaml").write_text("version: 1\ndaily_budget_usd: 20.0\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        said = capsys.readouterr()
        assert not left.value.code, said.err
        return said.out

    return run


@pytest.fixture
def tracked(orchestra: Run) -> Iterator[CostTracker]:
    """The ledger that the command reads, with the calls of the drawing in it."""
    with MultiModelAPI() as api:
        tracker = CostTracker(api.tree.money.ledger)
        for model, read, written, cost in BOOKED:
            usage = Usage(read, written, cost=Decimal(cost))
            tracker.track_request(Asked(model), Response(text="", model=model, usage=usage, latency_s=1.2, id=model))
        tracker.ledger.flush()
        yield tracker


DASHBOARD = {
    "Token Usage & Cost (Last 24h)": r"Token Usage & Cost \(Last 24h\)",
    "Total Tokens:   1,234,567": r"Total Tokens: +1,852,000\b",
    "Total Cost:     $12.34": r"Total Cost: +\$12\.34\b",
    "Requests:       456": r"Requests: +4\b",
    "Avg Latency:    1.2s": r"Avg Latency: +1\.2 ?s",
    "Cost by Model": r"Cost by Model",
    "████████████████████ gpt-4-turbo      $6.50 (53%)": r"█+ +gpt-4-turbo +\$6\.50 \(53%\)",
    "██████████ claude-3-5-sonnet         $3.20 (26%)": r"█+ +claude-3-5-sonnet +\$3\.20 \(26%\)",
    "█████ gemini-1.5-flash               $1.80 (15%)": r"█+ +gemini-1\.5-flash +\$1\.80 \(15%\)",
    "██ groq/llama-3.1-70b                $0.84 (6%)": r"█+ +groq/llama-3\.1-70b +\$0\.84 +\([67]%\)",
    "Token Usage by Model": r"Token Usage by Model",
    "Model              Input    Output   Total      Cost": r"Model +Input +Output +Total +Cost",
    "gpt-4-turbo        123K     45K      168K      $6.50": r"gpt-4-turbo +123K +45K +168K +\$6\.50",
    "claude-3-5-sonnet  456K     89K      545K      $3.20": r"claude-3-5-sonnet +456K +89K +545K +\$3\.20",
    "gemini-1.5-flash   890K     234K     1124K     $1.80": r"gemini-1\.5-flash +890K +234K +(1124K|1\.12M) +\$1\.80",
    "Budget: $12.34 / $20.00 (62% used)": r"Budget: \$12\.34 / \$20\.00 \(62% used\)",
    "[█████████████████░░░░░░░░░░]": r"\[█{15,19}░{8,12}\]",
    "⚠️ Budget 80% threshold: Alert enabled": r"⚠️ ?Budget 80% threshold: Alert enabled",
}
"""Each line of the drawing, and what is looked for: the figures are those of what is booked, which add up."""


@pytest.fixture
def dashboard(orchestra: Run, tracked: CostTracker) -> str:
    return orchestra("usage")


@pytest.mark.parametrize("line", DASHBOARD, ids=lambda line: re.sub(r"[^ -~]+ *", "", line))
def test_dashboard_line(dashboard: str, line: str) -> None:
    """`orchestra usage` draws it."""
    assert re.search(DASHBOARD[line], dashboard), dashboard


def test_every_line_of_the_dashboard_is_a_case() -> None:
    """None is left out, none is made up."""
    assert screen("Token Usage & Cost (Last 24h)") == list(DASHBOARD)


def test_the_bars_of_the_dashboard_are_in_proportion(dashboard: str) -> None:
    """The dearest has the longest."""
    bars = [len(bar) for bar in re.findall(r"(█+) +[\w./-]+ +\$", dashboard)]
    assert bars == sorted(bars, reverse=True)
    assert bars[0] > 2 * bars[2]


def test_the_cards_are_the_sum_of_the_rows(orchestra: Run, tracked: CostTracker) -> None:
    """The total shown is the sum of the rows shown."""
    rows = list(csv.DictReader(io.StringIO(orchestra("log", "--csv"))))
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal("12.34")
    assert sum(int(row["total_tokens"]) for row in rows) == 1_852_000


def test_the_specs_settings_have_the_specs_budget() -> None:
    """$20 a day, an alert at 80 %."""
    with MultiModelAPI(APISettings()) as api:
        (budget,) = api.tree.money.budgets
    assert (budget.name, budget.limit_nano, budget.per, budget.alert_at) == ("daily", 20 * 10**9, "day", 0.8)
    assert budget.on_exceeded == "downgrade"
