"""The node that renders a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from orchestra.settings.base import Spec

if TYPE_CHECKING:
    from orchestra.settings.nodes import NodeSpec


class PromptedSpec(Spec):
    """Render a prompt of the library, and ask."""

    kind: Literal["prompted"] = "prompted"
    prompt: str
    version: int | str | None = None
    """A number, a label or how its digest begins; unset: the one in production, else the latest."""
    model: NodeSpec
    variables: dict[str, Any] = Field(default_factory=dict)
    """Those with a fixed value; the others come with the request."""
    input: str | None = None
    """The variable that the text of the caller's last message becomes."""
