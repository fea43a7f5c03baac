"""What kind of task a request is, asked of a model."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from orchestra.errors import BudgetExceeded, ModelError, NoModelAvailable
from orchestra.prompting import Library
from orchestra.routing.text import said
from orchestra.types import Model, Request

PROMPT = "classify"
READ = 2_000
"""Characters of the request that are shown."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Ask `model` for one of `tasks`, with the prompt `classify`; booked like any call of the request.

    An answer that names none, or a model that fails, can't be asked or can't be paid for, tells nothing: the request
    goes on without a task.
    """

    model: Model
    library: Library = field(repr=False, compare=False)
    tasks: tuple[str, ...]

    async def __call__(self, request: Request) -> str | None:
        template = self.library.get(PROMPT)
        asking = replace(
            request.at("classifier"),
            messages=template.messages({"tasks": self.tasks, "text": said(request)[:READ]}),
            params=dict(template.head.params),
            preferred_model=None,
            task_type=template.head.task_type,
            labels={**request.labels, **template.labels},
            input_tokens=None,
            sink=None,
        )
        try:
            answer = (await self.model(asking)).text.casefold()
        except (ModelError, NoModelAvailable, BudgetExceeded):
            return None
        named = {task for task in self.tasks if re.search(rf"\b{re.escape(task)}\b", answer)}
        return named.pop() if len(named) == 1 else None
