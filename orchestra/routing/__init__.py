"""Which model answers: facts of the request, rules over them, and the route that follows."""

from orchestra.routing.arm import Arm
from orchestra.routing.facts import Facts, facts_of
from orchestra.routing.reader import Reader
from orchestra.routing.route import Route, route_of
from orchestra.routing.rules import Rule, Rules
from orchestra.routing.split import Split

__all__ = ["Arm", "Facts", "Reader", "Route", "Rule", "Rules", "Split", "facts_of", "route_of"]
