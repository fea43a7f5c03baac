"""The spec's smart model router: its class, its table of rules, its configuration."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from orchestra import APISettings, ConfigError, ModelConfig, ModelRouter, MultiModelAPI, RouterConfig, Task
from orchestra.types import Priority

PRIORITIES: tuple[Priority, ...] = ("high", "normal", "budget", "speed")
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]}]


@pytest.fixture(scope="module")
def router() -> ModelRouter:
    return ModelRouter()


SIGNATURES = {
    "route": ["task", "context"],
    "route_reasoning": ["task", "context"],
    "route_extraction": ["task", "context"],
    "get_model": ["name", "provider"],
}


@pytest.mark.parametrize(("name", "parameters"), SIGNATURES.items(), ids=SIGNATURES)
def test_model_router_method(name: str, parameters: list[str]) -> None:
    """By the spec's name, with the spec's parameters; it is sync."""
    method = getattr(ModelRouter, name)
    assert list(inspect.signature(method).parameters)[1:] == parameters
    assert not inspect.iscoroutinefunction(method)


def test_model_router_default_model(router: ModelRouter) -> None:
    """What no rule takes."""
    assert router.default_model.name == "gpt-4o-mini"


PSEUDO_CODE: dict[str, tuple[Task, dict[str, Any], str]] = {
    "1. preferred model": (Task("reasoning", "high"), {"preferred_model": "gpt-4o-mini"}, "openai/gpt-4o-mini"),
    "2. reasoning": (Task("reasoning"), {}, "anthropic/claude-3-5-sonnet-20240620"),
    "2. extraction": (Task("extraction"), {}, "gemini/gemini-1.5-flash"),
    "2. classification": (Task("classification"), {}, "groq/llama-3.1-8b-instant"),
    "3. default": (Task("something else"), {}, "openai/gpt-4o-mini"),
    "3. default without a type": (Task(), {}, "openai/gpt-4o-mini"),
    "reasoning: long": (Task("reasoning", "high"), {"input_tokens": 50_001}, "anthropic/claude-3-5-sonnet-20240620"),
    "reasoning: not long": (Task("reasoning", "high"), {"input_tokens": 50_000}, "openai/gpt-4-turbo"),
    "reasoning: important": (Task("reasoning", importance="high"), {}, "openai/gpt-4-turbo"),
    "reasoning: important before budget": (Task("reasoning", "high"), {"budget_mode": True}, "openai/gpt-4-turbo"),
    "reasoning: budget": (Task("reasoning"), {"budget_mode": True}, "gemini/gemini-1.5-flash"),
    "extraction: latency": (Task("extraction"), {"latency_critical": True}, "groq/llama-3.1-70b-versatile"),
}


@pytest.mark.parametrize(("task", "context", "model"), PSEUDO_CODE.values(), ids=PSEUDO_CODE)
def test_a_branch_of_the_pseudo_code(router: ModelRouter, task: Task, context: dict[str, Any], model: str) -> None:
    """The model of each `return`."""
    chosen = router.route(task, context)
    assert isinstance(chosen, ModelConfig)
    assert chosen.model == model


def test_the_routes_of_the_pseudo_code_by_their_names(router: ModelRouter) -> None:
    """Each takes the task for its own kind."""
    assert router.route_reasoning(Task(importance="high"), {}).model == "openai/gpt-4-turbo"
    assert router.route_extraction(Task(), {"latency_critical": True}).model == "groq/llama-3.1-70b-versatile"
    assert router.route_classification(Task(), {}).model == "groq/llama-3.1-8b-instant"


def test_get_model(router: ModelRouter) -> None:
    """By name, and by name at a provider."""
    assert router.get_model("gpt-4-turbo").model == "openai/gpt-4-turbo"
    assert router.get_model("llama-3.1-70b-versatile", provider="groq").model == "groq/llama-3.1-70b-versatile"
    with pytest.raises(ConfigError, match="did you mean"):
        router.get_model("gpt-4-trbo")


def test_a_router_of_other_settings() -> None:
    """Its rules are those of the settings that it is made with."""
    router = ModelRouter(APISettings(router=RouterConfig(routing_rules={"reasoning_high_priority": "gpt-4o"})))
    assert router.route(Task("reasoning", "high"), {}).name == "gpt-4o"


# The nine rows of the table, as (task, tokens, priorities) and the model; where table and pseudo-code differ, the
# pseudo-code's order decides: a long input comes before importance, and importance before the budget.
ROWS: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[Priority, ...], str]] = {
    "Reasoning, any, high": ({"task_type": "reasoning"}, (10, 50_000), ("high",), "gpt-4-turbo"),
    "Reasoning, >50k, any": ({"task_type": "reasoning"}, (50_001, 150_000), PRIORITIES, "claude-3-5-sonnet"),
    "Reasoning, any, budget": ({"task_type": "reasoning"}, (10, 50_000), ("budget",), "gemini-1.5-flash"),
    "Extraction, <10k, speed": ({"task_type": "extraction"}, (10, 9_999), ("speed",), "groq/llama-3.1-70b"),
    "Extraction, any, budget": ({"task_type": "extraction"}, (10, 100_000), ("budget",), "gpt-4o-mini"),
    "Classification, <5k, any": ({"task_type": "classification"}, (10, 4_999), PRIORITIES, "groq/llama-3.1-8b"),
    "Long context, >100k, any": ({"task_type": "long_context"}, (100_001, 1_500_000), PRIORITIES, "gemini-1.5-pro"),
    "Vision, images, any": ({"messages": IMAGE}, (10, 100_000), PRIORITIES, "gpt-4o"),
    "Web search, any, any": ({"task_type": "web_search"}, (10, 100_000), PRIORITIES, "perplexity"),
}


@pytest.mark.parametrize(("asked", "sizes", "priorities", "model"), ROWS.values(), ids=ROWS)
def test_a_row_of_the_rule_table(
    either: MultiModelAPI, asked: dict[str, Any], sizes: tuple[int, ...], priorities: tuple[Priority, ...], model: str
) -> None:
    """In `config/classic.yaml` and in `APISettings()`, for every size and priority that the row leaves open."""
    for tokens in sizes:
        for priority in priorities:
            choice = either.explain_sync(input_tokens=tokens, priority=priority, **asked)
            assert choice.arm == model, (tokens, priority)


def test_a_row_gives_its_reason(either: MultiModelAPI) -> None:
    """The last column of the table."""
    assert either.explain_sync("…", task_type="reasoning", priority="high").reason == "best quality"
    assert "2 million" in either.explain_sync("…", task_type="long_context").reason
    assert "web" in either.explain_sync("…", task_type="web_search").reason


ROUTER_CONFIG: dict[str, Any] = {
    "enabled": True,
    "strategy": "task_based",
    "routing_rules": {
        "reasoning_high_priority": "gpt-4-turbo",
        "reasoning_budget": "gemini-1.5-flash",
        "extraction_fast": "groq/llama-3.1-70b",
        "extraction_accurate": "claude-3-5-sonnet",
        "long_context": "gemini-1.5-pro",
        "vision": "gpt-4o",
    },
    "fallback_order": ["claude-3-5-sonnet", "gpt-4o-mini", "gemini-1.5-flash", "groq/llama-3.1-70b"],
    "auto_retry": True,
    "max_retries": 3,
}


@pytest.mark.parametrize(("field", "default"), ROUTER_CONFIG.items(), ids=ROUTER_CONFIG)
def test_router_config_field(field: str, default: Any) -> None:
    """With the spec's default; `strategy` has none there, and is what the page describes."""
    assert getattr(RouterConfig(), field) == default


