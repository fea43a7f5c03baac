"""The policies of a client, built, and the way from any other name to a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from threading import RLock
from warnings import warn

from orchestra.accounts import budgets_of, ledger_of, ledgered, request_cap, specs_of
from orchestra.catalog import Catalog
from orchestra.counted import Counted
from orchestra.errors import BudgetExceeded, ConfigError
from orchestra.events import MODEL_RETIRED, emit
from orchestra.ledger import Budget, Ledgered
from orchestra.llm import Leaf
from orchestra.model_config import ModelConfig
from orchestra.names import PREFIX, Names
from orchestra.prompting import Library
from orchestra.resilience import Cooled, Downgrade, Limited, Loaded, Retired, Retry
from orchestra.routing import Arm, facts_of
from orchestra.routing.arm import cheapest
from orchestra.runtime import Runtime
from orchestra.settings.file import PolicyFile
from orchestra.settings.flat import DEFAULT
from orchestra.types import Model, Request

AUTO = "auto"
CHEAP = "groq/llama-3.1-8b-instant"
"""The spec's own cheapest model, asked instead of a dearer one where it has a key."""


class RetiredModelWarning(DeprecationWarning):
    """A model that its provider has retired was asked for; the warning names its successor."""


class Tree:
    """The policies of a client, built; any other name becomes an arm when it is first asked for."""

    def __init__(self, file: PolicyFile, runtime: Runtime, catalog: Catalog) -> None:
        self.file = file
        self.settings = file.settings
        self.runtime = runtime
        self.catalog = catalog
        self.names = Names(file.settings, catalog, runtime.local)
        self.counted = Counted(file.settings, catalog, self.names)
        self.specs = specs_of(file)
        if runtime.ledger is None:
            runtime.ledger = ledger_of(file.settings.ledger, runtime.wall)
        if runtime.prompts is None:
            runtime.prompts = Library.of(file.settings, clock=runtime.clock, wall=runtime.wall)
        self.prompts = runtime.prompts
        self.money: Ledgered = replace(
            ledgered(file.settings, runtime.ledger),
            clock=runtime.clock,
            sleep=runtime.sleep,
            uniform=runtime.uniform,
        )
        self.policies: Mapping[str, Arm] = {}
        self.asked: Mapping[str, tuple[ModelConfig, ...]] = {}
        """Every model that a policy can ask: its members, and who judges them, merges them or tells the task."""
        self._lock = RLock()
        self._arms: dict[str, Arm] = {}

    def add(self, policies: Mapping[str, Arm], asked: Mapping[str, Mapping[str, ModelConfig]]) -> None:
        """The policies, once they are built, and the models that they name; the budgets may name them."""
        self.policies = dict(policies)
        self.asked = {
            name: tuple({**{member.name: member for member in arm.members}, **asked.get(name, {})}.values())
            for name, arm in policies.items()
        }
        self._arms |= policies
        specs = {name: self.counted.spec(spec) for name, spec in self.specs.items()}
        self.money = replace(self.money, budgets=budgets_of(self.file, specs, self._id))

    def find(self, name: str) -> Arm:
        """The policy or model of that name; raises `ConfigError`, with a suggestion, when there is none."""
        name = name.removeprefix(PREFIX)
        name = DEFAULT if name == AUTO else name
        arm = self._arms.get(name)
        if arm is None:
            model = self.names.find(name)
            if model is None:
                raise ConfigError(f"no model or policy is called {name!r}{self.names.hint(name)}")
            with self._lock:
                arm = self._arms.setdefault(name, self.model(model))
        return arm

    def model(self, config: ModelConfig) -> Arm:
        """A model with all that keeps a call alive around its leaf."""
        run, settings = self.runtime, self.settings
        node: Model = Leaf(config, settings.default_max_tokens, run.clock, run.wall)
        if run.limit is not None:
            node = Limited(node, run.limit, run.clock, run.sleep)
        node = Retry(node, settings.retries, settings.retry_delay_seconds, run.clock, run.sleep, run.uniform)
        node = Loaded(config.model, Cooled(config.deployment, node, run.cooldowns), run.load)
        card = config.card
        if card.successor is not None and card.retired(datetime.fromtimestamp(run.wall(), UTC).date()):
            successor = self.find(card.successor)
            node = Retired(
                config.name, node, successor.name, successor.model, settings.on_retired, lambda: self._notice(config)
            )
        return Arm(config.name, node, (config,))

    def root(self, arm: Arm) -> Model:
        """What answers a request: the arm, or something cheaper where a budget says so."""
        names = frozenset(budget.name for budget in self.money.budgets if budget.on_exceeded == "downgrade")
        if not names:
            return arm.model
        early = any(self.specs[name].downgrade_at is not None for name in names)
        return Downgrade(arm.model, names, self._cheaper, self._early if early else None)

    def budgets(self, max_cost_usd: Decimal | None = None) -> Ledgered:
        """What a request is under: the budgets of the settings, and its own cap."""
        return self.money if max_cost_usd is None else self.money.plus(request_cap(max_cost_usd))

    def _id(self, name: str) -> str:
        return self.find(name).members[0].model

    def _cheaper(self, request: Request, refusal: BudgetExceeded | None) -> Iterator[tuple[str, Model]]:
        """The cheaper models for a request, the budget's own choice first, free ones last."""
        named = [spec for name, spec in self.specs.items() if refusal is None or name == refusal.budget]
        wanted = [spec.downgrade_to for spec in named if spec.downgrade_to is not None]
        facts = facts_of(request)
        arms = [self.find(name) for name in wanted] or [
            arm for arm in (self.find(CHEAP),) if arm.unready() is None and arm.unable(facts) is None
        ]
        able = [arm for arm in self._ready() if arm.unable(facts) is None]
        priced = [(cost, n, arm) for n, arm in enumerate(able) if (cost := cheapest(arm.members, facts)) is not None]
        if not arms:
            arms = [arm for cost, _, arm in sorted(priced, key=lambda row: row[:2]) if cost][:1]
        free = [arm for cost, _, arm in priced if not cost]
        yield from ((arm.name, arm.model) for arm in (*arms, *free))

    def _ready(self) -> Iterator[Arm]:
        """The cheap role of every provider that can be called here and now."""
        for entry in dict.fromkeys([*(p.name for p in self.catalog.providers()), *self.settings.providers]):
            for name in (f"{entry}:cheap", entry):
                try:
                    arm = self.find(name)
                except ConfigError:
                    continue
                if arm.unready() is None:
                    yield arm
                break

    async def _early(self, request: Request) -> bool:
        """A budget's share is spent from which the cheaper model is asked at once."""
        for budget in self.money.budgets:
            share = self.specs[budget.name].downgrade_at
            if share is not None and await self._used(budget, request) >= share:
                return True
        return False

    async def _used(self, budget: Budget, request: Request) -> float:
        free = await self.money.free_nano(budget, request.tags)
        return (budget.limit_nano - free) / budget.limit_nano if budget.limit_nano else 1.0

    def _notice(self, config: ModelConfig) -> None:
        """Warn, once for each, of a retired model that is about to be asked."""
        if config.name in self.runtime.warned:
            return
        self.runtime.warned.add(config.name)
        card = config.card
        emit(MODEL_RETIRED, model=config.model, successor=card.successor)
        said = f"{config.name!r} was retired by its provider on {card.retired_on}; its successor is {card.successor!r}"
        warn(said, RetiredModelWarning, stacklevel=3)
