"""Several answers made into one."""

from orchestra.ensemble.answers import Answers
from orchestra.ensemble.cascade import Cascade
from orchestra.ensemble.vote import Vote

__all__ = ["Answers", "Cascade", "Vote"]
