"""Every error that Orchestra raises, by what the caller can do about it.

OrchestraError
├── ConfigError           a file, an argument or the environment is wrong: mend it; nothing was sent
├── PromptError           a template or the variables given to it are wrong: mend them; nothing was sent
├── DeadlineExceeded      the time given to the whole request is over: give more, or ask less
├── NoModelAvailable      no candidate can serve this request: the message lists each one and why
├── BudgetExceeded        a budget has no room for the call: raise its limit, wait for its next window, or ask for less
│   ├── BudgetBusy        only calls in flight are in the way: there may be room in a moment
│   └── PriceUnknown      what the model costs is not known, so no budget can hold it: give it a price
├── LedgerError           the books can't be kept, so nothing was sent
│   ├── LedgerUnavailable the file or the server can't be read or written: the message says how to mend it
│   └── LedgerClock       this machine's clock is behind the ledger's: set the right one of the two
└── ModelError            one model was asked and did not answer
    ├── Transient         worth another try, here or elsewhere
    │   ├── RateLimited   the provider asked us to slow down (429)
    │   ├── Unavailable   the provider is failing (5xx, connection, an answer that is not one)
    │   └── TimedOut      no answer in the time of one attempt; the provider may have billed it
    ├── Refused           the provider will not serve this request as it stands (400, 413, 422)
    │   ├── TooLong       the input does not fit the context window
    │   └── Blocked       a content policy stopped it
    ├── Denied            the key is missing, wrong, or not allowed (401, 402, 403)
    ├── NotFound          the provider does not know the model (404)
    ├── Cut               a stream that broke after it began: `text` holds what came
    └── AllFailed         every candidate failed; `exceptions` holds each one's error

`except Transient` is "later", `except ModelError` is "this model", `except OrchestraError` is all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Self


class OrchestraError(Exception):
    """The root of the tree.

    `journal` holds the attempts that were made before the error left the tree, oldest first: what was spent is known
    also when nothing came of it.
    """

    journal: Sequence[Any] = ()


class ConfigError(OrchestraError):
    """A policy file, an argument or the environment is wrong; raised before anything is sent.

    `problems` has one line for each mistake; a file's mistakes come all at once.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PromptError(OrchestraError):
    """A prompt can't be found, read or rendered; raised before anything is sent.

    `template` is its name, `version` its number (`None` where no version is meant), `line` the line of its file
    (`None` where none is to blame).
    """

    def __init__(
        self, message: str, *, template: str = "", version: int | None = None, line: int | None = None
    ) -> None:
        super().__init__(message)
        self.template = template
        self.version = version
        self.line = line

    def __str__(self) -> str:
        parts = [f"prompt {self.template!r}"] if self.template else []
        parts += [f"version {self.version}"] if self.version is not None else []
        parts += [f"line {self.line}"] if self.line is not None else []
        return ": ".join(part for part in (", ".join(parts), super().__str__()) if part)


class DeadlineExceeded(OrchestraError, TimeoutError):
    """The total time of the request (`deadline_s`) is over."""


class NoModelAvailable(OrchestraError):
    """No candidate can serve the request: too small, unable, without a key, or none named."""


class BudgetExceeded(OrchestraError):
    """A budget has no room for what the call may cost; nothing was sent.

    Amounts are in USD. `scope` says whose window it is (`user=alice`, empty when there is one for all), `resets_at`
    when the next one begins, in the time zone of the budget; `None` when none does.
    """

    def __init__(
        self,
        message: str,
        *,
        budget: str = "",
        scope: str = "",
        limit_usd: Decimal = Decimal(0),
        spent_usd: Decimal = Decimal(0),
        held_usd: Decimal = Decimal(0),
        needed_usd: Decimal = Decimal(0),
        resets_at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.budget = budget
        self.scope = scope
        self.limit_usd = limit_usd
        self.spent_usd = spent_usd
        self.held_usd = held_usd
        self.needed_usd = needed_usd
        self.resets_at = resets_at


class BudgetBusy(BudgetExceeded):
    """The call would fit in what is not spent, but calls in flight hold too much of it."""


class PriceUnknown(BudgetExceeded):
    """What the call may cost is not known, and the budget refuses such calls (`on_unknown_price`)."""


class LedgerError(OrchestraError):
    """The ledger can't do what it was asked; nothing was sent, and what was acknowledged before stands."""


class LedgerUnavailable(LedgerError):
    """The ledger can't be read or written: locked, full, damaged, replaced, not allowed, or of a newer version."""


class LedgerClock(LedgerError):
    """The wall clock is more than an hour behind the newest entry: budgets would begin their day again."""


class ModelError(OrchestraError):
    """One model was asked and did not answer.

    `model` is the LiteLLM id, `provider` its provider, `status` the HTTP status (`None` when there was none),
    `retry_after_s` what the provider asked us to wait (`None` when it did not). The provider's own exception, as
    LiteLLM raised it, is `__cause__`.
    """

    def __init__(
        self,
        message: str,
        *,
        model: str = "",
        provider: str = "",
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.model = model
        self.provider = provider
        self.status = status
        self.retry_after_s = retry_after_s


class Transient(ModelError):
    """Worth another try, here or elsewhere."""


class RateLimited(Transient):
    """The provider asked us to slow down."""


class Unavailable(Transient):
    """The provider is failing, cannot be reached, or sent an answer that is no answer."""


class TimedOut(Transient):
    """No answer came in the time of one attempt; the provider may have generated, and billed, one."""


class Refused(ModelError):
    """The provider will not serve this request as it stands; asking again changes nothing."""


class TooLong(Refused):
    """The input does not fit the model's context window."""


class Blocked(Refused):
    """A content policy stopped the request or the answer."""


class Denied(ModelError):
    """The key is missing, wrong, out of credit, or not allowed to use this model."""


class NotFound(ModelError):
    """The provider does not know the model."""


class Cut(ModelError):
    """A stream broke after it had begun; `text` is what had come by then."""

    def __init__(self, message: str, *, text: str = "", **about: Any) -> None:
        super().__init__(message, **about)
        self.text = text


class AllFailed(ExceptionGroup[OrchestraError], ModelError):
    """Every candidate failed; `exceptions` holds their errors in the order in which they were tried."""

    def __new__(cls, message: str, exceptions: Sequence[OrchestraError]) -> Self:
        return super().__new__(cls, message, exceptions)

    def __init__(self, message: str, exceptions: Sequence[OrchestraError]) -> None:
        ModelError.__init__(self, message)
        waits = [e.retry_after_s for e in exceptions if isinstance(e, ModelError) and e.retry_after_s is not None]
        self.retry_after_s = min(waits, default=None)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, list(self.exceptions)), self.__dict__

    def derive(self, exceptions: Sequence[OrchestraError]) -> AllFailed:  # type: ignore[override]  # a narrower group
        return AllFailed(self.message, exceptions)

    def __str__(self) -> str:
        return "; ".join([self.message, *(str(e) for e in self.exceptions)])
