"""The ledger as anyone would write it who never has to store it: what the engines are compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY = 86_400
HOUR = 3_600
LEASE = 60


@dataclass
class Window:
    limit: int
    spent: int = 0
    held: int = 0
    overrun: int = 0
    cap: int = 0

    def follow(self, limit: int) -> bool:
        """Take over a limit; tells whether anything about it is new."""
        cap = max(limit, self.spent + self.held - self.overrun)
        changed = (limit, cap) != (self.limit, self.cap)
        self.limit, self.cap = limit, cap
        return changed


@dataclass
class Hold:
    amount: int
    owner: str
    made: float
    model: str
    windows: list[tuple[str, int]]
    state: str = "held"
    actual: int | None = None


@dataclass
class Model:
    """Windows by (budget, start), holds by id; every amount in nano-USD.

    `matching` says which models a budget counts. `cost` is what each call has been booked at, with when it was made.
    """

    wall: float
    limits: dict[str, int] = field(default_factory=dict)
    matching: dict[str, str] = field(default_factory=dict)
    newest: float = 0.0
    windows: dict[tuple[str, int], Window] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    cost: dict[str, tuple[float, str, int]] = field(default_factory=dict)
    beats: dict[str, float] = field(default_factory=dict)
    alerts: dict[tuple[str, int, str], int] = field(default_factory=dict)

    @property
    def at(self) -> float:
        return max(self.wall, self.newest)

    def start(self, budget: str) -> int:
        return 0 if budget.startswith("total") else int(self.at // DAY * DAY)

    def commit(self, owner: str) -> None:
        self.newest = self.beats[owner] = self.at

    def counts(self, budget: str, model: str) -> bool:
        return self.matching[budget] in ("", model)

    def open(self, budget: str) -> Window:
        """The window of now; opened, it holds and has spent what matching calls of its time did."""
        start = self.start(budget)
        key = budget, start
        end = float("inf") if start == 0 else start + DAY
        if key not in self.windows:
            window = self.windows[key] = Window(self.limits[budget])
            for made, model, cost in self.cost.values():
                if start <= made < end and self.counts(budget, model):
                    window.spent += cost
            for hold in self.holds.values():
                if hold.state == "held" and start <= hold.made < end and self.counts(budget, hold.model):
                    window.held += hold.amount
                    hold.windows.append(key)
        self.windows[key].follow(self.limits[budget])
        return self.windows[key]

    def peek(self, budget: str) -> Window:
        """The window of now, not opened."""
        key = budget, self.start(budget)
        if key in self.windows:
            return self.windows[key]
        window = self.open(budget)
        for hold in self.holds.values():
            if key in hold.windows:
                hold.windows.remove(key)
        return self.windows.pop(key) and window

    def reserve(self, owner: str, asks: list[tuple[str, int, str, list[str]]]) -> str:
        """What should come of it: granted, busy, exceeded or clock."""
        claimed = {budget for *_, budgets in asks for budget in budgets}
        late = self.newest - self.wall > HOUR
        changed = [self._claim(budget, follow=not late) for budget in claimed]
        if late:
            if any(changed):
                self.commit(owner)
            return "clock"
        answer = self._answer([(budget, amount) for _, amount, _, budgets in asks for budget in budgets])
        if answer == "granted":
            self._grant(owner, asks)
        if answer == "granted" or any(changed):
            self.commit(owner)
        return answer

    def _claim(self, budget: str, follow: bool) -> bool:
        """Open the window of now if there is none; tells whether anything about it is new."""
        known = self.windows.get((budget, self.start(budget)))
        if known is None:
            self.open(budget)
        elif follow:
            return known.follow(self.limits[budget])
        return known is None

    def _answer(self, claims: list[tuple[str, int]]) -> str:
        needed: dict[str, int] = {}
        answer = "granted"
        for budget, amount in claims:
            window, limit = self.peek(budget), self.limits[budget]
            needed[budget] = needed.get(budget, 0) + amount
            if window.spent + needed[budget] > limit:
                return "exceeded"
            if window.spent + window.held + needed[budget] > limit:
                answer = "busy"
        return answer

    def _grant(self, owner: str, asks: list[tuple[str, int, str, list[str]]]) -> None:
        for id, amount, model, budgets in asks:
            keys = [(budget, self.start(budget)) for budget in budgets]
            self.holds[id] = Hold(amount, owner, self.at, model, keys)
            for key in keys:
                self.windows[key].held += amount
                self.crossed(key)

    def settle(self, owner: str, id: str, actual: int | None) -> None:
        """`None` is void of a call; unknown costs come as the amount of the hold."""
        hold = self.holds[id]
        if hold.state not in ("held", "expired"):
            return
        amount = actual or 0
        for key in hold.windows:
            window = self.windows[key]
            if hold.state == "held":
                window.held -= hold.amount
                window.spent += amount
            else:
                window.spent += amount - hold.amount
            window.overrun += max(0, amount - hold.amount)
        hold.state, hold.actual = "posted" if actual is not None else "void", amount
        self.cost[id] = (hold.made, hold.model, amount)
        for key in hold.windows:
            self.crossed(key)
        self.commit(owner)

    def unheld(self, owner: str, id: str, model: str, amount: int, budgets: list[str]) -> None:
        """A call that had no hold; all of it is overrun."""
        for budget in budgets:
            window = self.open(budget)
            window.spent += amount
            window.overrun += amount
        self.cost[id] = (self.at, model, amount)
        for budget in budgets:
            self.crossed((budget, self.start(budget)))
        self.commit(owner)

    def beat(self, owner: str) -> None:
        for id, hold in self.holds.items():
            silent = self.at - self.beats.get(hold.owner, float("-inf")) > LEASE
            if hold.state == "held" and hold.owner != owner and silent:
                for key in hold.windows:
                    self.windows[key].held -= hold.amount
                    self.windows[key].spent += hold.amount
                hold.state = "expired"
                self.cost[id] = (hold.made, hold.model, hold.amount)
                for key in hold.windows:
                    self.crossed(key)
        self.commit(owner)

    def crossed(self, key: tuple[str, int]) -> None:
        window = self.windows[key]
        for name, threshold in (("alert", window.limit * 8 // 10), ("limit", window.limit)):
            if window.spent and window.spent >= threshold:
                self.alerts.setdefault((*key, name), 1)
