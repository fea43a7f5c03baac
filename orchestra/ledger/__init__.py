"""Money: what calls may cost is held before they are made, what they cost is booked after, and it all adds up."""

from orchestra.ledger.budget import Budget
from orchestra.ledger.entry import Entry
from orchestra.ledger.folded import Folded
from orchestra.ledger.ledger import Durability, Ledger
from orchestra.ledger.ledgered import Held, Ledgered
from orchestra.ledger.money import nano, usd
from orchestra.ledger.ops import Alert, Ask, Claim, Granted, Refused, Standing
from orchestra.ledger.reading import Event

__all__ = [
    "Alert",
    "Ask",
    "Budget",
    "Claim",
    "Durability",
    "Entry",
    "Event",
    "Folded",
    "Granted",
    "Held",
    "Ledger",
    "Ledgered",
    "Refused",
    "Standing",
    "nano",
    "usd",
]
