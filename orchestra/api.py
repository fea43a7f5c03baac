"""The client of the spec: one object that answers, streams, embeds, reranks and explains."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestra import trace
from orchestra.asking import UNSET, asked, refuse_what_is_no_score, texts_of
from orchestra.build import build
from orchestra.build.strategy import ensemble
from orchestra.door import sync
from orchestra.ensemble.verify import Verify
from orchestra.ensemble.vote import Vote
from orchestra.errors import ConfigError, DeadlineExceeded, OrchestraError
from orchestra.prompting import Experiment, Library
from orchestra.prompting.prompted import as_asked
from orchestra.prompting.scores import SCORE, prompts_of
from orchestra.routing import Arm, facts_of, route_of
from orchestra.runtime import Runtime
from orchestra.settings import APISettings, PolicyFile, find, read
from orchestra.settings.ensembles import sorted_out
from orchestra.settings.flat import default_policy
from orchestra.stream import Stream, SyncStream
from orchestra.tree import Tree
from orchestra.types import Call, Choice, Request, Response, Sink, Unlimited


class MultiModelAPI:
    """Ask models through the policies of a file, or of `APISettings`.

    `settings` is an `APISettings`, or the path of a policy file; `None` looks for one (`$ORCHESTRA_CONFIG`,
    `./orchestra.yaml`, the shipped default). Raises `ConfigError` when something in it is wrong. Safe to share between
    tasks and threads; every method has a twin ending in `_sync` for callers that are not async.
    """

    def __init__(self, settings: APISettings | str | Path | None = None, *, runtime: Runtime | None = None) -> None:
        if not isinstance(settings, APISettings | str | Path | None):
            raise ConfigError(f"settings are an APISettings or the path of a policy file, not {settings!r}")
        file = PolicyFile(settings) if isinstance(settings, APISettings) else read(find(settings))
        self._tree: Tree = build(file, runtime)

    @property
    def settings(self) -> APISettings:
        return self._tree.settings

    @property
    def tree(self) -> Tree:
        """The policies as they were built, and the way to any other name."""
        return self._tree

    @property
    def prompts(self) -> Library:
        """The prompts that `prompt_id=` names."""
        return self._tree.prompts

    async def generate(self, prompt: str | None = None, model: str | None = None, **options: Any) -> Response:
        """Answer a prompt, or `messages=`; costs what the models cost that are asked.

        `model` is a model or a policy; `None` leaves the choice to the policy `default`. What routing reads:
        `task_type`, `priority` (`high`, `normal`, `budget`, `speed`), `preferred_model`, `input_tokens`, `tags`.
        `deadline_s` is the total time in seconds, `None` for no end; `max_cost_usd` the most that the request may cost
        in all; `cache=False` keeps it out of every cache. Everything else goes to LiteLLM as it is (`tools`,
        `response_format`, `temperature` …). `prompt_id` renders a prompt of the library in place of `prompt`, with
        `variables` and, unless the one in production is meant, `version`; `messages` then come after it.

        Raises `ConfigError` for a name that nobody knows, `PromptError`, `NoModelAvailable`, `ModelError`,
        `DeadlineExceeded`, `BudgetExceeded`; the error's `journal` says what was spent.
        """
        arm, request, deadline_s = self._asked("chat", prompt, model, options)
        return await self._answered(arm, request, deadline_s)

    def request(self, call: Call = "chat", model: str | None = None, **options: Any) -> Request:
        """A request as `generate` makes it of the same options, checked and not yet sent; `answer` sends it."""
        return self._asked(call, None, model, options)[1]

    async def answer(self, request: Request, deadline_s: float | None = UNSET) -> Response:
        """Answer a ready-made request, under the budgets of this client or its own; with a sink, streamed into it."""
        budgets = self._tree.budgets() if isinstance(request.budgets, Unlimited) else request.budgets
        request = replace(request, budgets=budgets, journal=[])
        deadline_s = self.settings.deadline_s if deadline_s is UNSET else deadline_s
        arm = self._tree.find(request.model or default_policy(self.settings))
        return await self._answered(arm, request, deadline_s, request.sink)

    def score(self, response: Response | str, value: float, metric: str = "quality") -> None:
        """Store feedback on an answer, or on the id of a request; what routing learns from.

        `value` is any finite number, higher being better; a score of 0 to 1 compares with others. Queued, never waits.
        """
        refuse_what_is_no_score(response, value)
        request, attempts = (response, ()) if isinstance(response, str) else (response.id, response.attempts)
        score = {"request": request, "metric": metric, "value": value, "prompts": prompts_of(attempts)}
        self._tree.money.ledger.event(SCORE, None, score)

    def experiment(self, name: str) -> Experiment:
        """The experiment of that name, as the settings declare it; raises `ConfigError` when there is none."""
        declared = self.settings.experiments
        if name not in declared:
            close = get_close_matches(name, declared, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(declared) or 'none'}"
            raise ConfigError(f"no experiment is called {name!r}; {hint}")
        return self._tree.runtime.experiment(name, declared[name])

    def generate_stream(self, prompt: str | None = None, model: str | None = None, **options: Any) -> Stream:
        """The same, as chunks while they come: iterate it, or `async with` it; `.response` afterwards.

        The arguments are those of `generate`; a mistake in them is raised here, before anything is sent.
        """
        arm, request, deadline_s = self._asked("chat", prompt, model, options)
        return Stream(lambda sink: self._answered(arm, request, deadline_s, sink))

    async def generate_ensemble(
        self,
        prompt: str | None = None,
        strategy: str = "voting",
        models: Sequence[Any] = (),
        **options: Any,
    ) -> Response:
        """Answer with several models: `voting`, `ranking`, `fusion` or `verification`; costs what all of them cost.

        `models` are names, or nodes of a policy; none: the router picks a diverse panel that the budget has room for.
        `schema`, a pydantic class or a JSON schema, is what the answer must look like; of a class, `parsed` is an
        instance. `options` are those of the strategy (`min_agreement`, `quality_metric`, `generator_model` …: the
        fields of its node in a policy file) and those of `generate`. `result` is the strategy's own value, `text` the
        winner. `on_member` is told the path and the outcome of each member as it comes.
        """
        words, options = sorted_out(strategy, options)
        arm = ensemble(self._tree, strategy, models, words)
        _, request, deadline_s = self._asked("chat", prompt, None, options)
        return await self._answered(arm, request, deadline_s)

    async def embed(self, input: str | Sequence[str], model: str | None = None, **options: Any) -> Response:
        """Vectors of texts: `result` is a list of lists of floats, one for each text."""
        texts = [input] if isinstance(input, str) else texts_of(input)
        arm, request, deadline_s = self._asked("embedding", None, model or self._for("embedding"), options)
        request = replace(request, params={**request.params, "input": texts})
        return await self._answered(arm, request, deadline_s)

    async def rerank(
        self, query: str, documents: Sequence[str | Mapping[str, Any]], model: str | None = None, **options: Any
    ) -> Response:
        """Documents by how well they answer a query: `result` lists `index` and `relevance_score`, best first."""
        arm, request, deadline_s = self._asked("rerank", None, model or self._for("rerank"), options)
        request = replace(request, params={**request.params, "query": query, "documents": list(documents)})
        return await self._answered(arm, request, deadline_s)

    async def explain(
        self, prompt: str | None = None, model: str | None = None, *, live: bool = False, **options: Any
    ) -> Choice:
        """What `generate` would choose, and why, without a call.

        It decides as if every key were there; `live=True` counts missing keys and cool-downs as a call would.
        """
        arm, request, _ = self._asked("chat", _explained(prompt, options), model, options)
        return decided(arm, request, live)

    def generate_sync(self, prompt: str | None = None, model: str | None = None, **options: Any) -> Response:
        """`generate` for callers that are not async; works inside a running event loop too."""
        return sync(self.generate, prompt, model, **options)

    def generate_ensemble_sync(
        self, prompt: str | None = None, strategy: str = "voting", models: Sequence[Any] = (), **options: Any
    ) -> Response:
        """`generate_ensemble` for callers that are not async."""
        return sync(self.generate_ensemble, prompt, strategy, models, **options)

    def generate_stream_sync(self, prompt: str | None = None, model: str | None = None, **options: Any) -> SyncStream:
        """`generate_stream` for callers that are not async."""
        arm, request, deadline_s = self._asked("chat", prompt, model, options)
        return SyncStream(lambda sink: self._answered(arm, request, deadline_s, sink))

    def embed_sync(self, input: str | Sequence[str], model: str | None = None, **options: Any) -> Response:
        """`embed` for callers that are not async."""
        return sync(self.embed, input, model, **options)

    def rerank_sync(
        self, query: str, documents: Sequence[str | Mapping[str, Any]], model: str | None = None, **options: Any
    ) -> Response:
        """`rerank` for callers that are not async."""
        return sync(self.rerank, query, documents, model, **options)

    def explain_sync(
        self, prompt: str | None = None, model: str | None = None, *, live: bool = False, **options: Any
    ) -> Choice:
        """`explain` for callers that are not async; local, and needs no loop."""
        arm, request, _ = self._asked("chat", _explained(prompt, options), model, options)
        return decided(arm, request, live)

    def close(self) -> None:
        """Stop what the client started (the local model)."""
        self._tree.runtime.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def _for(self, role: str) -> str:
        """The first provider with a model for a role, one with a key before one without."""
        found = []
        for provider in self._tree.catalog.providers():
            if role in provider.models:
                arm = self._tree.find(f"{provider.name}:{role}")
                found.append((arm.unready() is not None, arm.name))
        if not found:
            raise ConfigError(f"no provider has a model for {role}; name one with model=")
        return min(found, key=lambda row: row[0])[1]

    def _asked(
        self, call: Call, prompt: str | None, model: str | None, options: Mapping[str, Any]
    ) -> tuple[Arm, Request, float | None]:
        return asked(self._tree, call, prompt, model, options)

    async def _answered(
        self, arm: Arm, request: Request, deadline_s: float | None, sink: Sink | None = None
    ) -> Response:
        clock = self._tree.runtime.clock
        begun = clock()
        request = replace(request, deadline=None if deadline_s is None else begun + deadline_s)
        try:
            async with asyncio.timeout(deadline_s) as scope:
                request = replace(request, sink=None if sink is None else _Watched(sink, scope))
                response = await self._tree.root(arm)(request)
        except TimeoutError as late:
            if isinstance(late, OrchestraError):
                raise
            error = DeadlineExceeded(f"no answer within the deadline of {deadline_s:g} s")
            error.journal = tuple(request.journal)
            raise error from late
        except OrchestraError as error:
            error.journal = tuple(request.journal)
            raise
        response = replace(response, attempts=tuple(request.journal), id=request.id, latency_s=clock() - begun)
        trace.log(response)
        return response


class _Watched:
    """A sink that ends the deadline with the first chunk: what comes after it is bounded by stalls alone."""

    def __init__(self, sink: Sink, scope: asyncio.Timeout) -> None:
        self._sink = sink
        self._scope = scope

    @property
    def started(self) -> bool:
        return self._sink.started

    async def push(self, chunk: Any) -> None:
        if not self._sink.started:
            self._scope.reschedule(None)
        await self._sink.push(chunk)


def decided(arm: Arm, request: Request, live: bool = False) -> Choice:
    """The decision of an arm for a request; one that decides nothing is chosen itself."""
    node = route_of(arm)
    if node is not None:
        return node.explain(as_asked(arm.model, request), live)
    name, reason = arm.name, "named by the caller"
    if len(arm.members) == 1 and arm.members[0].name != arm.name and not isinstance(arm.model, (Verify, Vote)):
        name, reason = arm.members[0].name, f"the one model of {arm.name!r}"
    return Choice(arm=name, rule="asked for", reason=reason, features=facts_of(request).shown(), chain=(name,))


def _explained(prompt: str | None, options: Mapping[str, Any]) -> str | None:
    """The prompt to explain; an empty one where there is nothing to ask."""
    return "" if prompt is None and not {"messages", "prompt_id"} & options.keys() else prompt
