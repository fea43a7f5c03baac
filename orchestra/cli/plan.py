"""What an ensemble does with a request, step by step, in words: whom it asks, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestra.cli.figures import counted
from orchestra.settings.nodes import CascadeSpec, FuseSpec, NameSpec, RankSpec, VerifySpec, VoteSpec

STRONGEST = "the strongest model with a key"
OTHER_FAMILY = f"{STRONGEST}, of another family"
UNNAMED = "a panel of different families, picked for each request"
CHECKED = ("judge", "validator")
OTHERWISE: dict[Any, str] = {
    None: "the plurality's answer, marked as not agreed",
    "abstain": "no answer",
    "best": "the answer of the member of the highest weight",
}


def plan(spec: Any) -> Iterator[str]:
    """The steps of an ensemble; none for any other node."""
    match spec:
        case VoteSpec():
            samples = f", {spec.samples} times each" if spec.samples > 1 else ""
            enough = ", as many as can decide" if spec.stop == "decided" else ""
            yield f"asks {_all(spec.models)}{samples}{enough}"
            yield f"they agree where {spec.min_agreement:.0%} of them say the same"
            plain = spec.otherwise is None or isinstance(spec.otherwise, str)
            yield f"where they do not: {OTHERWISE[spec.otherwise] if plain else _one(spec.otherwise)}"
        case CascadeSpec():
            yield f"asks {', then '.join(map(_one, spec.models))}"
            by = {
                "agreement": f"{spec.threshold:.0%} of its members agree",
                "judge": f"{spec.judge and _one(spec.judge)} scores it {spec.threshold:.2f} or more",
                "schema": "it is whole and fits its schema",
            }
            yield f"an answer is taken where {by[spec.accept]}, the last one always"
        case RankSpec():
            yield f"asks {_all(spec.models)}"
            yield f"judge: {_or(spec, 'judge', OTHER_FAMILY)}, by {spec.metric}"
        case FuseSpec():
            yield f"asks {_all(spec.models)}"
            yield f"records are merged field by field; below {spec.min_agreement:.0%} agreement: " + (
                _one(spec.arbiter) if spec.arbiter else "the heaviest value, marked as a conflict"
            )
            yield f"texts are made one by {_or(spec, 'aggregator', STRONGEST)}"
        case VerifySpec():
            yield f"asks {_or(spec, 'generator', 'a fast model that has a key')}"
            yield f"checker: {_or(spec, 'validator', OTHER_FAMILY)}"
            after = _one(spec.otherwise) if spec.otherwise else "the answer, marked as not verified"
            rounds = counted(spec.max_rounds, "time")
            yield f"what is wrong goes back to its author at most {rounds}; where it stays wrong: {after}"


def _all(models: tuple[Any, ...]) -> str:
    return ", ".join(map(_one, models)) or UNNAMED


def _one(spec: Any) -> str:
    if isinstance(spec, NameSpec):
        return spec.name
    models = getattr(spec, "models", ())
    return f"a {spec.kind}{f' of {_all(models)}' if models else ''}"


def _or(spec: Any, part: str, usual: str) -> str:
    """A part of an ensemble; what stands in for it where it is not set, the checks alone where it is set to none."""
    if (found := getattr(spec, part)) is not None:
        return _one(found)
    return "its checks alone" if part in CHECKED and part in spec.model_fields_set else usual
