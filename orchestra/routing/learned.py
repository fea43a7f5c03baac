"""The strategy `learned`: the arm that is worth most for a text like this, by what was trained on scored ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestra.routing.arm import Arm, cheapest
from orchestra.routing.choose import Measures
from orchestra.routing.facts import Facts
from orchestra.routing.strategies import PRICED, Place
from orchestra.routing.trained import Trained

UNTRAINED = "nothing is trained yet, so the strongest: 'orchestra learn' trains it"


@dataclass(frozen=True, slots=True)
class Learned:
    """Order the arms by what each is worth; a tie goes to the cheaper.

    Without `trained`, or with `observe`, the strongest is asked, and the reason says what would have been chosen.
    """

    arms: tuple[str, ...]
    trained: Trained | None = field(default=None, repr=False)
    observe: bool = False
    name: str = "learned"

    def measure(self, arms: Sequence[Arm], facts: Facts) -> Measures:
        qualities = self.trained.qualities(facts.traits) if self.trained else {}
        measured = {}
        for arm in arms:
            cost = cheapest(arm.members, facts)
            found = {} if cost is None else {PRICED: float(cost)}
            if arm.name in qualities:
                found["quality"] = qualities[arm.name]
            measured[arm.name] = found
        return measured

    def rank(self, measured: Measures, facts: Facts) -> Mapping[str, Place]:
        trained, strongest = self.trained, {arm: -n for n, arm in enumerate(self.arms)}
        if trained is None:
            return {name: Place((strongest[name],), UNTRAINED) for name in measured}
        worth = {name: trained.worth(name, m["quality"]) for name, m in measured.items()}
        said = {name: f"quality about {measured[name]['quality']:.2f}, worth {worth[name]:.3f}" for name in worth}
        if self.observe:
            best = max(self.arms, key=lambda name: worth.get(name, float("-inf")))
            return {
                name: Place((strongest[name],), f"observing: {best} would be chosen ({said[best]})") for name in worth
            }
        return {name: Place((-worth[name], -strongest[name]), said[name]) for name in worth}
