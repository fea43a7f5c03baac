"""smolagents, as its documentation uses it: models, tool-calling and code agents, streams, a Router, errors."""

from __future__ import annotations

from typing import Any

from observing import MODEL, observe, report
from smolagents import ChatMessage, CodeAgent, LiteLLMModel, LiteLLMRouterModel, LogLevel, ToolCallingAgent, tool


@tool
def weather(city: str) -> str:
    """Say what the weather is.

    Args:
        city: The city.
    """
    return f"sunny in {city}"


def asked(text: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=[{"type": "text", "text": text}])]


model = LiteLLMModel(model_id=MODEL, temperature=0.5)


def shown(message: ChatMessage) -> Any:
    usage = message.token_usage
    return message.role, message.content, usage and (usage.input_tokens, usage.output_tokens)


@observe
def plain() -> Any:
    return shown(model.generate(asked("hello")))


@observe
def stops() -> Any:
    return shown(model.generate(asked("hello"), stop_sequences=["</code>"]))


@observe
def stream() -> Any:
    deltas = list(model.generate_stream(asked("hello")))
    used = [(d.token_usage.input_tokens, d.token_usage.output_tokens) for d in deltas if d.token_usage]
    return [d.content for d in deltas if d.content], used


@observe
def structured() -> Any:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    return shown(model.generate(asked("json"), response_format=wanted))


def run(kind: type[ToolCallingAgent | CodeAgent], question: str, **options: Any) -> Any:
    agent = kind(
        tools=[weather], model=options.pop("model", model), max_steps=3, verbosity_level=LogLevel.OFF, **options
    )
    result = agent.run(question, return_full_result=True)
    return result.output, result.state, result.token_usage.dict()


@observe
def tool_calling_agent() -> Any:
    return run(ToolCallingAgent, "agent")


@observe
def tool_calling_agent_in_a_stream() -> Any:
    return run(ToolCallingAgent, "agent", stream_outputs=True)


@observe
def code_agent() -> Any:
    return run(CodeAgent, "code", code_block_tags="markdown")


@observe
def through_a_router() -> Any:
    members = [{"model_name": "group", "litellm_params": {"model": MODEL}}]
    return run(ToolCallingAgent, "agent", model=LiteLLMRouterModel(model_id="group", model_list=members))


@observe
def server_error() -> Any:
    return shown(
        LiteLLMModel(model_id=MODEL, num_retries=0, max_retries=0, retry=False).generate(asked("SERVER_ERROR"))
    )


@observe
def context_window() -> Any:
    return shown(LiteLLMModel(model_id=MODEL, retry=False).generate(asked("CONTEXT_WINDOW")))


report()
