"""A decision as plain data and as a tree: what was chosen, by which rule, why nothing else, and what it still lacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestra.routing.purse import BUDGET
from orchestra.trace import choice_dict

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree as Drawing

    from orchestra.api import MultiModelAPI
    from orchestra.model_config import ModelConfig
    from orchestra.tree import Tree
    from orchestra.types import Choice


def decisions(api: MultiModelAPI, asked: dict[str, Any], live: bool) -> list[Choice]:
    """The choice, and after it those that the chosen policies make in their turn."""
    from orchestra.routing import route_of

    choices = [api.explain_sync(live=live, **asked)]
    policies = api.tree.policies
    seen = {asked["model"]}
    while (arm := choices[-1].arm) in policies and arm not in seen and route_of(policies[arm]) is not None:
        seen.add(arm)
        choices.append(api.explain_sync(live=live, **{**asked, "model": arm}))
    return choices


def as_data(choices: list[Choice], tree: Tree) -> dict[str, Any]:
    """The decision as plain data: `chosen` is asked in the end, `within` are the decisions of policies on the way."""
    first, *inner = choices
    return {
        **choice_dict(first),
        "chosen": choices[-1].arm,
        "refused": _refused(choices[-1]),
        "plan": list(_plan(choices[-1], tree)),
        "candidates": [_candidate(name, tree) for name in choices[-1].chain],
        "within": [choice_dict(choice) for choice in inner],
    }


def drawn(choices: list[Choice], tree: Tree) -> Drawing:
    """The decision as a tree."""
    from rich.text import Text
    from rich.tree import Tree as Drawing

    headline = Text(_headline(choices[0]))
    if refused := _refused(choices[-1]):
        headline = Text.assemble((f"a call would be refused: {refused}", "yellow"), "\n", headline)
    top = place = Drawing(headline)
    for n, choice in enumerate(choices):
        place = place.add(_headline(choice)) if n else place
        if choice is choices[-1]:
            for lack in _lacks(choice.arm, tree):
                place.add(Text(lack, style="yellow"))
            for step in _plan(choice, tree):
                place.add(Text(step))
        for line in _reckoned(choice):
            place.add(line)
    if signed := choices[0].record.get("hash"):
        first = choices[0].record
        top.add(Text(f"policy {first['policy']!r}, version {first['version']}, hash {signed}", style="dim"))
    if behind := choices[-1].chain[1:]:
        place = place.add("if it fails")
        for name in behind:
            lacks = "; ".join(_lacks(name, tree))
            place.add(Text.assemble(name, (f"  {lacks}", "yellow") if lacks else ""))
    return top


def model_of(name: str, tree: Tree) -> ModelConfig | None:
    """The model of that name; `None` for a policy, or for a part of one that has no name of its own."""
    return None if name in tree.policies else tree.names.find(name)


def _candidate(name: str, tree: Tree) -> dict[str, Any]:
    model = model_of(name, tree)
    if model is None:
        return {"name": name}
    return {
        "name": name,
        "model": model.model,
        "provider": model.provider,
        "missing_key": model.missing_key,
        "retired_on": model.card.retired_on,
        "successor": model.card.successor,
    }


def _lacks(name: str, tree: Tree) -> Iterator[str]:
    """What will keep a model from answering, or from answering itself."""
    model = model_of(name, tree)
    if model is None:
        return
    if why_not := model.unready():
        yield why_not
    if model.card.retired(datetime.fromtimestamp(tree.runtime.wall(), UTC).date()):
        instead = f"; its successor is {model.card.successor}" if model.card.successor else ""
        yield f"retired on {model.card.retired_on}{instead}"


def _reckoned(choice: Choice) -> Iterator[Text]:
    """What a decision was made from, and whom it passed over."""
    from rich.text import Text

    from orchestra.cli.figures import measures

    if choice.features:
        yield Text("saw " + ", ".join(n if v is True else f"{n} {v}" for n, v in choice.features.items()))
    for name, measure in choice.record.get("measured", {}).items():
        yield Text(f"measured {name}: {measures(measure)}")
    for name, reason in choice.passed_over:
        if name != choice.arm:
            yield Text(f"not {name}: {reason}", style="dim")


def _plan(choice: Choice, tree: Tree) -> Iterator[str]:
    """The steps of what is chosen, where it is an ensemble."""
    from orchestra.cli.plan import plan
    from orchestra.settings.flat import policies

    return plan(policies(tree.file).get(choice.arm))


def _refused(choice: Choice) -> str | None:
    """Why a call would be refused: the budgets have no room for any model of the chain; `None` when they have."""
    reasons = dict(choice.passed_over)
    short = choice.chain and all(reasons.get(name, "").startswith(BUDGET) for name in choice.chain)
    return reasons[choice.arm] if short else None


def _headline(choice: Choice) -> str:
    last = dict(choice.passed_over).get(choice.arm)
    ill = f" (nothing else is left: {last})" if last and not last.startswith(BUDGET) else ""
    return f"{choice.arm}  ← {choice.rule}: {choice.reason}{ill}"
