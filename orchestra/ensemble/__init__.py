"""Several models, one answer: voted, cascaded, ranked, fused, verified."""

from orchestra.ensemble.answers import Answers
from orchestra.ensemble.cascade import Cascade
from orchestra.ensemble.fuse import Fuse
from orchestra.ensemble.rank import Rank
from orchestra.ensemble.verify import Verify
from orchestra.ensemble.vote import Vote

__all__ = ["Answers", "Cascade", "Fuse", "Rank", "Verify", "Vote"]
