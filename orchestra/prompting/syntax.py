"""What a template says, from its syntax tree: its variables, turns and partials; and what it may not say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from jinja2 import meta, nodes

from orchestra.prompting.sandbox import CHARGED, JOINED, MARKS, MOST, PRINTED, Sandbox, trimmed

LOOPS = 4
"""How deep loops may be in each other."""
NESTING = 12
"""How deep statements may be in each other."""

METHODS = (
    *("capitalize", "changed", "count", "cycle", "endswith", "find", "get", "index", "isdigit", "items", "keys"),
    *("lower", "lstrip", "partition", "removeprefix", "removesuffix", "rsplit", "rstrip", "split", "splitlines"),
    *("startswith", "strip", "title", "upper", "values"),
)
"""What of a text, a list, a dict or a loop may be called."""
TURN = nodes.Scope
"""What a turn is parsed to: Jinja's own syntax has no such node."""
BLOCK = "a block that is set or filtered"
INSTEAD = "there are if, for, set, with, filter, include, and the turns system, user and assistant"


class SyntaxFault(Exception):
    """A template says what it may not say, at `line`."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class Syntax:
    """What was found in a template.

    `variables` are those it needs from outside, each with the line that first uses it; `weight` is the text outside
    of loops, in characters; `turns` is the first line with a turn, `loose` the first with text outside of one.
    """

    tree: nodes.Template
    variables: dict[str, int] = field(default_factory=dict)
    weight: int = 0
    turns: int | None = None
    loose: int | None = None


Load = Callable[[str, int], Syntax]
"""Gives a partial by its address; the line is where it is included."""


def checked(sandbox: Sandbox, source: str, load: Load) -> Syntax:
    """The syntax of a template, ready to be compiled; raises `SyntaxFault`, and what Jinja's parser raises."""
    tree = sandbox.parse(source)
    trimmed(tree.body)
    found = Syntax(tree)
    needed = meta.find_undeclared_variables(tree) - sandbox.globals.keys() - {*MARKS.values()}
    names = list(tree.find_all(nodes.Name))
    for name in names:
        if name.ctx == "load" and name.name in needed:
            found.variables.setdefault(name.name, name.lineno)
    assigned = {name.name for name in names if name.ctx != "load"}
    found.weight = _Reader(sandbox, found, load, assigned).statements(tree.body, Place())
    if found.turns is not None and found.loose is not None:
        raise SyntaxFault(found.loose, "text outside of the turns; put it into system, user or assistant")
    if found.weight > MOST:
        raise SyntaxFault(1, f"it has more than {MOST:,} characters")
    return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement stands: how deep, in how many loops, in a turn, in a block that is set or filtered."""

    depth: int = 0
    loops: int = 0
    turn: bool = False
    block: bool = False


class _Reader:
    """Goes through a tree once: refuses, notes, and puts a price on what can grow."""

    def __init__(self, sandbox: Sandbox, found: Syntax, load: Load, assigned: set[str]) -> None:
        self.sandbox = sandbox
        self.found = found
        self.load = load
        self.assigned = assigned

    def statements(self, body: Sequence[nodes.Node], place: Place) -> int:
        """The characters that `body` writes outside of loops."""
        for node in body:
            if place.depth == NESTING or place.loops > LOOPS:
                most = f"{LOOPS} loops" if place.loops > LOOPS else f"{NESTING} statements"
                raise SyntaxFault(node.lineno, f"more than {most} in each other")
        within = replace(place, depth=place.depth + 1)
        return sum((self._turn if isinstance(node, TURN) else self._statement)(node, within) for node in body)

    def _statement(self, node: nodes.Node, place: Place) -> int:
        for expression in _expressions(node):
            self._expression(expression)
        match node:
            case nodes.Output():
                return self._output(node, place)
            case nodes.For():
                return self._loop(node, place)
            case nodes.If():
                return sum(self.statements(part, place) for part in (node.body, node.elif_, node.else_))
            case nodes.With():
                return self.statements(node.body, place)
            case nodes.FilterBlock() | nodes.AssignBlock():
                kept = isinstance(node, nodes.AssignBlock)
                return self.statements(node.body, replace(place, block=True, turn=kept or place.turn))
            case nodes.Include():
                return self._include(node, place)
            case nodes.Assign():
                return 0
            case _:
                word = type(node).__name__.lower().removeprefix("from")
                raise SyntaxFault(node.lineno, f"templates have no {word!r} here; {INSTEAD}")

    def _output(self, node: nodes.Output, place: Place) -> int:
        texts = [part.data for part in node.nodes if isinstance(part, nodes.TemplateData)]
        if not place.turn and (len(texts) < len(node.nodes) or any(text.strip() for text in texts)):
            self.found.loose = self.found.loose or node.lineno
        if place.block:
            if any(
                isinstance(part, nodes.Call) and isinstance(part.node, nodes.ExtensionAttribute) for part in node.nodes
            ):
                raise SyntaxFault(node.lineno, f"an image can't stand in {BLOCK}")
            node.nodes = [
                part if isinstance(part, nodes.TemplateData) else self._filter(part, PRINTED) for part in node.nodes
            ]
        return sum(map(len, texts))

    def _loop(self, node: nodes.For, place: Place) -> int:
        """A loop pays, each time that it begins, for all the text that its steps will write."""
        if node.recursive:
            raise SyntaxFault(node.lineno, "a loop can't be recursive")
        each = self.statements(node.body, replace(place, loops=place.loops + 1))
        node.iter = self._filter(node.iter, CHARGED, nodes.Const(each))
        return self.statements(node.else_, place)

    def _turn(self, node: nodes.Node, place: Place) -> int:
        assert isinstance(node, TURN)
        self._turns(node.lineno, place)
        return self.statements(node.body[1:-1], replace(place, turn=True))

    def _turns(self, line: int, place: Place) -> None:
        if place.turn or place.block:
            raise SyntaxFault(line, f"a turn can't stand in {BLOCK if place.block else 'another'}")
        self.found.turns = self.found.turns or line

    def _include(self, node: nodes.Include, place: Place) -> int:
        if not isinstance(node.template, nodes.Const) or not isinstance(node.template.value, str):
            raise SyntaxFault(node.lineno, "a partial is included by its address: {% include 'name@1' %}")
        if node.ignore_missing or not node.with_context:
            raise SyntaxFault(node.lineno, "a partial is included as it is: {% include 'name@1' %}")
        if place.block:
            raise SyntaxFault(node.lineno, f"a partial can't stand in {BLOCK}")
        partial = self.load(node.template.value, node.lineno)
        for name in partial.variables.keys() - self.assigned:
            self.found.variables.setdefault(name, node.lineno)
        if partial.turns is not None:
            self._turns(node.lineno, place)
        elif partial.loose is not None and not place.turn:
            self.found.loose = self.found.loose or node.lineno
        return partial.weight

    def _expression(self, node: nodes.Node) -> None:
        for child in node.iter_child_nodes():
            self._expression(child)
        match node:
            case nodes.Name() if node.name in MARKS.values():
                raise SyntaxFault(node.lineno, f"{node.name!r} is a name of ours")
            case nodes.Getattr() if node.attr.startswith("_"):
                raise SyntaxFault(node.lineno, f"{node.attr!r} can't be read: only data goes into a template")
            case nodes.Call():
                called = node.node
                own = isinstance(called, nodes.ExtensionAttribute)
                known = isinstance(called, nodes.Getattr) and called.attr in METHODS
                if not (own or known or (isinstance(called, nodes.Name) and called.name == "range")):
                    said = f"{_spoken(called)} can't be called; 'range', and of texts, lists and dicts: "
                    raise SyntaxFault(node.lineno, said + ", ".join(METHODS))
            case nodes.Concat():
                self._joined(node)

    def _joined(self, node: nodes.Concat) -> None:
        """`a ~ b` grows like any text, but Jinja lets nobody count it: it becomes a filter."""
        node.nodes = [self._filter(nodes.List(node.nodes, lineno=node.lineno, environment=self.sandbox), JOINED)]

    def _filter(self, value: nodes.Node, name: str, *given: nodes.Expr) -> nodes.Filter:
        for argument in given:
            argument.set_lineno(value.lineno).set_environment(self.sandbox)
        return nodes.Filter(value, name, list(given), [], None, None, lineno=value.lineno, environment=self.sandbox)


def _expressions(statement: nodes.Node) -> list[nodes.Node]:
    """The expressions of a statement, without those of the statements in it."""
    children = statement.iter_child_nodes(exclude=("body", "else_", "elif_"))
    return [child for child in children if not isinstance(child, nodes.Stmt)]


def _spoken(node: nodes.Node) -> str:
    match node:
        case nodes.Name():
            return repr(node.name)
        case nodes.Getattr():
            return repr(f".{node.attr}")
        case _:
            return "what an expression gives"
