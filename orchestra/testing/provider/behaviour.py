"""What the stand-in is told to do: answers, faults, and the rules that say which call gets which."""

import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, Self, TypeAlias

from orchestra.testing.provider.call import Call, Operation

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True)
class ToolCall:
    """A call of one tool; `arguments=None` makes arguments up that fit the tool's schema."""

    name: str
    arguments: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Citation:
    """A source, and the characters `start` to `end` of the answer that rest on it."""

    url: str
    title: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Answer:
    """A successful answer. What is left out is made up from the request, the same every time.

    `text=None` stands for `echo: <question>`, for JSON that fits the schema asked for, or for no text at all beside
    `tool_calls` (or where the request demands a tool call, which is then made). `text=""` is an answer with no content.
    A token is one word; `output_tokens` includes reasoning, `input_tokens` includes what was cached. Text longer than
    the request's `max_tokens` is cut there, unless `output_tokens` is given.
    """

    text: str | None = None
    tool_calls: Sequence[ToolCall] = ()
    reasoning: str = ""
    citations: Sequence[Citation] = ()
    finish_reason: FinishReason | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    report_usage: bool = True
    delay_s: float = 0.0
    """Seconds before the first byte."""
    chunk_delay_s: float = 0.0
    """Seconds before each chunk of a stream."""


class Fault(Enum):
    """A way to fail. The first nine are HTTP errors in the provider's own words; nothing is billed for them.

    All others spoil an answer that the model has generated. A stream is billed as far as it went, a plain answer whole
    (but an ERROR_IN_200 stands in the place of an answer, and costs nothing).
    """

    CONTEXT_WINDOW = "the prompt is longer than the model's context"
    CONTENT_POLICY = "the prompt breaks the content policy"
    BAD_REQUEST = "the request is invalid"
    UNAUTHORIZED = "the key is missing or wrong"
    FORBIDDEN = "the key may not use this model"
    NOT_FOUND = "there is no such model"
    RATE_LIMITED = "too many requests"
    SERVER_ERROR = "the server failed"
    UNAVAILABLE = "the server is overloaded"

    HANG = "nothing more comes, and the connection stays open"
    DROP = "the connection is closed"
    CUT = "the stream ends in good order, without a finish reason; a plain body ends half way"
    ERROR_IN_200 = "an error object comes after the status 200"
    MALFORMED_JSON = "the body is not JSON"
    HTML = "the body is a gateway's HTML page"
    EMPTY_BODY = "the body is empty"
    NO_CHOICES = "the answer has no choices"
    NO_CONTENT = "the answer has a choice with no content"
    NO_USAGE = "the answer does not say how many tokens it took"


STATUS: Mapping[Fault, int] = {
    Fault.CONTEXT_WINDOW: 400,
    Fault.CONTENT_POLICY: 400,
    Fault.BAD_REQUEST: 400,
    Fault.UNAUTHORIZED: 401,
    Fault.FORBIDDEN: 403,
    Fault.NOT_FOUND: 404,
    Fault.RATE_LIMITED: 429,
    Fault.SERVER_ERROR: 500,
    Fault.UNAVAILABLE: 503,
}
"""The HTTP status of each fault that is an HTTP error."""


@dataclass(frozen=True)
class Failure:
    """A fault, with its particulars.

    `after_chunks` makes a fault of a stream strike after so many chunks of content (at the latest before the stream's
    end); None means at once: HANG and DROP before the headers, CUT and ERROR_IN_200 before the first chunk.
    `answer` is what the model had generated.
    """

    fault: Fault
    after_chunks: int | None = None
    retry_after_s: float | None = None
    message: str | None = None
    answer: Answer = Answer()


@dataclass(frozen=True)
class Raw:
    """Bytes to send as they are: a redirect, a proxy's page, a format of your own. Nothing is billed."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Reply: TypeAlias = str | Answer | Failure | Fault | Raw
"""A string is the text of an answer, a fault a failure without particulars."""
Behaviour: TypeAlias = Reply | Callable[[Call], Reply | Awaitable[Reply]]
"""A reply, or a function (plain or async, run on the stand-in's own loop) that gives one for a call."""


class Rule:
    """What happens to the calls that match: first what is queued, each once, then what holds for good."""

    def __init__(
        self, provider: str | None = None, model: str | None = None, operation: Operation | None = None
    ) -> None:
        self._provider, self._model, self._operation = provider, model, operation
        self._queue: deque[Behaviour] = deque()
        self._always: Behaviour | None = None

    def reply(self, *behaviours: Behaviour) -> Self:
        """Answer the next calls with these, one each."""
        self._queue.extend(behaviours)
        return self

    def fail(
        self,
        fault: Fault,
        *,
        times: int = 1,
        after_chunks: int | None = None,
        retry_after_s: float | None = None,
        message: str | None = None,
        answer: Answer | None = None,
    ) -> Self:
        """Fail the next `times` calls; the particulars are those of `Failure`."""
        failure = Failure(fault, after_chunks, retry_after_s, message, answer or Answer())
        return self.reply(*[failure] * times)

    def always(self, behaviour: Behaviour) -> Self:
        """Do this with every call once the queue is empty."""
        self._always = behaviour
        return self

    def matches(self, call: Call) -> bool:
        """Whether this rule covers the call."""
        return (
            self._provider in (None, call.provider)
            and self._model in (None, call.model, f"{call.provider}/{call.model}")
            and self._operation in (None, call.operation)
        )

    def take(self) -> Behaviour | None:
        """The next behaviour, or None if this rule has nothing to say."""
        return self._queue.popleft() if self._queue else self._always


class Script(Rule):
    """The rule for all calls, and rules for some, of which the most particular comes first. Safe across threads.

    A call for which no rule has anything to say gets the default `Answer()`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rules: dict[tuple[str | None, str | None, Operation | None], Rule] = {(None, None, None): self}
        self._lock = threading.Lock()

    def on(self, provider: str | None = None, *, model: str | None = None, operation: Operation | None = None) -> Rule:
        """The rule for calls of this provider, model (bare, or as LiteLLM names it) and operation; None means any."""
        with self._lock:
            return self._rules.setdefault((provider, model, operation), Rule(provider, model, operation))

    def forget(self) -> None:
        """Drop every rule: each call gets the default `Answer()` again."""
        with self._lock:
            self._queue.clear()
            self._always = None
            self._rules = {(None, None, None): self}

    def decide(self, call: Call) -> Behaviour:
        """Take what the rules have for this call."""
        with self._lock:
            for key in sorted(self._rules, key=lambda key: key.count(None)):
                rule = self._rules[key]
                if rule.matches(call) and (behaviour := rule.take()) is not None:
                    return behaviour
        return Answer()
