"""Several models, one answer: judged, ranked, fused, verified."""

from orchestra.ensemble.fuse import Fuse
from orchestra.ensemble.rank import Rank
from orchestra.ensemble.verify import Verify

__all__ = ["Fuse", "Rank", "Verify"]
