"""The ensembles whose answer somebody judges."""

from __future__ import annotations

from collections.abc import Iterator

from orchestra.build.builder import Builder, members
from orchestra.build.panel import panelled
from orchestra.build.standins import fast, strongest
from orchestra.ensemble import Fuse, Rank, Verify
from orchestra.ensemble.asking import Asked
from orchestra.ensemble.checks import Adds, Check, Checked, Fits, Matches, Parses, Resembles
from orchestra.ensemble.judges import Pairwise, Pointwise
from orchestra.ensemble.order import BradleyTerry, Copeland
from orchestra.ensemble.records import Records
from orchestra.ensemble.reliability import FUSION, LearnedFields, fields_of, none_yet
from orchestra.ensemble.schema import Schema
from orchestra.ensemble.synthesis import Synthesis
from orchestra.errors import ConfigError, NoModelAvailable
from orchestra.model_config import ModelConfig
from orchestra.routing import Arm, Facts, Route
from orchestra.settings.file import KeyPath
from orchestra.settings.nodes import CheckSpec, FuseSpec, NodeSpec, RankSpec, VerifySpec
from orchestra.types import Judge


def rank(builder: Builder, spec: RankSpec, name: str, path: KeyPath) -> Arm:
    if not spec.models:
        return panelled(builder, spec, name, path)
    arms = builder.nodes(spec.models, name, (*path, "models"))
    run, judge = builder.runtime, None
    if spec.judge is not None or "judge" not in spec.model_fields_set:
        asked = _asked(builder, spec.judge, name, (*path, "judge")) or strongest(
            builder, "judge", lambda _: members(arms)
        )
        judge = _judge(spec, Asked(asked.name, asked.model, builder.tree.prompts), builder)
    checks = tuple(_checks(builder, spec.checks, path))
    whole: Judge = Checked(checks, judge) if checks or judge is None else judge
    return Arm(name, Rank(tuple((arm.name, arm.model) for arm in arms), whole, run.clock), members(arms))


def fuse(builder: Builder, spec: FuseSpec, name: str, path: KeyPath) -> Arm:
    if not spec.models:
        return panelled(builder, spec, name, path)
    arms = builder.nodes(spec.models, name, (*path, "models"))
    prompts, ledger = builder.tree.prompts, builder.tree.money.ledger
    weights = spec.weights if isinstance(spec.weights, dict) else {}
    for given, where in ((weights, "weights"), *((one.weights, "fields") for one in spec.fields.values())):
        for member in (given or {}).keys() - {arm.name for arm in arms}:
            known = ", ".join(arm.name for arm in arms)
            builder.problem((*path, where), f"{member!r} is no member; there are {known}")
    arbiter = _asked(builder, spec.arbiter, name, (*path, "arbiter"))
    aggregator = _asked(builder, spec.aggregator, name, (*path, "aggregator")) or strongest(builder, "aggregator")
    records = Records(
        prompts,
        schema=_schema(builder, spec.json_schema, (*path, "json_schema")),
        weights=weights,
        rules=spec.fields,
        min_agreement=spec.min_agreement,
        arbiter=None if arbiter is None else Asked(arbiter.name, arbiter.model, prompts),
        measure=LearnedFields(builder.runtime.folded(fields_of)) if spec.weights == "learned" else none_yet,
        record=lambda told: ledger.event(FUSION, None, told),
    )
    synthesis = Synthesis(Asked(aggregator.name, aggregator.model, prompts))
    pairs = tuple((arm.name, arm.model) for arm in arms)
    return Arm(name, Fuse(pairs, records, synthesis, builder.runtime.clock), members(arms))


def verify(builder: Builder, spec: VerifySpec, name: str, path: KeyPath) -> Arm:
    prompts = builder.tree.prompts
    generator = _asked(builder, spec.generator, name, (*path, "generator")) or fast(builder, "generator")
    otherwise = _asked(builder, spec.otherwise, name, (*path, "otherwise"))
    validator = None
    if spec.validator is not None or "validator" not in spec.model_fields_set:
        arm = _asked(builder, spec.validator, name, (*path, "validator"))
        arm = arm or strongest(builder, "validator", lambda facts: _author(builder, generator, facts))
        validator = Asked(arm.name, arm.model, prompts)
    node = Verify(
        (generator.name, generator.model),
        validator,
        prompts,
        tuple(_checks(builder, spec.checks, path)),
        spec.max_rounds,
        None if otherwise is None else (otherwise.name, otherwise.model),
        builder.runtime.clock,
    )
    return Arm(name, node, generator.members)


def _asked(builder: Builder, spec: NodeSpec | None, name: str, path: KeyPath) -> Arm | None:
    """The node of a part that may be left open."""
    return None if spec is None else builder.node(spec, f"{name}.{path[-1]}", path)


def _author(builder: Builder, generator: Arm, facts: Facts) -> tuple[ModelConfig, ...]:
    """The models that a generator will ask first."""
    node = generator.model
    if not isinstance(node, Route):
        return generator.members
    try:
        return builder.tree.find(node.strategy.decide(facts, live=True).arm).members
    except NoModelAvailable:
        return ()


def _judge(spec: RankSpec, asked: Asked, builder: Builder) -> Judge:
    if spec.method == "pointwise":
        return Pointwise(asked, spec.metric, builder.runtime.clock)
    order = Copeland(spec.whole) if spec.order == "copeland" else BradleyTerry()
    return Pairwise(asked, spec.metric, order, spec.length_control, builder.runtime.clock)


def _checks(builder: Builder, specs: tuple[CheckSpec, ...], path: KeyPath) -> Iterator[Check]:
    for n, spec in enumerate(specs):
        schema = _schema(builder, spec.json_schema, (*path, "checks", n, "json_schema"))
        if schema is not None:
            yield Fits(schema)
        if spec.pattern is not None:
            yield Matches(spec.pattern)
        if spec.reference is not None:
            yield Resembles(spec.reference)
        if spec.arithmetic:
            yield Adds()
        if spec.python:
            yield Parses()


def _schema(builder: Builder, given: object, path: KeyPath) -> Schema | None:
    try:
        return None if given is None else Schema(given)
    except ConfigError as error:
        builder.problem(path, str(error))
        return None
