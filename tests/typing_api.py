"""The public types, pinned: this file is only type-checked, never run."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from orchestra import (
    APISettings,
    Choice,
    Chunk,
    Fallback,
    Judge,
    Model,
    MultiModelAPI,
    Request,
    Response,
    Strategy,
    Stream,
    SyncStream,
    Verdict,
)


async def plain(request: Request) -> Response:
    return Response(text="x", model="m")


async def judged(request: Request, responses: Sequence[Response]) -> Sequence[Verdict]:
    return [Verdict(score=1.0) for _ in responses]


async def chosen(request: Request) -> Choice:
    return Choice(arm="a", reason="why")


a_function_is_a_model: Model = plain
a_node_is_a_model: Model = Fallback((("a", plain), ("b", Fallback((("c", plain),)))))
a_judge: Judge = judged
a_strategy: Strategy = chosen


async def client() -> None:
    api = MultiModelAPI(APISettings())
    response: Response = await api.generate("x", task_type="reasoning", temperature=0.2)
    cost: Decimal | None = response.cost_usd
    stream: Stream = api.generate_stream("x")
    async for chunk in stream:
        piece: Chunk = chunk
        print(piece.text, cost)
    sync: SyncStream = api.generate_stream_sync("x")
    print(next(sync).text, stream.response.latency_ms)
