"""The spec's prompt manager: its templates, its versions, its scores."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestra import Ledger, Library, PromptError, PromptManager


@pytest.fixture
def manager(tmp_path: Path) -> PromptManager:
    library = Library(tmp_path / "prompts", wall=lambda: 1_800_000_000.0)
    return PromptManager(library, Ledger(tmp_path / "ledger.db", durability="process"))


def test_a_template_has_all_that_the_spec_names(manager: PromptManager) -> None:
    """The text is Jinja now, whatever it was registered in; the score is that of its answers."""
    manager.register("hello", "Hello {name}!", ["name"])
    template = manager.get_template("hello")
    assert template.model_dump() == {
        "template_id": "hello",
        "name": "hello",
        "template": "Hello {{ name }}!",
        "variables": ["name"],
        "version": 1,
        "created_at": datetime.fromtimestamp(1_800_000_000, UTC),
        "performance_score": None,
    }
    for request, value in (("a", 0.5), ("b", 1.0)):
        event = {"request": request, "metric": "quality", "value": value, "prompts": [["hello", "1"]]}
        manager._scores._ledger.event("score", None, event)
    assert manager.get_template("hello").performance_score == 0.75


def test_the_version_in_production_is_the_usual_one(manager: PromptManager) -> None:
    """The latest until one is promoted; any other by its number."""
    manager.register("hello", "Hello {name}!", ["name"])
    assert manager.create_version("hello", "Hi {name}!") == 2
    assert manager.render("hello", {"name": "Ada"}) == "Hi Ada!"
    manager.library.promote("hello", 1)
    assert manager.render("hello", {"name": "Ada"}) == "Hello Ada!"
    assert manager.render("hello", {"name": "Ada"}, version=2) == "Hi Ada!"
    with pytest.raises(PromptError, match="'name' is missing"):
        manager.render("hello", {})


def test_a_declared_variable_that_is_never_used_is_an_error(manager: PromptManager) -> None:
    """And so is a text that could be Jinja as well, unless its syntax is named."""
    with pytest.raises(PromptError, match="'who' is declared and never used"):
        manager.register("hello", "Hello {{ name }}!", ["name", "who"])
    with pytest.raises(PromptError, match="syntax="):
        manager.register("hello", "{name} {{ name }}", ["name"])
    manager.register("hello", "{name} {{ name }}", ["name"], syntax="format")
    assert manager.render("hello", {"name": "Ada"}) == "Ada { name }"


def test_a_ledger_that_can_not_be_read_hides_no_prompt(tmp_path: Path) -> None:
    """The score is missing then, nothing else."""
    (tmp_path / "ledger.db").write_text("no database")
    manager = PromptManager(Library(tmp_path / "prompts"), Ledger(tmp_path / "ledger.db"))
    assert manager.get_template("extraction_v1", 1).performance_score is None
