"""The spec's own class names, as thin faces over the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestra.build import build
from orchestra.errors import ConfigError
from orchestra.model_config import ModelConfig
from orchestra.routing import Arm, route_of
from orchestra.settings import APISettings, PolicyFile
from orchestra.settings.flat import DEFAULT
from orchestra.types import Priority, Request

IMAGE = ({"type": "image_url", "image_url": {"url": "data:"}},)
"""Stands for the images of a task."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done: its `type`, and how much hangs on it (`importance` is `high` or `normal`)."""

    type: str | None = None
    importance: str = "normal"
    prompt: str = ""


class ModelRouter:
    """Chooses a model for a task, locally, without a call and as if every key were there.

    `settings` are the spec's (`APISettings()` when not given): the rules are those of its `router`.
    """

    def __init__(self, settings: APISettings | None = None) -> None:
        self._tree = build(PolicyFile(settings or APISettings()))
        self.default_model = self.get_model(self._tree.settings.default_model or DEFAULT)

    def route(self, task: Task, context: Mapping[str, Any] | None = None) -> ModelConfig:
        """The model for a task.

        `context` may have `preferred_model`, `input_tokens`, `budget_mode`, `latency_critical`, `images`. Raises
        `NoModelAvailable` when no model can serve the task.
        """
        context = context or {}
        given = context.get("input_tokens")
        request = Request(
            messages=({"role": "user", "content": [*IMAGE, task.prompt] if context.get("images") else task.prompt},),
            task_type=task.type,
            priority=_priority(task, context),
            preferred_model=context.get("preferred_model"),
            input_tokens=None if given is None else int(given),
        )
        return self._decided(self._tree.find(DEFAULT), request)

    def route_reasoning(self, task: Task, context: Mapping[str, Any] | None = None) -> ModelConfig:
        """The model for a task of reasoning."""
        return self.route(Task("reasoning", task.importance, task.prompt), context)

    def route_extraction(self, task: Task, context: Mapping[str, Any] | None = None) -> ModelConfig:
        """The model for a task of extraction."""
        return self.route(Task("extraction", task.importance, task.prompt), context)

    def route_classification(self, task: Task, context: Mapping[str, Any] | None = None) -> ModelConfig:
        """The model for a task of classification."""
        return self.route(Task("classification", task.importance, task.prompt), context)

    def get_model(self, name: str, provider: str | None = None) -> ModelConfig:
        """The model of that name, at that provider where one is given; raises `ConfigError` when nobody knows it."""
        return self._tree.find(f"{provider}/{name}" if provider else name).members[0]

    def _decided(self, arm: Arm, request: Request) -> ModelConfig:
        route = route_of(arm)
        if route is not None:
            return self._decided(self._tree.find(route.explain(request).arm), replace(request, preferred_model=None))
        if not arm.members:
            raise ConfigError(f"policy {arm.name!r} has no model to name")
        return arm.members[0]


def _priority(task: Task, context: Mapping[str, Any]) -> Priority:
    if task.importance == "high":
        return "high"
    if context.get("budget_mode"):
        return "budget"
    return "speed" if context.get("latency_critical") else "normal"
