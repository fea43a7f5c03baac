"""The build: names resolved, and every mistake of a policy found before anything is asked of a model."""

from __future__ import annotations

import pytest

from orchestra import ConfigError
from orchestra.build import build
from orchestra.routing import Facts, Route
from orchestra.settings import parse
from orchestra.tree import Tree


def tree(text: str) -> Tree:
    return build(parse(text, "o.yaml"))


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        tree(text)
    return list(caught.value.problems)


def route(rest: str) -> str:
    return f"policies:\n  default:\n    kind: route\n    otherwise: gpt-4o-mini\n{rest}"


def test_an_unknown_name_is_refused_with_its_place_and_a_suggestion() -> None:
    """File, line, path and the closest name, wherever it stands."""
    (said,) = mistakes("policies:\n  default:\n    kind: route\n    otherwise: gpt-4o-mni\n")
    assert said.startswith("o.yaml:4: policies.default.otherwise: no model or policy is called 'gpt-4o-mni'")
    assert said.endswith("did you mean 'gpt-4o-mini'?")


def test_a_circle_of_policies_is_refused_and_drawn() -> None:
    """It says which policies lead to which."""
    text = "policies:\n  a: {kind: fallback, models: [b]}\n  b: {kind: retry, model: a}\n"
    assert any("a circle: a → b → a" in said for said in mistakes(text))


def test_a_rule_that_is_never_reached_is_refused() -> None:
    """A wide rule before a narrow one takes all that the narrow one would take."""
    rules = """\
    rules:
      - {when: {task: code}, use: gpt-4o}
      - {when: {task: code, priority: high}, use: gpt-4-turbo}
"""
    (said,) = mistakes(route(rules))
    assert said.startswith("o.yaml:7: policies.default.rules[1]: never reached: an earlier rule (task code)")


def test_a_rule_whose_model_cannot_serve_it_is_refused() -> None:
    """A rule for images needs a model that sees them."""
    (said,) = mistakes(route("    rules: [{when: {images: true}, use: groq/llama-3.1-8b}]\n"))
    assert "cannot serve what the rule takes: cannot see images" in said


def test_fallbacks_none_of_which_can_serve_a_rule_are_refused() -> None:
    """One that can is enough."""
    text = route("    rules: [{{when: {{images: true}}, use: gpt-4o}}]\n    fallback: [{}]\n")
    (said,) = mistakes(text.format("groq/llama-3.1-8b"))
    assert "no fallback can serve what the rule takes" in said
    tree(text.format("groq/llama-3.1-8b, gpt-4o-mini"))


def test_a_misspelt_task_type_is_refused_unless_declared() -> None:
    """`task_types:` adds words of one's own."""
    text = route("    rules: [{when: {task: poetry}, use: gpt-4o}]\n")
    assert "no task type is called 'poetry'" in mistakes(text)[0]
    tree(f"task_types: [poetry]\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "models: {x: gpt-4o}\npolicies: {x: gpt-4o}",
        "providers: {x: {provider: custom, base_url: 'http://h/v1', models: {default: m}}}\npolicies: {x: gpt-4o}",
        "models: {groq: gpt-4o}\nproviders: {groq: {}}",
    ],
    ids=["model and policy", "provider and policy", "model and provider"],
)
def test_one_name_in_two_places_is_refused(text: str) -> None:
    """Nobody has to guess which one is meant."""
    assert "give one of them another name" in mistakes(text)[0]


def test_both_forms_of_one_thing_are_refused_naming_both_places() -> None:
    """`router` and a policy `default` say the same."""
    (said,) = mistakes("router: {}\npolicies:\n  default: gpt-4o\n")
    assert "o.yaml:1: router" in said
    assert "o.yaml:3: policies.default" in said


def test_a_file_without_a_default_policy_gets_the_shipped_one() -> None:
    """Naming a provider's key is enough to begin with."""
    arm = tree("providers: {groq: {api_key: os.environ/GROQ_API_KEY}}").find("auto")
    assert isinstance(arm.model, Route)
    assert arm.name == "default"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("mine", "groq/openai/gpt-oss-20b"),
        ("groq:fast", "groq/own-fast"),
        ("box", "openai/llama3:70b"),
        ("box/other", "openai/other"),
        ("groq/never-heard-of", "groq/never-heard-of"),
        ("azure/my-deployment", "azure/my-deployment"),
        ("ollama/llama3", "ollama_chat/llama3"),
        ("orchestra/mine", "groq/openai/gpt-oss-20b"),
    ],
)
def test_names_resolve_in_order(name: str, model: str) -> None:
    """A model of the file, a role, a server of one's own, an id without a row."""
    built = tree(
        """\
providers:
  groq: {models: {fast: own-fast}}
  box: {provider: custom, base_url: "http://127.0.0.1:11434/v1", models: {default: "llama3:70b"}}
models:
  mine: {litellm: groq/openai/gpt-oss-20b, params: {temperature: 0}}
"""
    )
    (member,) = built.find(name).members
    assert member.model == model


