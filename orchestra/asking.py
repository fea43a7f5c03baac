"""What a caller says, as a request: checked before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from orchestra.errors import ConfigError
from orchestra.prompting import rendered
from orchestra.prompting.prompted import VARIABLES, template_of
from orchestra.routing import Arm
from orchestra.settings import APISettings
from orchestra.settings.api import TASK_TYPES
from orchestra.settings.flat import default_policy
from orchestra.tree import Tree
from orchestra.types import NOTHING, Call, Priority, Request, Response

UNSET: Any = object()
"""Not given, where `None` means something."""


SECONDS = "a number of seconds above 0, or None for no end"
TAKES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "messages": ((list, tuple), "a list of {'role': …, 'content': …}, and not empty"),
    "tags": (Mapping, "a mapping of names to texts"),
    "preferred_model": (str, "the name of a model"),
    "input_tokens": (int, "a number of tokens"),
    "deadline_s": ((int, float), SECONDS),
    "max_retries": (int, "a number of retries"),
    "num_retries": (int, "a number of retries"),
}
"""What the words of our own that are not names must be."""


def asked(
    tree: Tree, call: Call, prompt: str | None, model: str | None, options: Mapping[str, Any]
) -> tuple[Arm, Request, float | None]:
    """What is to answer, the request, and its deadline in seconds; raises `ConfigError` for what can't be meant."""
    given = dict(options)
    _refuse_other_types(model, given)
    messages = given.pop("messages", None)
    template = template_of(tree.prompts, given)
    if call == "chat" and (prompt is None) == (messages is None and template is None):
        raise ConfigError("give a prompt, prompt_id= or messages=, one of them")
    if messages is not None and not messages and template is None:
        raise ConfigError(f"messages is {TAKES['messages'][1]}")
    if prompt is not None and not isinstance(prompt, str):
        raise ConfigError("a prompt is a string, messages are a list of {'role': …, 'content': …}")
    for word in ("api_key", "api_base", "base_url"):
        if given.get(word) is not None:
            raise ConfigError(f"{word!r} belongs to a provider: name it under 'providers:' of the policy file")
    deadline_s = given.pop("deadline_s", UNSET)
    retries = [given.pop(word, None) for word in ("max_retries", "num_retries")]
    request = Request(
        messages=tuple(messages or ()) if prompt is None else ({"role": "user", "content": prompt},),
        call=call,
        task_type=_task(tree.settings, given.pop("task_type", None)),
        priority=_priority(given),
        tags=given.pop("tags", None) or {},
        preferred_model=given.pop("preferred_model", None),
        input_tokens=given.pop("input_tokens", None),
        retries=next((n for n in retries if n is not None), None),
        model=model,
        on_member=given.pop("on_member", None),
        budgets=tree.budgets(_cap(given.pop("max_cost_usd", None))),
        params={"drop_params": True, **given} if tree.settings.drop_params else given,
    )
    if template is not None:
        request = rendered(request, template, given.get(VARIABLES, NOTHING))
        model = model or template.head.model
    arm = tree.find(model or default_policy(tree.settings))
    if request.preferred_model is not None:
        tree.find(request.preferred_model)
    return arm, request, tree.settings.deadline_s if deadline_s is UNSET else deadline_s


def _refuse_other_types(model: Any, given: Mapping[str, Any]) -> None:
    """Say so before anything is sent, rather than fail on the way."""
    if model is not None and not isinstance(model, str):
        raise ConfigError(f"model is the name of a model or a policy, not {model!r}")
    for word, (types, said) in TAKES.items():
        value = given.get(word)
        if value is not None and (not isinstance(value, types) or isinstance(value, bool)):
            raise ConfigError(f"{word} is {said}, not {value!r}")
    if given.get("deadline_s") is not None and given["deadline_s"] <= 0:
        raise ConfigError(f"deadline_s is {SECONDS}, not {given['deadline_s']!r}")


def refuse_what_is_no_score(response: Any, value: Any) -> None:
    """A score is a finite number, and belongs to a response or to the id of a request."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"a score is a finite number, not {value!r}")
    if not isinstance(response, Response | str):
        raise ConfigError(f"what is scored is a response, or the id of a request, not {response!r}")


def texts_of(input: Any) -> list[str]:
    """The texts to embed."""
    if not isinstance(input, Sequence):
        raise ConfigError(f"input is a text, or a list of texts, not {input!r}")
    return list(input)


def _task(settings: APISettings, task: str | None) -> str | None:
    known = [*TASK_TYPES, *settings.task_types]
    if task is None or task in known:
        return task
    close = get_close_matches(task, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}; add yours under 'task_types:'"
    raise ConfigError(f"no task type is called {task!r}; {hint}")


def _cap(max_cost_usd: Any) -> Any:
    """A cap for one request, or `None`; raises `ConfigError` for what is no amount."""
    if max_cost_usd is None:
        return None
    try:
        amount = Decimal(repr(max_cost_usd) if isinstance(max_cost_usd, float) else max_cost_usd)
    except (ArithmeticError, TypeError, ValueError):
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise ConfigError(f"max_cost_usd is an amount in USD, not {max_cost_usd!r}")
    return amount


def _priority(given: dict[str, Any]) -> Priority:
    """The priority, in any of the spec's words for it: importance counts before the budget, the budget before speed."""
    flags: list[Priority] = []
    if given.pop("importance", None) == "high":
        flags.append("high")
    if given.pop("budget_mode", False):
        flags.append("budget")
    if given.pop("latency_critical", False):
        flags.append("speed")
    priority: Priority | None = given.pop("priority", None)
    if priority not in (None, "high", "normal", "budget", "speed"):
        raise ConfigError(f"priority is high, normal, budget or speed, not {priority!r}")
    if priority and flags and priority not in flags:
        raise ConfigError(f"priority={priority!r} contradicts the other words for it, which ask for {flags[0]!r}")
    return priority or (flags[0] if flags else "normal")
