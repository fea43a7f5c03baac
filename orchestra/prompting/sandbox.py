"""The part of Jinja that prompts are written in: plain data in, text out, and an end to how much of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import StrictUndefined, Template, Undefined, nodes, pass_context
from jinja2.exceptions import TemplateRuntimeError
from jinja2.ext import Extension
from jinja2.filters import FILTERS
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST = 10_000_000
"""Characters that one rendering may write or work through."""
STEP = 10
"""What a step of a loop, or a part of a list, counts as in characters."""
BITS = 4096
"""Bits of the largest number that a template may reckon out."""
INDENT = 16

ROLES = ("system", "user", "assistant")
MARKS = {role: f"_turn_{role}" for role in (*ROLES, "end")}
"""The variables that mark where turns begin and end; no template can name them."""
STATE = "#rendering"
"""Where a rendering keeps its state in Jinja's context: a name that no template can write."""
CHARGED = "#charged"
JOINED = "#joined"
PRINTED = "#printed"

SAFE_FILTERS = (
    *("abs", "batch", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "indent", "int"),
    *("items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace"),
    *("reverse", "round", "select", "selectattr", "slice", "sort", "string", "sum", "title", "trim", "truncate"),
    *("unique", "upper", "wordcount"),
)
GROWTH: dict[str, Callable[..., int]] = {
    "batch": lambda count, fill_with=None: count,
    "indent": lambda width=4, first=False, blank=False: size(width) if isinstance(width, str) else width,
    "join": lambda d="", attribute=None: size(d),
    "replace": lambda old, new, count=None: -(-size(new) // max(1, size(old))),
    "round": lambda precision=0, method="common": precision,
    "slice": lambda count, fill_with=None: count,
    "sum": lambda attribute=None: 1,
}
"""How many times larger than what it is given the result of a filter can be, by the filter's other arguments."""


class Rendering:
    """One rendering under way: its images, and how much may still be written.

    `secret` is in every mark of a turn and of an image: nobody can guess it, so no variable can forge one.
    """

    __slots__ = ("images", "left", "secret")

    def __init__(self, weight: int, secret: str) -> None:
        self.left = MOST - weight
        self.secret = secret
        self.images: dict[str, Any] = {}

    def spend(self, amount: int) -> None:
        """Count what is written or worked through; raises when it is more than there may be."""
        self.left -= amount
        if self.left < 0:
            raise TemplateRuntimeError(f"it comes to more than {MOST:,} characters")

    def image(self, source: Any) -> str:
        """The mark that stands for an image in the text."""
        mark = f"\x00{self.secret}#{len(self.images)}\x00"
        self.images[mark] = source
        return mark


def size(value: Any, most: int = MOST) -> int:
    """About how many characters a value has when it is printed; counting ends beyond `most`.

    What is undefined in it raises, as it does where it is printed itself.
    """
    if type(value) is str:
        return len(value)
    total, waiting = 0, [value]
    while waiting and total <= most:
        part = waiting.pop()
        total += len(part) if isinstance(part, (str, range)) else STEP
        if isinstance(part, int):
            total += part.bit_length() // 3
        elif isinstance(part, Undefined):
            str(part)
        elif isinstance(part, dict):
            waiting += part
            waiting += part.values()
        elif isinstance(part, (list, tuple)):
            waiting += part
    return total


class Turns(Extension):
    """`{% system %}…{% endsystem %}`, `user`, `assistant`, and `{% image source %}` within a turn."""

    tags = {*ROLES, "image"}  # noqa: RUF012  # as Jinja declares it

    def parse(self, parser: Parser) -> nodes.Node:
        token = next(parser.stream)
        line = token.lineno
        if token.value == "image":
            given: list[nodes.Expr] = [nodes.ContextReference(lineno=line), parser.parse_expression()]
            return nodes.Output([self.call_method("_image", given, lineno=line)], lineno=line)
        body = parser.parse_statements((f"name:end{token.value}",), drop_needle=True)
        trimmed(body)
        begin, end = (nodes.Name(MARKS[mark], "load", lineno=line) for mark in (token.value, "end"))
        return nodes.Scope([nodes.Output([begin], lineno=line), *body, nodes.Output([end], lineno=line)], lineno=line)

    def _image(self, context: Context, source: Any) -> str:
        if isinstance(source, Undefined):
            str(source)  # raises
        mark: str = context[STATE].image(source)
        return mark


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without anything that leads out of the data, and with a price on everything that can grow.

    Only a template that `syntax.checked` has passed is compiled: what it refuses is not guarded against here again.
    """

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            extensions=(Turns,),
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,  # an expression of constants would be reckoned out before it can be counted
            finalize=_printed,
            auto_reload=False,
            cache_size=0,
        )
        self.globals = {"range": self.globals["range"]}
        self.filters = {name: _charged(FILTERS[name], GROWTH.get(name)) for name in SAFE_FILTERS}
        self.filters |= {"tojson": _charged(_tojson), CHARGED: _loop, JOINED: _join, PRINTED: _kept}
        self.partials: dict[str, Template] = {}
        self.secret = secrets.token_hex(16)
        self.marks = {name: f"\x00{self.secret}:{mark}\x00" for mark, name in MARKS.items()}

    def get_template(self, name: Any, parent: Any = None, globals: Any = None) -> Template:
        """A partial that was loaded with the template that includes it."""
        return self.partials[name]

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and not isinstance(left, (int, float)):
            raise TemplateRuntimeError("'%' is for numbers")
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            _small(left.bit_length() * abs(right))
        elif operator == "*":
            if isinstance(left, int) and isinstance(right, int):
                _small(left.bit_length() + right.bit_length())
            elif isinstance(left, int) or isinstance(right, int):
                count, value = (left, right) if isinstance(left, int) else (right, left)
                context[STATE].spend(max(0, count) * size(value))
        elif operator == "+" and not isinstance(left, (int, float)):
            context[STATE].spend(size(left) + size(right))
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # as Jinja has it
        owner = getattr(__obj, "__self__", None)
        if type(owner) is str:
            __context[STATE].spend(len(owner))
        return super().call(__context, __obj, *args, **kwargs)


def trimmed(body: list[nodes.Node]) -> None:
    """Take the blank space off the two ends of a text; that of a variable stays."""
    for end, strip in ((0, str.lstrip), (-1, str.rstrip)):
        if body and isinstance(body[end], nodes.Output):
            parts = body[end].nodes  # type: ignore[attr-defined]  # it is an Output
            if isinstance(parts[end], nodes.TemplateData):
                parts[end].data = strip(parts[end].data)


def _printed(value: Any) -> Any:
    """What is printed; the caller counts the text, but that of a list must be counted before it is made."""
    if type(value) is str or isinstance(value, Undefined):  # which says itself what is undefined
        return value
    if isinstance(value, (list, tuple, dict)):
        if size(value) > MOST:
            raise TemplateRuntimeError(f"it comes to more than {MOST:,} characters")
    elif value is not None and not isinstance(value, (bool, int, float)):
        kind = type(value).__name__
        raise TemplateRuntimeError(f"a {kind} can't be printed; '|list' or '|join' makes text of a series")
    return value


@pass_context
def _kept(context: Context, value: Any) -> Any:
    """What is printed where nobody outside sees it: in a block that is set or filtered."""
    if not isinstance(value, Undefined):
        context[STATE].spend(size(value) + 1)
    return value


@pass_context
def _loop(context: Context, values: Any, weight: int) -> Any:
    """What a loop goes over, paid for in advance: `weight` is the text that each step writes."""
    if isinstance(values, Undefined):
        return values
    if not isinstance(values, (list, tuple, dict, str, range)) and hasattr(values, "__iter__"):
        values = list(values)
    context[STATE].spend(len(values) * (weight + STEP))
    return values


@pass_context
def _join(context: Context, values: Iterable[Any]) -> str:
    """`a ~ b`."""
    parts = []
    for value in values:
        context[STATE].spend(size(value) + 1)
        parts.append(str(value))
    return "".join(parts)


def _charged(made: Callable[..., Any], growth: Callable[..., int] | None = None) -> Callable[..., Any]:
    """A filter that is paid for by the size of what it is given, or of what it can make of that."""
    passes = getattr(getattr(made, "jinja_pass_arg", None), "name", "")

    @pass_context
    def called(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        if hasattr(value, "__next__"):
            value = list(value)
        cost = 0 if isinstance(value, Undefined) else size(value)
        context[STATE].spend(cost if growth is None else cost * max(1, growth(*args, **kwargs)))
        first = {"context": context, "eval_context": context.eval_ctx, "environment": context.environment}
        return made(*([first[passes]] if passes else []), value, *args, **kwargs)

    return called


def _tojson(value: Any, indent: int | None = None) -> str:
    """JSON as it is read by people and models: nothing escaped that need not be."""
    if isinstance(value, Undefined):
        str(value)  # raises
    return json.dumps(value, ensure_ascii=False, indent=None if indent is None else min(indent, INDENT))


def _small(bits: int) -> None:
    if bits > BITS:
        raise TemplateRuntimeError(f"the number has more than {BITS} bits")
