"""Which model answers: facts of the request, rules over them, and the route that follows."""

from orchestra.routing.arm import Arm
from orchestra.routing.facts import Facts, facts_of
from orchestra.routing.route import Route
from orchestra.routing.rules import Rule, Rules
from orchestra.routing.split import Split

__all__ = ["Arm", "Facts", "Route", "Rule", "Rules", "Split", "facts_of"]
