"""The spec's ensembles, over the nodes that do the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from orchestra.api import MultiModelAPI
from orchestra.errors import Unavailable


class Ensemble:
    """What the spec's ensembles have in common: the client that they ask through.

    `api` unset: one with the settings of this machine. Who wants the cost and the trace too, asks the client itself.
    """

    def __init__(self, api: MultiModelAPI | None = None) -> None:
        self.api = api or MultiModelAPI()


class VotingEnsemble(Ensemble):
    """Several models answer, and the most common answer wins."""

    async def predict(self, prompt: str, models: Sequence[Any] = (), **options: Any) -> dict[str, Any]:
        """`result`, `confidence` (the winner's votes by the members asked) and `votes`, by the answers as first seen.

        `options` are those of `MultiModelAPI.generate_ensemble`. Costs a call of each model.
        """
        vote = (await self.api.generate_ensemble(prompt, "voting", models, **options)).result
        return {word: vote[word] for word in ("result", "confidence", "votes")}


class RankingEnsemble(Ensemble):
    """Several models answer, and a judge puts their answers in order."""

    async def generate(self, prompt: str, models: Sequence[Any] = (), **options: Any) -> list[dict[str, Any]]:
        """`model`, `output` and `quality_score` in [0, 1] of every answer, best first; the whole order is compared.

        `options` are those of `MultiModelAPI.generate_ensemble` (`quality_metric`, `judge` …). Costs a call of each
        model and those of the judge. Raises `Unavailable` where the judge does not answer.
        """
        response = await self.api.generate_ensemble(prompt, "ranking", models, **{"whole": True, **options})
        if response.score is None:
            raise Unavailable(response.note)
        ranked: list[dict[str, Any]] = response.result
        return ranked


class FusionEnsemble(Ensemble):
    """Several models extract a record, and the best of each field is kept."""

    async def extract_structured(self, prompt: str, models: Sequence[Any] = (), **options: Any) -> dict[str, Any]:
        """The merged record, as a dict.

        `options` are those of `MultiModelAPI.generate_ensemble` (`schema`, `fields`, `weights`, `arbiter` …). Costs a
        call of each model.
        """
        options = {"schema": {"type": "object"}, **options}
        record = (await self.api.generate_ensemble(prompt, "fusion", models, **options)).result
        fields: dict[str, Any] = record.model_dump() if isinstance(record, BaseModel) else record
        return fields


class VerificationEnsemble(Ensemble):
    """One model answers, another checks it."""

    async def generate_and_verify(
        self, prompt: str, generator_model: str | None = None, validator_model: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """`output`, `verification` (what the validator said) and `confidence` in [0, 1].

        A model that is not named is chosen: the generator a fast one, the validator the strongest of another family.
        `options` are those of `MultiModelAPI.generate_ensemble` (`max_rounds`, `otherwise` …). Costs two calls, and two
        more where what was found wrong is mended.
        """
        named: dict[str, Any] = {"generator_model": generator_model, "validator_model": validator_model}
        verified: dict[str, Any] = (await self.api.generate_ensemble(prompt, "verification", **named, **options)).result
        return verified
