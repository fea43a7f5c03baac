"""The spec's "Token Usage Dashboard", line by line, as `orchestra usage` prints it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine

from orchestra.cli import main
from orchestra.ledger import Budget, Claim, Ledger, nano
from orchestra.types import Attempt, Usage

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC
MODELS = (
    # name, LiteLLM id, calls, and for each of them: input tokens, output tokens, USD
    ("gpt-4-turbo", "openai/gpt-4-turbo", 100, 1230, 450, "0.065"),
    ("claude-3-5-sonnet", "anthropic/claude-3-5-sonnet-20240620", 100, 4560, 890, "0.032"),
    ("gemini-1.5-flash", "gemini/gemini-1.5-flash", 200, 4450, 1170, "0.009"),
    ("groq/llama-3.1-70b", "groq/llama-3.1-70b-versatile", 56, 0, 0, "0.015"),
)
DAILY = Budget(name="daily", limit_nano=nano(20), alert_at=0.8)


@pytest.fixture(autouse=True)
def day(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The day of the drawing: its calls are booked, and $20 a day are the budget."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orchestra.yaml").write_text("daily_budget_usd: 20\nalert_threshold: 0.8\n")
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is printed, without boxes and repeated spaces."""
    book(
        Attempt(
            id=f"{name}-{n}",
            request=f"{name}-{n}",
            path=("default", name),
            call="chat",
            name=name,
            model=model,
            provider=model.partition("/")[0],
            usage=Usage(inputs, outputs, cost=Decimal(cost)),
            latency_s=1.2,
            started_at=NOON,
        )
        for name, model, calls, inputs, outputs, cost in MODELS
        for n in range(calls)
    )
    return printed(capsys)


def book(attempts: Iterator[Attempt]) -> None:
    ledger = Ledger(Path(os.environ["ORCHESTRA_HOME"]) / "ledger.db", durability="process")
    for attempt in attempts:
        ledger.book(attempt, claims=[Claim(DAILY, "", DAILY.limit_nano)])
    ledger.flush()
    ledger.close()


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit) as left:
        main(["usage"])
    assert left.value.code == 0
    return [" ".join(line.strip("│╭╮╰╯─ ").replace("│", " ").split()) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    "line",
    [
        "Token Usage & Cost (Last 24h)",
        "Total Cost: $12.34",
        "Requests: 456",
        "Avg Latency: 1.2s",
        "─ Cost by Model",
        "─ Token Usage by Model",
        "Model Input Output Total Cost",
        "gpt-4-turbo 123K 45K 168K $6.50",
        "claude-3-5-sonnet 456K 89K 545K $3.20",
        "gemini-1.5-flash 890K 234K 1124K $1.80",
        "Budget: $12.34 / $20.00 (62% used)",
        "[█████████████████░░░░░░░░░░]",
        "⚠️ Budget 80% threshold: Alert enabled",
    ],
)
def test_a_line_of_the_drawing_is_printed(lines: list[str], line: str) -> None:
    """As the spec has it."""
    assert line.removeprefix("─ ") in [found.strip("╭╮─ ") for found in lines]


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (20, "gpt-4-turbo $6.50 (53%)"),
        (10, "claude-3-5-sonnet $3.20 (26%)"),
        (6, "gemini-1.5-flash $1.80 (15%)"),
        (3, "groq/llama-3.1-70b $0.84 (6%)"),
    ],
)
def test_a_bar_of_the_drawing_is_printed(lines: list[str], cells: int, text: str) -> None:
    """Amount and share as the spec has them; the bars are in proportion (the spec's halve from line to line)."""
    assert f"{'█' * cells} {text}" in lines


def test_the_total_of_tokens_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """With thousands apart. (The drawing's own total is less than what its table adds up to: other calls show it.)"""
    usage = Usage(1_000_000, 234_567, cost=Decimal(1))
    book(iter([Attempt(id="a", path=(), call="chat", name="m", model="m", provider="p", usage=usage)]))
    assert "Total Tokens: 1,234,567" in printed(capsys)


def test_the_lines_come_in_the_order_of_the_drawing(lines: list[str]) -> None:
    """Cards, cost by model, tokens by model, budget, alert."""
    wanted = ["Token Usage & Cost", "Total Tokens", "Total Cost", "Requests", "Avg Latency", "Cost by Model"]
    wanted += ["Token Usage by Model", "Budget:", "[█", "⚠️"]
    places = [next(n for n, line in enumerate(lines) if line.strip("╭─ ").startswith(start)) for start in wanted]
    assert places == sorted(places)


def test_the_budget_says_which_window_it_covers(lines: list[str]) -> None:
    """The cards are of the last 24 hours, the bar of the budget's own window."""
    assert "daily: today in UTC; resets Sat 00:00 (in 12h 0m)" in lines
