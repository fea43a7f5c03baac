"""What keeps a request alive: retries, fallbacks, limits, cool-downs, kept answers. One node a file."""

from orchestra.resilience.cache import Cached
from orchestra.resilience.cooldown import Cooldowns, Cooled
from orchestra.resilience.downgrade import Downgrade
from orchestra.resilience.fallback import Fallback
from orchestra.resilience.limit import Limited, RateLimit
from orchestra.resilience.load import Load, Loaded
from orchestra.resilience.retired import Retired
from orchestra.resilience.retry import Retry
from orchestra.resilience.store import Store

__all__ = [
    "Cached",
    "Cooldowns",
    "Cooled",
    "Downgrade",
    "Fallback",
    "Limited",
    "Load",
    "Loaded",
    "RateLimit",
    "Retired",
    "Retry",
    "Store",
]