@pytest.mark.parametrize("strategy", ["task_based", "cost_optimized", "speed_optimized", "quality_optimized"])
def test_a_strategy_decides(strategy: str) -> None:
    """Each of the four chooses one of the models that the settings name."""
    with MultiModelAPI(APISettings(router=RouterConfig(strategy=strategy))) as api:  # type: ignore[arg-type]
        choice = api.explain_sync("Extract the price", task_type="extraction")
    assert choice.arm in {*ROUTER_CONFIG["routing_rules"].values(), *ROUTER_CONFIG["fallback_order"]}
    assert choice.rule == ("extraction" if strategy == "task_based" else strategy)


@pytest.mark.parametrize(
    ("strategy", "model"),
    [
        ("cost_optimized", "gpt-4o-mini"),
        ("speed_optimized", "groq/llama-3.1-70b"),
        ("quality_optimized", "gpt-4-turbo"),
    ],
)
def test_an_optimized_strategy_takes_the_best_by_its_measure(strategy: str, model: str) -> None:
    """The cheapest for this request, the fastest, the dearest answer."""
    with MultiModelAPI(APISettings(router=RouterConfig(strategy=strategy))) as api:  # type: ignore[arg-type]
        assert api.explain_sync("Extract the price").arm == model


@pytest.mark.parametrize("row", ROUTER_CONFIG["routing_rules"])
def test_a_routing_rule_replaces_the_model_of_its_row(row: str) -> None:
    """By the row's name."""
    asked: dict[str, dict[str, Any]] = {
        "reasoning_high_priority": {"task_type": "reasoning", "priority": "high"},
        "reasoning_budget": {"task_type": "reasoning", "priority": "budget"},
        "extraction_fast": {"task_type": "extraction", "priority": "speed"},
        "extraction_accurate": {"task_type": "extraction", "priority": "high"},
        "long_context": {"task_type": "long_context"},
        "vision": {"messages": IMAGE},
    }
    with MultiModelAPI(APISettings(router=RouterConfig(routing_rules={row: "gemini-2.5-pro"}))) as api:
        assert api.explain_sync(**asked[row]).arm == "gemini-2.5-pro"
