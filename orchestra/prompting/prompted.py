"""Render a prompt into a request, and pass it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra.errors import PromptError
from orchestra.prompting.library import Library, Version
from orchestra.prompting.template import Template
from orchestra.types import NOTHING, Message, Model, Request, Response

VARIABLES = "prompt_variables"
"""LiteLLM's word for the variables that go with a request."""


def rendered(request: Request, template: Template, variables: Mapping[str, Any]) -> Request:
    """The request with the messages of a prompt before its own, booked under the prompt's labels.

    The front matter's task type, parameters and schema count where the request has none. Raises `PromptError`.
    """
    head = template.head
    params = {**head.params, **request.params}
    params.pop(VARIABLES, None)
    if head.output is not None:
        schema = {"name": template.name, "schema": head.output}
        params.setdefault("response_format", {"type": "json_schema", "json_schema": schema})
    return replace(
        request,
        messages=(*template.messages(variables), *request.messages),
        params=params,
        task_type=request.task_type or head.task_type,
        labels={**request.labels, **template.labels},
    )


@dataclass(frozen=True, slots=True)
class Prompted:
    """Render a prompt of the library and ask `model`.

    `variables` are fixed; the request's own are those of `generate(variables=…)`, or `prompt_variables` of LiteLLM.
    With `input`, the text of the caller's last message becomes the variable of that name, and its earlier messages
    come after the prompt's system message; else the prompt comes before what the caller says. Raises `PromptError`
    before anything is asked. A cache belongs inside: one around it would not see that another version was promoted.
    """

    model: Model
    library: Library = field(repr=False, compare=False)
    prompt: str
    version: Version = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    input: str | None = None

    async def __call__(self, request: Request) -> Response:
        template = self.library.get(self.prompt, self.version)
        given = {**self.variables, **request.params.get(VARIABLES, NOTHING)}
        if self.input is None:
            return await self.model(rendered(request, template, given))
        *earlier, last = request.messages or ({},)
        made = rendered(replace(request, messages=()), template, {**given, self.input: self._text(last)})
        begin = next((n for n, message in enumerate(made.messages) if message["role"] != "system"), 0)
        return await self.model(replace(made, messages=(*made.messages[:begin], *earlier, *made.messages[begin:])))

    def _text(self, message: Message) -> str:
        text = message.get("content")
        if not isinstance(text, str):
            raise PromptError(f"the last message is no text, so it can't be {self.input!r}", template=self.prompt)
        return text