def test_a_server_of_ones_own_is_free_unless_priced() -> None:
    """Self-hosted kinds cost nothing until a price is named."""
    built = tree(
        """\
providers:
  box: {provider: custom, base_url: "http://127.0.0.1:1/v1"}
models:
  paid: {litellm: box/m, input_usd_per_mtok: 1, output_usd_per_mtok: 2}
"""
    )
    assert built.find("box/m").members[0].card.free
    assert not built.find("paid").members[0].card.free
    assert built.find("paid").members[0].card.output_usd_per_mtok == 2


def test_parameters_count_in_order_provider_model_policy() -> None:
    """The nearer to the call, the more it counts."""
    built = tree(
        """\
providers:
  groq: {parameters: {temperature: 0.1, max_output_tokens: 10, seed: 1, timeout: 5}}
models:
  mine: {litellm: groq/x, params: {temperature: 0.2, seed: 2}}
policies:
  p: {kind: name, name: mine, params: {temperature: 0.3}}
"""
    )
    (member,) = built.find("p").members
    assert member.params == {"temperature": 0.3, "max_tokens": 10, "seed": 2}
    assert member.timeout_s == 5.0


def test_a_named_model_is_built_once_for_all_policies() -> None:
    """They share its cool-downs and its limit."""
    built = tree("policies: {a: {kind: fallback, models: [gpt-4o]}, b: {kind: fallback, models: [gpt-4o]}}")
    assert built.find("a").model.models[0][1] is built.find("b").model.models[0][1]  # type: ignore[attr-defined]


def test_the_repr_shows_the_tree() -> None:
    """A built policy can be read."""
    shown = repr(tree("policies: {a: {kind: fallback, models: [gpt-4o, gpt-4o-mini]}}").find("a").model)
    assert shown.startswith("Fallback(")
    assert "Retry(" in shown
    assert "openai/gpt-4o-mini" in shown


def test_a_budget_names_a_model_to_downgrade_to() -> None:
    """A misspelt one is found at its line; an unknown time zone too."""
    text = "budgets:\n  daily: {limit_usd: 1, on_exceeded: downgrade, downgrade_to: gtp-4o}\n"
    (said,) = mistakes(text)
    assert said.startswith("o.yaml:2: budgets.daily.downgrade_to: no model is called 'gtp-4o'; did you mean")
    assert "no time zone" in mistakes("budgets:\n  daily: {limit_usd: 1, timezone: Mars}\n")[0]


def test_a_preferred_policy_does_not_prefer_itself_for_ever() -> None:
    """`preferred_model='auto'` is the default policy, decided once."""
    route_ = tree(route("")).find("default")
    assert isinstance(route_.model, Route)
    assert route_.model.strategy.decide(Facts(preferred_model="auto")).arm == "default"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("providers: antropic", "no provider is called 'antropic'; did you mean 'anthropic'?"),
        ("providers: qqqqq", "no provider is called 'qqqqq'; 'orchestra providers' lists those there are"),
        ("models: gtp-4o", "no model is called 'gtp-4o'; did you mean 'gpt-4o'?"),
        ("models: anthropic", "'anthropic' is a provider; name it under 'providers:'"),
        ("providers: mine", "calls to 'mine' count as those of the provider 'custom'; name that"),
    ],
)
def test_a_budget_that_could_count_no_call_is_refused(names: str, said: str) -> None:
    """A misspelt name would switch it off."""
    text = f"""\
providers: {{mine: {{provider: custom, base_url: "http://localhost:1/v1", models: {{default: own}}}}}}
budgets:
  p: {{limit_usd: 0, on_exceeded: refuse, {names}}}
"""
    (found,) = mistakes(text)
    assert found.startswith(f"o.yaml:3: budgets.p.{names.partition(':')[0]}: ")
    assert found.endswith(said)


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        ("providers: gemini", "google"),
        ("providers: google", "google"),
        ("providers: together_ai", "together"),
        ("providers: Together AI", "together"),
        ("providers: bedrock", "bedrock/anthropic.claude-3-haiku-20240307-v1:0"),
        ("providers: own", "own/model"),
        ("providers: goo*", "google"),
        ("models: GPT-4o", "gpt-4o"),
        ("models: gpt-4o", "azure/gpt-4o"),
        ("models: mine", "gpt-4o-mini"),
        ("models: 'groq:fast'", "groq:fast"),
        ("models: llama-3.1-8b-instant", "groq/llama-3.1-8b-instant"),
        ("models: azure/my-deployment", "azure/my-deployment"),
        ("models: gpt-*", "gpt-4o"),
    ],
)
def test_a_budget_counts_a_model_and_a_provider_by_any_of_their_names(names: str, asked: str) -> None:
    """Ours, LiteLLM's, and those of the settings."""
    built = tree(
        "models: {mine: {litellm: openai/gpt-4o-mini}}\n"
        'providers: {own: {base_url: "http://localhost:1/v1"}}\n'
        f"budgets: {{p: {{limit_usd: 0, {names}}}}}\ndaily_budget_usd: null\n"
    )
    (budget,) = built.money.budgets
    (model,) = built.find(asked).members
    assert budget.matches(model.model, model.provider, {})
    others = built.find("mistral").members[0]
    assert not budget.matches(others.model, others.provider, {})
