"""openai-agents, as its documentation uses it: tools, streams, structured output, handoffs, usage, errors."""

from __future__ import annotations

from typing import Any

from agents import Agent, ModelSettings, Runner, function_tool, set_tracing_disabled
from agents.extensions.models.litellm_model import LitellmModel
from observing import MODEL, observe, report
from pydantic import BaseModel

set_tracing_disabled(True)


class Place(BaseModel):
    city: str


@function_tool
def weather(city: str) -> str:
    """Say what the weather is."""
    return f"sunny in {city}"


model = LitellmModel(model=MODEL)
settings = ModelSettings(include_usage=True, temperature=0.5, max_tokens=50)
helper = Agent(name="helper", instructions="Help.", model=model, model_settings=settings, tools=[weather])


def shown(result: Any) -> Any:
    usage = result.context_wrapper.usage
    kinds = [item.type for item in result.new_items]
    return str(result.final_output), kinds, (usage.requests, usage.input_tokens, usage.output_tokens)


@observe
async def tools() -> Any:
    return shown(await Runner.run(helper, "agent"))


@observe
async def stream() -> Any:
    result = Runner.run_streamed(helper, "agent")
    kinds = [event.data.type async for event in result.stream_events() if event.type == "raw_response_event"]
    return shown(result), kinds


@observe
async def structured() -> Any:
    agent = Agent(name="reader", model=model, output_type=Place)
    return shown(await Runner.run(agent, "json"))


@observe
async def handoff() -> Any:
    triage = Agent(name="triage", model=model, handoffs=[Agent(name="expert", model=model)])
    result = await Runner.run(triage, "handoff")
    return shown(result), result.last_agent.name


@observe
def in_sync_code() -> Any:
    return shown(Runner.run_sync(Agent(name="plain", model=model), "hello"))


@observe
async def rate_limit() -> Any:
    return shown(await Runner.run(Agent(name="plain", model=model), "RATE_LIMITED"))


@observe
async def rate_limit_in_a_stream() -> Any:
    result = Runner.run_streamed(Agent(name="plain", model=model), "RATE_LIMITED")
    return [event.type async for event in result.stream_events()]


report()
