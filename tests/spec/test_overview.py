"""The spec's overview: what it is for, and the drawing of its architecture."""

from __future__ import annotations

from typing import Any

import pytest

from orchestra import APISettings, MultiModelAPI, RouterConfig
from orchestra.testing import Fault, Provider

pytestmark = pytest.mark.filterwarnings("ignore::orchestra.RetiredModelWarning")

OPENAI, ANTHROPIC, GOOGLE, GROQ = "openai", "anthropic", "google", "groq"
DRAWN: dict[str, tuple[dict[str, Any], set[str]]] = {
    "Reasoning → GPT-4 / Claude": ({"task_type": "reasoning", "priority": "high"}, {OPENAI, ANTHROPIC}),
    "Reasoning → Claude": ({"task_type": "reasoning"}, {OPENAI, ANTHROPIC}),
    "Fast extraction → Groq / Gemini Flash": ({"task_type": "extraction", "priority": "speed"}, {GROQ, GOOGLE}),
    "Extraction → Gemini Flash": ({"task_type": "extraction"}, {GROQ, GOOGLE}),
    "Long context → Claude / GPT-4-32k": ({"task_type": "reasoning", "input_tokens": 60_000}, {ANTHROPIC, OPENAI}),
    "Cost-sensitive → Gemini / Groq": ({"task_type": "reasoning", "priority": "budget"}, {GOOGLE, GROQ}),
}


def provider_of(api: MultiModelAPI, **asked: Any) -> str:
    """The provider of the model that is chosen."""
    return api.tree.find(api.explain_sync("…", **asked).arm).members[0].provider


@pytest.mark.parametrize(("asked", "providers"), DRAWN.values(), ids=DRAWN)
def test_a_line_of_the_task_classifier(plain: MultiModelAPI, asked: dict[str, Any], providers: set[str]) -> None:
    """Where the drawing sends a task of that kind."""
    assert provider_of(plain, **asked) in providers


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("Extract product price", "extraction"),
        ("Prove that the square root of 2 is irrational, step by step.", "reasoning"),
        ("Is this review positive or negative? Answer with one word.", "classification"),
    ],
    ids=["extraction", "reasoning", "classification"],
)
def test_the_task_classifier_tells_what_a_prompt_asks_for(plain: MultiModelAPI, prompt: str, task: str) -> None:
    """The agent's request of the drawing has no task type: it is told from its text."""
    assert plain.explain_sync(prompt).features.get("task") == task


async def test_flexibility(provider: Provider) -> None:
    """Switch between models without code changes: the same call, another name."""
    with MultiModelAPI(APISettings()) as api:
        for model in ("gpt-4o-mini", "claude-3-5-sonnet", "gemini-1.5-flash", "groq/llama-3.1-70b"):
            assert (await api.generate("hello", model=model)).text == "echo: hello"
    assert [call.provider for call in provider.calls] == ["openai", "anthropic", "gemini", "groq"]


async def test_optimization(provider: Provider) -> None:
    """Requests are routed to the best model for each task."""
    with MultiModelAPI(APISettings()) as api:
        for task in ("reasoning", "extraction", "classification"):
            await api.generate("hello", task_type=task)
    assert [call.provider for call in provider.calls] == ["anthropic", "gemini", "groq"]


async def test_cost_control(provider: Provider) -> None:
    """What was spent is known, and a budget is enforced."""
    with MultiModelAPI(APISettings(daily_budget_usd=1.0)) as api:
        response = await api.generate("hello", model="gpt-4o-mini")
        (row,) = api.tree.money.ledger.rows()
    assert row.cost_usd == response.cost_usd
    assert row.cost_usd


async def test_reliability(provider: Provider) -> None:
    """Fallback to another model on failure, in the spec's order."""
    provider.on("openai").always(Fault.SERVER_ERROR)
    with MultiModelAPI(APISettings(router=RouterConfig(auto_retry=False))) as api:
        response = await api.generate("hello")
    assert [attempt.name for attempt in response.attempts] == ["gpt-4o-mini", "claude-3-5-sonnet"]


async def test_experimentation(provider: Provider) -> None:
    """A/B test prompts and models: two models under one name, and which of them was better."""
    experiment = {"arms": {"small": "gpt-4o-mini", "fast": "groq/llama-3.1-70b"}, "by": "user", "min_run_s": 0}
    policies = {"tested": {"kind": "split", "experiment": "models"}}
    settings = APISettings(experiments={"models": experiment}, policies=policies, max_requests_per_minute=None)
    with MultiModelAPI(settings) as api:
        api.experiment("models").start()
        for n in range(60):
            response = await api.generate("hello", model="tested", tags={"user": f"user {n}"})
            api.score(response, 1.0 if response.name == "gpt-4o-mini" else 0.0)
        assert {call.provider for call in provider.calls} == {OPENAI, GROQ}
        assert api.experiment("models").analysis().winner == "small"
