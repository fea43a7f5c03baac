"""What keeps a request alive: retries, fallbacks, limits, cool-downs. One node a file."""

from orchestra.resilience.cooldown import Cooldowns, Cooled
from orchestra.resilience.downgrade import Downgrade
from orchestra.resilience.fallback import Fallback
from orchestra.resilience.limit import Limited, RateLimit
from orchestra.resilience.retired import Retired
from orchestra.resilience.retry import Retry

__all__ = ["Cooldowns", "Cooled", "Downgrade", "Fallback", "Limited", "RateLimit", "Retired", "Retry"]
