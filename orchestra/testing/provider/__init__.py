"""A stand-in for LLM providers: real wire formats on loopback, scripted behaviour, its own books."""

from orchestra.testing.provider.behaviour import (
    STATUS,
    Answer,
    Behaviour,
    Citation,
    Failure,
    Fault,
    FinishReason,
    Raw,
    Reply,
    Rule,
    ToolCall,
)
from orchestra.testing.provider.books import Record
from orchestra.testing.provider.call import Call, Operation
from orchestra.testing.provider.server import PROVIDERS, Provider

__all__ = [
    "PROVIDERS",
    "STATUS",
    "Answer",
    "Behaviour",
    "Call",
    "Citation",
    "Failure",
    "Fault",
    "FinishReason",
    "Operation",
    "Provider",
    "Raw",
    "Record",
    "Reply",
    "Rule",
    "ToolCall",
]
