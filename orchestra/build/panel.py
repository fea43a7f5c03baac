"""The members of an ensemble that names none: a diverse panel, picked for each request, within the budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestra.build.builder import Builder
from orchestra.build.standins import FAST, with_role
from orchestra.ensemble.family import family
from orchestra.errors import BudgetExceeded, NoModelAvailable
from orchestra.names import LOCAL
from orchestra.routing import Arm, Facts, facts_of
from orchestra.settings.base import Spec
from orchestra.settings.file import KeyPath
from orchestra.settings.nodes import NameSpec
from orchestra.types import Model, Priority, Request, Response

MEMBERS = 3
ROLES: dict[Priority, tuple[str, ...]] = {
    "high": ("default", "fast", "cheap"),
    "normal": ("fast", "cheap"),
    "speed": ("fast", "cheap"),
    "budget": ("cheap",),
}
"""The roles that a panel is taken from: the first that the budget has room for."""

Panel = tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Panelled:
    """Ask the ensemble of `spec` with the first of `panels` that the budget has room for; the best comes first.

    Raises `NoModelAvailable` where there are not two members to ask, and the last refusal where no panel fits.
    """

    spec: Spec
    panels: Callable[[Request], Iterator[Panel]] = field(repr=False, compare=False)
    made: Callable[[Panel], Model] = field(repr=False, compare=False)

    async def __call__(self, request: Request) -> Response:
        refused: BudgetExceeded | None = None
        for panel in self.panels(request):
            begun = len(request.journal)
            try:
                return await self.made(panel)(request)
            except BudgetExceeded as full:
                if len(request.journal) > begun:
                    raise
                refused = full
        assert refused is not None
        raise refused


@dataclass(frozen=True, slots=True)
class Panels:
    """The panels that can serve a request here and now: of different families, as far as there are."""

    builder: Builder

    def __call__(self, request: Request) -> Iterator[Panel]:
        facts = facts_of(request)
        seen: set[tuple[str, ...]] = set()
        for role in ROLES[request.priority]:
            panel = tuple(self._panel(role, facts))
            names = tuple(arm.name for arm in panel)
            if len(panel) > 1 and names not in seen:
                seen.add(names)
                yield panel
        if not seen:
            keys = sorted({variable for arm in with_role(self.builder, "fast", FAST[:4]) for variable in _missing(arm)})
            raise NoModelAvailable(
                f"an ensemble needs two models that can serve it; set {' or '.join(keys)}, or name them"
            )

    def _panel(self, role: str, facts: Facts) -> list[Arm]:
        """The first members of different families, then others of the same providers."""
        arms: dict[str, Arm] = {}
        for wanted in dict.fromkeys((role, "fast", "default", "reasoning")):
            for arm in with_role(self.builder, wanted, FAST):
                if arm.unready() is None and arm.unable(facts) is None and arm.members[0].provider != LOCAL:
                    arms.setdefault(arm.members[0].model, arm)
        first: dict[str, Arm] = {}
        for arm in arms.values():
            first.setdefault(family(arm.members[0]), arm)
        rest = [arm for arm in arms.values() if arm not in first.values()]
        return [*first.values(), *rest][:MEMBERS]


def panelled(builder: Builder, spec: Any, name: str, path: KeyPath) -> Arm:
    """The node of an ensemble whose `models` are empty: with a panel in their place."""

    def made(panel: Panel) -> Model:
        names = tuple(NameSpec(name=arm.name) for arm in panel)
        arm = builder.node(spec.model_copy(update={"models": names}), name, path)
        assert arm is not None
        return arm.model

    for word in ("judge", "arbiter", "aggregator", "otherwise"):  # what is wrong with them is found before a request
        part = getattr(spec, word, None)
        if part is not None and not isinstance(part, str):
            builder.node(part, f"{name}.{word}", (*path, word))
    return Arm(name, Panelled(spec, Panels(builder), made), ())


def _missing(arm: Arm) -> Iterator[str]:
    return (variable for member in arm.members if (variable := member.missing_key))
