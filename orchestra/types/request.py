"""What travels down the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from orchestra.types.attempt import Attempt, Budgets, Unlimited
from orchestra.types.words import Call, Message, Priority, new_id, nothing

if TYPE_CHECKING:
    from orchestra.types import OnMember
    from orchestra.types.response import Failure, Response


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer; `raw` is LiteLLM's own chunk."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[Any, ...] = ()
    finish_reason: str | None = None
    raw: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Access:
    """A caller's own key and address; they go to models of `provider` and to nobody else."""

    provider: str
    api_key: str | None = field(default=None, repr=False)
    api_base: str | None = None


class Sink(Protocol):
    """Where a leaf pushes chunks as they come."""

    @property
    def started(self) -> bool:
        """A chunk was pushed: from here on no other model can take over unseen."""
        ...

    async def push(self, chunk: Chunk) -> None:
        """Hand a chunk to the reader; waits while the reader is behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked. It travels down the tree and is never changed, only `replace()`d.

    `messages` and `params` are LiteLLM's own, untouched. `deadline` is on the clock of `time.monotonic`, `None` for
    no end. `journal` is the one thing that is written to: every leaf appends an `Attempt`, on every exit.
    """

    messages: tuple[Message, ...] = ()
    model: str | None = None
    """The model or policy that was asked for; `None`: the policy `default`."""
    params: Mapping[str, Any] = field(default_factory=nothing)
    call: Call = "chat"
    task_type: str | None = None
    priority: Priority = "normal"
    tags: Mapping[str, str] = field(default_factory=nothing)
    labels: Mapping[str, str] = field(default_factory=nothing)
    """What else its calls belong to: `prompt`, `prompt_version`, `experiment`, `arm`."""
    preferred_model: str | None = None
    input_tokens: int | None = None
    id: str = field(default_factory=new_id)
    path: tuple[str, ...] = ()
    retry: int = 0
    retries: int | None = None
    """How many retries the caller allows this request over all models; `None`: as the settings say."""
    alternatives: int = 0
    """How many other models can still be asked if this one fails."""
    sample: int = 0
    """Which of several answers to the same request this is."""
    deadline: float | None = None
    budgets: Budgets = field(default=Unlimited(), repr=False, compare=False)
    sink: Sink | None = field(default=None, repr=False, compare=False)
    journal: list[Attempt] = field(default_factory=list, repr=False, compare=False)
    on_member: OnMember | None = field(default=None, repr=False, compare=False)
    """Told what became of each member of an ensemble, as it comes."""
    access: Access | None = field(default=None, repr=False)
    tentative: bool = False
    """Another may answer in its place: a score of the request may not be of what comes of this."""
    reported: bool = False
    """LiteLLM's callbacks hear of the whole request from another call, and of its own calls nothing."""

    def tell(self, name: str, outcome: Response | Failure) -> None:
        """Say what became of a member, to whoever asked to be told."""
        if self.on_member is not None:
            self.on_member((*self.path, name), outcome)

    def at(self, name: str) -> Self:
        """The same request one step further down the tree."""
        return replace(self, path=(*self.path, name))

    @property
    def started(self) -> bool:
        """A part of the answer has already reached the reader of the stream."""
        return self.sink is not None and self.sink.started
