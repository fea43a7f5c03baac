"""For tests of programs that use Orchestra: scripted models, a clock that is told the time, a provider stand-in."""

from orchestra.testing.clock import FakeClock
from orchestra.testing.provider import Answer, Fault, Provider
from orchestra.testing.scripted import Scripted

__all__ = ["Answer", "FakeClock", "Fault", "Provider", "Scripted"]
