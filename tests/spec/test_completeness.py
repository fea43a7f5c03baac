"""What the page defines, held against the cases of this folder: nothing of it is left out."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from . import test_configuration, test_cost, test_ensembles, test_prompts, test_router
from .reading import blocks, classes, fields, methods

METHODS: dict[str, list[str]] = {
    **{f"ModelRouter.{name}": given for name, given in test_router.SIGNATURES.items()},
    **test_ensembles.SIGNATURES,
    **test_cost.SIGNATURES,
    **{f"PromptManager.{name}": given for name, given in test_prompts.MANAGER.items()},
    **{f"PromptABTest.{name}": given for name, given in test_prompts.EXPERIMENT.items()},
}
"""Every method that has a case."""

FIELDS: dict[str, Any] = {
    **{f"RouterConfig.{name}": default for name, default in test_router.ROUTER_CONFIG.items()},
    **{f"EnsembleConfig.{name}": default for name, default in test_ensembles.ENSEMBLE_CONFIG.items()},
    **{f"APISettings.{name}": default for name, default in test_configuration.FIELDS.items()},
    **dict.fromkeys((f"PromptTemplate.{name}" for name in test_prompts.FIELDS), None),
}
"""Every field that has a case, with the default that the case asks for."""

CLASSES = {
    "ModelRouter",
    "RouterConfig",
    "VotingEnsemble",
    "RankingEnsemble",
    "FusionEnsemble",
    "VerificationEnsemble",
    "EnsembleConfig",
    "CostTracker",
    "BudgetEnforcer",
    "PromptTemplate",
    "PromptManager",
    "PromptABTest",
    "APISettings",
}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_class(name: str) -> None:
    """Each class of the spec is exported under its name."""
    import orchestra

    assert isinstance(getattr(orchestra, name), type)
    assert name in orchestra.__all__


@pytest.mark.parametrize(
    ("name", "ours"),
    [("ModelRequest", "Request"), ("ModelResponse", "Response"), ("Task", "Task"), ("ModelConfig", "ModelConfig")],
)
def test_a_class_that_the_spec_uses_and_does_not_define(name: str, ours: str) -> None:
    """Its requests and responses are ours."""
    import orchestra

    assert getattr(orchestra, name) is getattr(orchestra, ours)


def test_every_class_of_the_page_is_a_case() -> None:
    """And no other."""
    assert {owner.name for owner in classes()} == CLASSES


def test_every_method_of_the_page_is_a_case() -> None:
    """With the page's parameters; what it does inside (`self.…`) is not asked for."""
    written = {name: given for name, given in methods().items() if not name.endswith("__init__")}
    missing = written.keys() - METHODS.keys()
    assert missing == set()
    for name, parameters in written.items():
        assert METHODS[name][: len(parameters)] == parameters, name


def test_every_field_of_the_page_is_a_case() -> None:
    """With the page's default, where it has one that can be written down."""
    for name, default in fields().items():
        assert name in FIELDS, name
        if default not in ("...", "None") and "(" not in default:
            assert FIELDS[name] == ast.literal_eval(default), name


def test_every_row_of_the_rule_table_is_a_case() -> None:
    """Nine rows, nine cases, and the same models."""
    from .reading import page

    table = page().split("### Routing Rules")[1].split("### Configuration")[0]
    rows = [line.split("|")[1:-1] for line in table.strip().splitlines()[2:]]
    models = [row[3].strip().strip("`") for row in rows]
    assert models == [model for *_, model in test_router.ROWS.values()]


def test_every_price_of_the_page_is_a_case() -> None:
    """The spec's own numbers stand in the cases."""
    (tracker,) = [owner for owner in classes() if owner.name == "CostTracker"]
    assignment = tracker.body[0]
    assert isinstance(assignment, ast.Assign)
    written = ast.literal_eval(assignment.value)
    assert {model: (price["input"], price["output"]) for model, price in written.items()} == test_cost.PRICING


def test_every_column_of_a_row_of_the_page_is_a_case() -> None:
    """What the spec inserts into its database."""
    (block,) = [block for block in blocks("python") if "def track_request" in block]
    (inserted,) = [
        node
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Dict) and any(isinstance(k, ast.Constant) and k.value == "timestamp" for k in node.keys)
    ]
    assert tuple(key.value for key in inserted.keys if isinstance(key, ast.Constant)) == test_cost.COLUMNS


def test_every_python_block_of_the_page_is_accounted_for() -> None:
    """Definitions, configurations and examples: 22 blocks, and a new one is noticed."""
    kinds = {"configuration": 0, "definition": 0, "example": 0}
    for block in blocks("python"):
        body = ast.parse(block, feature_version=(3, 11)).body
        defines = any(isinstance(node, ast.ClassDef) for node in body)
        kind = "configuration" if block.startswith("{") else "definition" if defines else "example"
        kinds[kind] += 1
    assert kinds == {"configuration": 6, "definition": 12, "example": 2}


def test_a_retired_models_price_says_that_it_is_the_specs() -> None:
    """A price that LiteLLM has no more names its source and its date."""
    from .conftest import CATALOG

    for name in test_cost.PRICING:
        card = CATALOG.find(name)
        assert card is not None
        assert card.source is None or card.source.startswith("the spec's price table, 2026-03")
