"""The spec's prompt manager and its templates, over the library of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from orchestra.accounts import ledger_of
from orchestra.errors import LedgerError
from orchestra.ledger import Ledger
from orchestra.prompting import Library
from orchestra.prompting.formats import Syntax
from orchestra.prompting.library import Version
from orchestra.prompting.scores import Scores
from orchestra.settings.money import LedgerSpec


class PromptTemplate(BaseModel):
    """One version of a prompt.

    `template` is Jinja; `performance_score` the mean of its answers' scores for quality, `None` while there are none.
    """

    template_id: str
    name: str
    template: str
    variables: list[str]
    version: int
    created_at: datetime
    performance_score: float | None = None


class PromptManager:
    """Prompts by id and version.

    `library` is where they are (`None`: `./prompts`, beside those that ship), `ledger` where their scores are (`None`:
    where the settings of this machine say).
    """

    def __init__(self, library: Library | None = None, ledger: Ledger | None = None) -> None:
        self.library = library or Library()
        self._scores = Scores(ledger or ledger_of(LedgerSpec()))

    def register(self, template_id: str, template: str, variables: Sequence[str], syntax: Syntax = "auto") -> None:
        """Add a prompt as version 1; one that has this text already stays as it is."""
        self.library.register(template_id, template, variables, syntax)

    def get_template(self, template_id: str, version: Version = None) -> PromptTemplate:
        """A version by its number, label or digest; `None`: the one in production, else the latest."""
        template = self.library.get(template_id, version)
        score = None
        with suppress(LedgerError):  # a prompt is worth having without its score
            score = self._scores.of(template.name, template.version)
        return PromptTemplate(
            template_id=template_id,
            name=template.name,
            template=template.body,
            variables=list(template.variables),
            version=template.version,
            created_at=self.library.created_at(template_id, template.version),
            performance_score=None if score is None else score.mean,
        )

    def render(self, template_id: str, variables: Mapping[str, Any], version: Version = None) -> str:
        """The text of a prompt for these variables."""
        return self.library.render(template_id, variables, version)

    def create_version(self, template_id: str, new_template: str, syntax: Syntax = "auto") -> int:
        """Make the next version, and return its number."""
        return self.library.create_version(template_id, new_template, syntax)
