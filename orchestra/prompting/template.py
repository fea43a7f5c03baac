"""One version of a prompt, read and compiled: variables in, messages out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import jinja2
from jinja2.exceptions import TemplateError, TemplateSyntaxError

from orchestra.errors import PromptError
from orchestra.prompting.data import plain
from orchestra.prompting.head import Head, Variable, head_of, split
from orchestra.prompting.sandbox import ROLES, STATE, Rendering, Sandbox
from orchestra.prompting.syntax import Syntax, SyntaxFault, checked
from orchestra.types import NOTHING, Message

FAULTS = (TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What an expression of a template can fail with."""
ANY = Variable()


@dataclass(frozen=True, kw_only=True, eq=False)
class Template:
    """A version of a prompt.

    `text` is its whole file and `digest` the SHA-256 of that, `head` what the front matter says, `variables` all that
    it takes: as declared or, where none are, as used.
    """

    name: str
    version: int
    text: str = field(repr=False)
    digest: str
    head: Head = field(repr=False)
    variables: Mapping[str, Variable] = field(repr=False)
    syntax: Syntax = field(repr=False)
    sandbox: Sandbox = field(repr=False)
    compiled: jinja2.Template = field(repr=False)

    @property
    def labels(self) -> Mapping[str, str]:
        """What a call that was rendered from it is booked under."""
        return {"prompt": self.name, "prompt_version": str(self.version)}

    @property
    def body(self) -> str:
        """The text without its front matter."""
        return split(self.text)[1].strip()

    def messages(self, variables: Mapping[str, Any] = NOTHING) -> tuple[Message, ...]:
        """The messages for these variables; raises `PromptError` for one that is missing, unknown or of a wrong type.

        A text without turns is one message of the user. Turns that come to nothing are left out.
        """
        rendering = Rendering(self.syntax.weight, self.sandbox.secret)
        values = self.bound(variables)
        marks = self.sandbox.marks if self.syntax.turns is not None else NOTHING
        pieces: list[str] = []
        try:
            context = self.compiled.new_context({STATE: rendering, **marks, **values})
            for piece in self.compiled.root_render_func(context):
                pieces.append(piece)
                rendering.left -= len(piece)
                if rendering.left < 0:
                    rendering.spend(0)
        except FAULTS as error:
            raise self._fault(error) from error
        turns = self._turns("".join(pieces))
        messages = tuple({"role": role, "content": _content(said, rendering)} for role, said in turns if said.strip())
        if not messages:
            raise PromptError("it comes to nothing with these variables", template=self.name, version=self.version)
        return messages

    def render(self, variables: Mapping[str, Any] = NOTHING) -> str:
        """The same as one text, its turns apart by an empty line; raises `PromptError` where it has images too."""
        messages = self.messages(variables)
        if any(not isinstance(message["content"], str) for message in messages):
            raise PromptError("it has images, which are no text: take its messages", template=self.name)
        return "\n\n".join(message["content"] for message in messages)

    def bound(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Every variable with its value, given or default, as plain data; raises `PromptError`, with all faults."""
        values: dict[str, Any] = {}
        missing: list[str] = []
        wrong: list[tuple[str, str]] = []
        for name, variable in self.variables.items():
            if name in variables:
                try:
                    value = plain(variables[name])
                except TypeError as error:
                    wrong.append((name, f"the variable {name!r} can't go into a prompt: {error}"))
                    continue
                if variable.type != "any" and (said := variable.fault(value)):
                    wrong.append((name, f"the variable {name!r} {said}"))
                values[name] = value
            elif variable.required:
                missing.append(name)
            else:
                values[name] = variable.default
        if missing:
            wrong.append((missing[0], f"the {_variables(missing)} {'is' if len(missing) == 1 else 'are'} missing"))
        if unknown := [name for name in variables if name not in self.variables]:
            takes = ", ".join(self.variables) or "none"
            wrong.append((unknown[0], f"it takes no {_variables(unknown)}; it takes {takes}"))
        if wrong:
            raise self._refused(wrong[0][0], "; ".join(said for _, said in wrong))
        return values

    def _turns(self, text: str) -> Iterator[tuple[str, str]]:
        """The turns in a rendered text, each with its role."""
        if self.syntax.turns is None:
            yield "user", text
            return
        parts = text.split(f"\x00{self.sandbox.secret}:")
        for part in parts[1:]:
            mark, _, said = part.partition("\x00")
            if mark in ROLES:
                yield mark, said

    def _refused(self, name: str, said: str) -> PromptError:
        line = self.syntax.variables.get(name, 1)
        return PromptError(said, template=self.name, version=self.version, line=line)

    def _fault(self, error: BaseException) -> PromptError:
        """An error of rendering, with the template and the line that it comes from."""
        address, line = f"{self.name}@{self.version}", None
        for template, at in _lines(error.__traceback__):
            address, line = template.name or address, at
        name, _, version = address.partition("@")
        said = str(error) or type(error).__name__
        return PromptError(said, template=name, version=int(version), line=line)


def read(
    name: str,
    version: int,
    text: str,
    *,
    origin: str | None = None,
    sandbox: Sandbox | None = None,
    partial: Callable[[str], Template] | None = None,
) -> Template:
    """The template in a text; raises `PromptError`, and `ConfigError` for its front matter.

    `origin` is the file that mistakes are reported in, `partial` gives the templates that it includes.
    """
    sandbox = sandbox or Sandbox()
    front, body = split(text)
    head = head_of(front, origin or f"{name}@{version}")

    def load(address: str, line: int) -> Syntax:
        if partial is None:
            raise SyntaxFault(line, "there is no library to include from")
        try:
            found = partial(address)
        except PromptError as error:
            raise SyntaxFault(line, str(error)) from error
        sandbox.partials[address] = found.compiled
        return found.syntax

    with _located(name, version):
        syntax = checked(sandbox, body, load)
        code = sandbox.compile(syntax.tree, f"{name}@{version}", origin)
        variables = _agreed(head, syntax)
    return Template(
        name=name,
        version=version,
        text=text,
        digest=digest_of(text),
        head=head,
        variables=variables,
        syntax=syntax,
        sandbox=sandbox,
        compiled=jinja2.Template.from_code(sandbox, code, sandbox.globals),
    )


def digest_of(text: str) -> str:
    """What a version's text is told from any other by."""
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _located(name: str, version: int) -> Iterator[None]:
    """A mistake in a template as a `PromptError` that says where it is."""
    try:
        yield
    except SyntaxFault as fault:
        raise PromptError(str(fault), template=name, version=version, line=fault.line) from fault
    except TemplateSyntaxError as error:
        said = error.message or "no template"
        raise PromptError(said, template=name, version=version, line=error.lineno) from error
    except RecursionError as error:
        raise PromptError("its expressions are too deep in each other", template=name, version=version) from error


def _agreed(head: Head, syntax: Syntax) -> Mapping[str, Variable]:
    """The variables of a template: those it declares, which are those it uses; or those it uses."""
    if head.variables is None:
        return dict.fromkeys(syntax.variables, ANY)
    for used, line in syntax.variables.items():
        if used not in head.variables:
            raise SyntaxFault(line, f"the variable {used!r} is not declared; add it to 'variables:'")
    for unused in head.variables.keys() - syntax.variables.keys():
        raise SyntaxFault(1, f"the variable {unused!r} is declared and never used")
    return head.variables


def _variables(names: list[str]) -> str:
    return f"variable{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"


def _content(text: str, rendering: Rendering) -> str | list[dict[str, Any]]:
    """A turn's text, or its parts where images are in it."""
    if not rendering.images:
        return text
    pieces = re.split(f"(\x00{rendering.secret}#\\d+\x00)", text)
    if len(pieces) == 1:
        return text
    return [_part(piece, rendering) for piece in pieces if piece.strip()]


def _part(piece: str, rendering: Rendering) -> dict[str, Any]:
    image = rendering.images.get(piece)
    if image is None:
        return {"type": "text", "text": piece.strip()}
    return {"type": "image_url", "image_url": {"url": image} if isinstance(image, str) else image}


def _lines(traceback: TracebackType | None) -> Iterator[tuple[jinja2.Template, int]]:
    """The templates that an error went through, outermost first, with their lines."""
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            yield template, template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
