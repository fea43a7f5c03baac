"""Render a prompt into a request, and pass it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra.errors import ConfigError, PromptError
from orchestra.prompting.library import Library, Version
from orchestra.prompting.template import Template
from orchestra.types import NOTHING, Message, Model, Request, Response

VARIABLES = "prompt_variables"
"""LiteLLM's word for the variables that go with a request."""
VERSION = ("version", "prompt_version", "prompt_label")
"""Our word for a version, and LiteLLM's two."""


def template_of(library: Library, given: dict[str, Any]) -> Template | None:
    """The prompt that options ask for with `prompt_id`, `None` without one; the words for it are taken out of `given`.

    The variables stay in it under LiteLLM's name: without a prompt they are for the prompts of a policy.
    """
    if (variables := given.pop("variables", None)) is not None:
        given[VARIABLES] = variables
    prompt_id = given.pop("prompt_id", None)
    version = next((found for word in VERSION if (found := given.pop(word, None)) is not None), None)
    if prompt_id is None and version is not None:
        raise ConfigError("version= goes with prompt_id=")
    return None if prompt_id is None else library.get(prompt_id, version)


def rendered(request: Request, template: Template, variables: Mapping[str, Any]) -> Request:
    """The request with the messages of a prompt before its own, booked under the prompt's labels.

    The front matter's task type, parameters and schema count where the request has none. Raises `PromptError`.
    """
    head = template.head
    params = {**head.params, **request.params}
    params.pop(VARIABLES, None)
    if head.output is not None:
        schema = {"name": template.name.replace(".", "_")[:64], "schema": head.output}  # as OpenAI takes names
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
        return await self.model(self.rendered(request))

    def rendered(self, request: Request) -> Request:
        """The request as `model` is asked it."""
        template = self.library.get(self.prompt, self.version)
        given = {**self.variables, **request.params.get(VARIABLES, NOTHING)}
        if self.input is None:
            return rendered(request, template, given)
        *earlier, last = request.messages or ({},)
        made = rendered(replace(request, messages=()), template, {**given, self.input: self._text(last)})
        begin = next((n for n, message in enumerate(made.messages) if message["role"] != "system"), 0)
        return replace(made, messages=(*made.messages[:begin], *earlier, *made.messages[begin:]))

    def _text(self, message: Message) -> str:
        text = message.get("content")
        if not isinstance(text, str):
            raise PromptError(f"the last message is no text, so it can't be {self.input!r}", template=self.prompt)
        return text


def as_asked(model: Model, request: Request) -> Request:
    """The request as it reaches the first decision of a tree: rendered by the prompts that are wrapped around it."""
    node: Any = model
    while callable(node) and not callable(getattr(node, "explain", None)):
        if isinstance(node, Prompted):
            request = node.rendered(request)
        node = getattr(node, "model", None)
    return request
